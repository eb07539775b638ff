/* One curl handle with its kept-alive connection: runs one exchange at a time, ends promptly on cancellation,
 * deadline or silence. Internal to kubernetes/; owned by kubernetes/transport.h.
 */
#pragma once

#include "common/cleanup.h"
#include "kubernetes/credentials.h"
#include "kubernetes/exchange.h"

/* Connections idle for longer are not used again: servers close theirs after 90 s and more, and a request
 * sent into a closing connection would be lost. */
#define CONNECTION_IDLE_S 60L
/* When a peer that went away silently is noticed: after 30 s + 3 x 10 s. */
#define CONNECTION_KEEPALIVE_IDLE_S 30L
#define CONNECTION_KEEPALIVE_INTERVAL_S 10L

/* What all connections of a transport have in common; outlives them. */
struct connection_settings {
    const char *server_url; /* scheme, host and port */
    const char
        *base_path; /* stands before the path of each request; "" or "/..." without a slash at the end */
    const char *user_agent;
    const char *proxy_url;               /* NULL: direct */
    const struct curl_slist *connect_to; /* NULL: where the URL says */
    struct kubernetes_credentials *credentials;
};

struct connection;

/* Makes the handle; connects to nothing yet. `generation`: of the credentials it is given. */
bool connection_new(const struct connection_settings *settings, uint64_t generation, struct error *error,
                    struct connection **connection) _warn_unused_result_;
void connection_free(struct connection *connection);
DEFINE_POINTER_CLEANUP(struct connection *, connection_free)

/* True when the peer has sent something since the last exchange, its farewell most likely: what is sent now
 * would be lost. libcurl's own look takes the end of a TLS session for a sign of life. */
bool connection_is_stale(const struct connection *connection);

uint64_t connection_generation(const struct connection *connection);

/* Success means that a whole answer came, of any status. ERROR_UNAVAILABLE: no connection, or it broke;
 * ERROR_TIMEOUT: deadline or silence; ERROR_CANCELLED; or what `receive` set. */
bool connection_perform(struct connection *connection, const struct exchange *exchange, struct error *error,
                        struct exchange_result *result) _warn_unused_result_;
