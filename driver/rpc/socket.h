/* The Unix socket that the gateway connects to: made so that nobody but our own user can reach it.
 *
 * The rules are those of contract/gateway-driver.md section A. Not for: the lifetime of connections
 * (connections.h) and not for anything that is sent over them.
 */
#pragma once

#include "common/error.h"

#include <sys/types.h>

struct rpc_socket;

/* Creates the directories above `path` that are missing, takes the parent for ourselves (it must be a real
 * directory of our effective user; mode 0700), replaces a socket of ours that nobody serves any more, and
 * listens. The socket has mode 0600 from its first moment. Errors: ERROR_INVALID (path empty, too long or
 * without a name), ERROR_FAILED_PRECONDITION (something else is in the way: a foreign parent, a link, a file,
 * a socket that is being served), ERROR_IO. The caller owns `*opened` (rpc_socket_free). */
bool rpc_socket_open(const char *path, struct error *error, struct rpc_socket **opened) _warn_unused_result_;

/* True when rpc_socket_open would succeed for this path as things are now; changes nothing. */
bool rpc_socket_check(const char *path, struct error *error) _warn_unused_result_;

/* The listening descriptor, for poll. Owned by the socket. */
int rpc_socket_descriptor(const struct rpc_socket *opened);

/* Takes one waiting connection: non-blocking, close-on-exec, from our own user. ERROR_PERMISSION_DENIED: the
 * peer is another user or cannot be identified; it has been closed. ERROR_UNAVAILABLE: nobody waits any more.
 * ERROR_IO: accept failed. The caller owns `*connection`. */
bool rpc_socket_accept(struct rpc_socket *opened, struct error *error, int *connection) _warn_unused_result_;

/* Closes the socket and removes its name, unless the name belongs to another socket by now. Accepts NULL. */
void rpc_socket_free(struct rpc_socket *opened);
