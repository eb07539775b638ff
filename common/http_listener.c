#include "common/http_listener.h"

#include "common/http_answer.h"
#include "common/listening_socket.h"

#include <stdlib.h>
#include <string.h>

#define DRAIN_MS 1000

struct http_listener {
    int descriptor;
    const struct http_listener_route *routes;
    void *context;
    struct http_worker *worker;
    struct buffer body; /* of the answer being made; copied when it is sent */
};

static bool send_text(struct http_connection *connection, unsigned status, const char *text,
                      const char *allow)
{
    struct http_answer answer = {.status = status,
                                 .content_type = "text/plain; charset=utf-8",
                                 .body = text,
                                 .length = strlen(text),
                                 .is_last = true,
                                 .allow = allow};
    return http_answer_send(connection, &answer);
}

static bool send_route(struct http_listener *listener, const struct http_listener_route *route,
                       struct http_connection *connection)
{
    struct http_answer answer = {
        .content_type = "text/plain; charset=utf-8", .is_copied = true, .is_last = true};
    buffer_clear(&listener->body);
    answer.status = route->answer(listener->context, &listener->body, &answer.content_type);
    if (!buffer_check(&listener->body, NULL))
        return send_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer does not fit\n", NULL);
    answer.body = buffer_string(&listener->body);
    answer.length = listener->body.length;
    return http_answer_send(connection, &answer);
}

static size_t header_bytes(struct http_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* Everything is answered as soon as the header is there: a body is refused unread. */
static bool on_begin(void *context, struct http_connection *connection, const char *method, const char *path)
{
    struct http_listener *listener = context;
    if (header_bytes(connection) > HTTP_LISTENER_HEADER_BYTES)
        return send_text(connection, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "header too large\n", NULL);
    for (const struct http_listener_route *route = listener->routes; route->path; route++) {
        if (strcmp(path, route->path) != 0)
            continue;
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
            return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is served here\n",
                             "GET, HEAD");
        return send_route(listener, route, connection);
    }
    return send_text(connection, MHD_HTTP_NOT_FOUND, "no such path\n", NULL);
}

static bool on_body(void *context, struct http_connection *connection, const char *data, size_t length)
{
    (void) context, (void) connection, (void) data, (void) length;
    return false;
}

static bool on_finish(void *context, struct http_connection *connection)
{
    (void) context, (void) connection;
    return false;
}

static const struct http_service service = {.begin = on_begin, .body = on_body, .finish = on_finish};

uint16_t http_listener_port(const struct http_listener *listener)
{
    return listening_socket_port(listener->descriptor);
}

void http_listener_free(struct http_listener *listener)
{
    if (!listener)
        return;
    if (listener->worker) {
        http_worker_drain(listener->worker, DRAIN_MS);
        closep(&listener->descriptor);
        listener->descriptor = -1;
        http_worker_free(listener->worker);
    }
    closep(&listener->descriptor);
    buffer_done(&listener->body);
    free(listener);
}

bool http_listener_start(const char *address, const struct http_listener_route *routes, void *context,
                         struct error *error, struct http_listener **result)
{
    _cleanup_(http_listener_freep) struct http_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return error_set_no_memory(error);
    listener->descriptor = -1;
    listener->routes = routes;
    listener->context = context;
    listener->body = BUFFER_INIT(HTTP_LISTENER_ANSWER_BYTES);
    if (!listening_socket_open(address, error, &listener->descriptor))
        return false;
    struct http_worker_options options = {
        .thread_name = "health",
        .listening_descriptor = listener->descriptor,
        .limits = {.connections = HTTP_LISTENER_CONNECTIONS,
                   .header_ms = HTTP_LISTENER_TIME_MS,
                   .request_ms = HTTP_LISTENER_TIME_MS,
                   .idle_ms = HTTP_LISTENER_TIME_MS,
                   .memory_bytes = (size_t) 4 * HTTP_LISTENER_HEADER_BYTES},
        .service = &service,
        .context = listener,
    };
    if (!http_worker_start(&options, error, &listener->worker))
        return false;
    *result = take_pointer(&listener);
    return true;
}
