/* The admission server: TLS, the routes /mutate, /validate, /healthz and /readyz, limits, drain. One worker
 * thread per processor by default; a request runs where its connection lives, unless it has to wait for a
 * namespace (waiting_room.h).
 *
 * Not for: metrics and health on a plain port (common/http_listener.h), reloading, signals
 * (commands/serve.c).
 */
#pragma once

#include "common/http_worker.h"
#include "webhook/admission/recorder.h"
#include "webhook/server/certificate_source.h"
#include "webhook/server/client_authentication.h"
#include "webhook/server/configuration_store.h"
#include "webhook/server/metrics.h"
#include "webhook/server/readiness.h"

#include <stdint.h>

#define SERVER_THREADS_MAXIMUM 64

/* All pointers outlive the server. */
struct server_options {
    const char *address;       /* see common/listening_socket.h */
    unsigned threads;          /* 0: one per processor; at most SERVER_THREADS_MAXIMUM */
    struct http_limits limits; /* connections: of all threads together, at least one each */
    const struct certificate_source *certificates;
    struct client_authentication *clients; /* NULL: every client */
    struct configuration_store *configurations;
    /* Facts on namespaces. Asked without waiting first; when it says ERROR_UNAVAILABLE the request waits on
     * another thread for what is left of NAMESPACE_WAIT_MS. NULL: nothing is known. */
    const struct namespace_source *namespaces;
    struct injector_metrics *metrics;
    struct readiness *readiness; /* while it drains, every answer closes its connection */
    /* Called on a worker's thread before an answer is sent; what it refuses is answered with 503. NULL:
     * nobody. */
    const struct admission_recorder *recorder;
};

/* How many worker threads a server with this option has. */
unsigned server_count_threads(unsigned wanted);

struct server;

/* Listens and serves. Errors: of the address, of starting threads. The caller stops `*server`. */
bool server_start(const struct server_options *options, struct error *error,
                  struct server **server) _warn_unused_result_;

/* The port it listens at. */
uint16_t server_port(const struct server *server);

/* Stops accepting, answers what is under way for at most `timeout_ms`, ends and frees. Returns how many
 * requests were cut off. Accepts NULL. */
unsigned server_stop(struct server *server, unsigned timeout_ms);
