/* A small plain-HTTP server for health and metrics, which both programs use: GET (and HEAD) of fixed paths,
 * no body, one answer per connection, one thread. Not for: anything that needs TLS, a body or speed.
 */
#pragma once

#include "common/buffer.h"
#include "common/http_worker.h"

#include <stddef.h>

/* Bounds: connections at once, their time for everything, largest header and largest answer. */
#define HTTP_LISTENER_CONNECTIONS 64
#define HTTP_LISTENER_TIME_MS 10000
#define HTTP_LISTENER_HEADER_BYTES 4096
#define HTTP_LISTENER_ANSWER_BYTES (4u * 1024 * 1024)

/* One path. `answer` appends the body, may set `*content_type` (default: plain text) and returns the status.
 * It is called on the listener's thread. */
struct http_listener_route {
    const char *path;
    unsigned (*answer)(void *context, struct buffer *body, const char **content_type);
};

struct http_listener;

/* Listens at `address` (see common/listening_socket.h) and serves `routes`, which ends with a NULL path and
 * outlives the listener, as does `context`. Errors: those of the socket and of http_worker_start. The caller
 * frees `*listener`. */
bool http_listener_start(const char *address, const struct http_listener_route *routes, void *context,
                         struct error *error, struct http_listener **listener) _warn_unused_result_;

/* The port it listens at. */
uint16_t http_listener_port(const struct http_listener *listener);

/* Answers what has arrived, for at most a second, and ends. Accepts NULL. */
void http_listener_free(struct http_listener *listener);
DEFINE_POINTER_CLEANUP(struct http_listener *, http_listener_free)
