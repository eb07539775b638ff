/* Accepts connections on the socket, hands them to a consumer and counts those that live.
 *
 * gRPC core says nothing when a connection that it was given ends. A duplicate of each descriptor is kept
 * here and watched for the peer's hang-up, which is what makes a limit possible. Not for: reading or writing.
 */
#pragma once

#include "driver/rpc/socket.h"

/* Connections that live at once; one more is closed as soon as it is accepted. The gateway needs one. */
#define CONNECTIONS_MAXIMUM 256

struct rpc_connections;

struct rpc_connections_consumer {
    /* Takes the ownership of the descriptor. */
    void (*accepted)(void *context, int descriptor);
    /* A connection was closed unused; the reason names the limit or the peer's user. May be NULL. */
    void (*refused)(void *context, const struct error *reason);
    void *context;
};

/* Starts a thread that accepts until rpc_connections_stop. Keeps a pointer to `opened`. The caller owns
 * `*started` (rpc_connections_free). */
bool rpc_connections_start(struct rpc_socket *opened, const struct rpc_connections_consumer *consumer,
                           struct error *error, struct rpc_connections **started) _warn_unused_result_;

/* Stops accepting and ends the thread; connections handed over are not touched. Safe to call twice. */
void rpc_connections_stop(struct rpc_connections *connections);

/* Stops and releases. Accepts NULL. */
void rpc_connections_free(struct rpc_connections *connections);
