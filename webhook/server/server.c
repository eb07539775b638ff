#include "webhook/server/server.h"

#include "common/listening_socket.h"
#include "webhook/server/exchange.h"
#include "webhook/server/processors.h"
#include "webhook/server/routes.h"

#include <stdio.h>

struct server {
    struct server_context context;
    bool has_tls;
    int listening;
    unsigned thread_count;
    struct http_worker *workers[SERVER_THREADS_MAXIMUM];
};

unsigned server_count_threads(unsigned wanted)
{
    unsigned threads = wanted ? wanted : processors_count();
    return threads < SERVER_THREADS_MAXIMUM ? threads : SERVER_THREADS_MAXIMUM;
}

static bool start_worker(struct server *server, unsigned threads, struct error *error)
{
    char name[sizeof "worker-" + 10]; /* any number, though it stays below 64 */
    const struct server_options *options = &server->context.options;
    struct http_worker_options worker = {
        .thread_name = name,
        .listening_descriptor = server->listening,
        .limits = options->limits,
        .is_tls = true,
        .items = server->context.tls.items,
        .service = &server_service,
        .context = &server->context,
    };
    snprintf(name, sizeof name, "worker-%u", server->thread_count);
    worker.limits.connections = options->limits.connections / threads;
    if (worker.limits.connections == 0)
        worker.limits.connections = 1;
    if (!http_worker_start(&worker, error, &server->workers[server->thread_count]))
        return false;
    server->thread_count++;
    return true;
}

static bool start(struct server *server, const struct server_options *options, struct error *error)
{
    unsigned threads = server_count_threads(options->threads);
    server->context.options = *options;
    server->has_tls = tls_init(&server->context.tls, options->certificates, options->clients != NULL, error);
    if (!server->has_tls || !listening_socket_open(options->address, error, &server->listening) ||
        !waiting_room_new(routes_serve_waiting, error, &server->context.waiting_room))
        return false;
    while (server->thread_count < threads)
        if (!start_worker(server, threads, error))
            return false;
    return true;
}

bool server_start(const struct server_options *options, struct error *error, struct server **result)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return error_set_no_memory(error);
    server->listening = -1;
    if (!start(server, options, error)) {
        server_stop(server, 0);
        return false;
    }
    *result = server;
    return true;
}

uint16_t server_port(const struct server *server)
{
    return listening_socket_port(server->listening);
}

unsigned server_stop(struct server *server, unsigned timeout_ms)
{
    unsigned cut_off = 0;
    if (!server)
        return 0;
    for (unsigned i = 0; i < server->thread_count; i++)
        http_worker_drain(server->workers[i], timeout_ms);
    /* From here on clients are refused, not left waiting. */
    closep(&server->listening);
    /* Its threads wake workers, so they end before the workers do. */
    waiting_room_close(server->context.waiting_room);
    for (unsigned i = 0; i < server->thread_count; i++)
        cut_off += http_worker_free(server->workers[i]);
    waiting_room_free(server->context.waiting_room);
    if (server->has_tls)
        tls_done(&server->context.tls);
    free(server);
    return cut_off;
}
