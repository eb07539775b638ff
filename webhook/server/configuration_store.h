/* The configuration in use: shared by reference with the requests that run, replaced as a whole on reload.
 * Not for: noticing that the file changed (webhook/server/file_watch.h).
 */
#pragma once

#include "common/cleanup.h"
#include "webhook/injection/configuration.h"

struct configuration_store;

/* Loads for the first time; `sources` and what it points to must outlive the store. Errors are those of
 * configuration_load. The caller frees `*store` when no reference is held any more. */
bool configuration_store_new(const struct configuration_sources *sources, struct error *error,
                             struct configuration_store **store) _warn_unused_result_;
void configuration_store_free(struct configuration_store *store);
DEFINE_POINTER_CLEANUP(struct configuration_store *, configuration_store_free)

/* Loads again from the same sources. On failure the old configuration stays. Requests that run keep theirs.
 */
bool configuration_store_reload(struct configuration_store *store, struct error *error) _warn_unused_result_;

/* The configuration in use; from any thread. Never NULL. Each must be given back. */
const struct configuration *configuration_store_acquire(struct configuration_store *store);
void configuration_store_release(struct configuration_store *store,
                                 const struct configuration *configuration);
