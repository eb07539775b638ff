/* The annotations of every namespace, kept by a watch, so that a decision never waits for a request: the
 * namespace_source of admission.h in a server. Only the annotations that begin with
 * NAMESPACE_ANNOTATION_PREFIX are kept. Lookups do not block each other. Source: contract/decisions.md
 * section 2 (sandbox uid/gid).
 *
 * Not for: `render` and `review`, which are given the annotations.
 */
#pragma once

#include "kubernetes/reflector.h"
#include "webhook/admission/admission.h"

#define NAMESPACE_ANNOTATION_PREFIX "openshift.io/sa.scc."
/* Most namespaces held; one more is a failure of the watch, shown in metrics. */
#define NAMESPACE_CACHE_ENTRIES 65536u
/* Longest value kept; the rest is cut off. No range is longer, and a longer value is no range before or
 * after. */
#define NAMESPACE_VALUE_BYTES 1024u

struct namespace_cache;

/* Starts watching. `client` outlives the cache. `report` (NULL: nobody listens) is called on the watch's
 * thread with each failure that is tried again. `options` NULL: the reflector's defaults. The caller owns
 * `*cache`. */
bool namespace_cache_new(struct kubernetes_client *client, const struct kubernetes_reflector_options *options,
                         void (*report)(void *context, const struct error *error, unsigned retry_ms),
                         void *report_context, struct error *error,
                         struct namespace_cache **cache) _warn_unused_result_;

/* Ends the watch. No lookup may be under way or begin any more. Accepts NULL. */
void namespace_cache_free(struct namespace_cache *cache);
DEFINE_POINTER_CLEANUP(struct namespace_cache *, namespace_cache_free)

/* A source that looks up in `cache`; valid as long as the cache. */
struct namespace_source namespace_cache_source(struct namespace_cache *cache);

/* Whether every namespace is known: the first list has been complete. Stays true. Any thread. */
bool namespace_cache_is_synced(struct namespace_cache *cache);
