/* What `serve` is made of, put together from its options: certificate, configuration, namespaces, metrics,
 * readiness, the admission server and the plain listener. Not for: signals and the order of the end
 * (serve.c).
 */
#pragma once

#include "common/http_listener.h"
#include "kubernetes/client.h"
#include "webhook/admission/namespace_cache.h"
#include "webhook/commands/serve_audit.h"
#include "webhook/commands/serve_certificates.h"
#include "webhook/commands/serve_options.h"
#include "webhook/server/certificate_files.h"
#include "webhook/server/file_watch.h"
#include "webhook/server/server.h"

#include <stdatomic.h>

struct serve_parts {
    const struct serve_options *options;
    struct configuration_store *configurations; /* the caller's */
    struct injector_metrics metrics;
    struct readiness readiness;
    struct certificate_files *certificate_files; /* NULL: the injector makes its own */
    struct serve_certificates *own_certificates; /* NULL: files */
    struct certificate_source certificates;
    struct serve_audit *audit;             /* NULL: nothing is recorded */
    struct client_authentication *clients; /* NULL: every client may ask */
    struct kubernetes_client *kubernetes;  /* NULL until it is needed */
    struct namespace_cache *_Atomic namespace_cache;
    struct namespace_source namespaces;
    struct server *server;
    struct http_listener *listener;
    struct file_watch configuration_watch, certificate_watch, client_watch;
    unsigned refused_polls; /* since the certificate files were refused; 0: they were not */
};

/* Starts everything; `options` and `configurations` outlive it. The caller calls serve_parts_stop, also after
 * a failure. */
bool serve_parts_start(struct serve_parts *parts, const struct serve_options *options,
                       struct configuration_store *configurations, struct error *error) _warn_unused_result_;

/* Ends the server with requests under way finishing for at most `timeout_ms`, then everything else. Returns
 * how many requests were cut off. */
unsigned serve_parts_stop(struct serve_parts *parts, unsigned timeout_ms);

/* Looks at the files and reloads what changed; logs and counts. To be called a few times per second. */
void serve_parts_poll_files(struct serve_parts *parts);

/* Reloads all files, changed or not; logs and counts. What fails stays as it was. */
void serve_parts_reload(struct serve_parts *parts);
