#include "common/http_worker_state.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

/* While draining, a connection younger than this may be about to bring its first request. */
#define DRAIN_IDLE_MS 500

uint64_t http_phase_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void http_phase_enter(struct http_connection *connection, enum http_phase phase)
{
    const struct http_limits *limits = &connection->worker->options.limits;
    const unsigned limit_ms[] = {
        [HTTP_HANDSHAKE] = limits->header_ms,
        [HTTP_IDLE] = limits->idle_ms,
        [HTTP_HEADER] = limits->header_ms,
        [HTTP_REQUEST] = limits->request_ms,
    };
    connection->worker->handshakes += (phase == HTTP_HANDSHAKE) - (connection->phase == HTTP_HANDSHAKE);
    connection->phase = phase;
    connection->since_ms = http_phase_now_ms();
    connection->deadline_ms = connection->since_ms + limit_ms[phase];
    connection->has_idle_bytes = false;
}

/* Bytes that ever arrived on the connection, as TCP counts them; 0 when unknown. */
static uint64_t received_bytes(const struct http_connection *connection)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(connection->descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return 0;
    return info.tcpi_bytes_received;
}

void http_phase_await_first_request(struct http_connection *connection, uint64_t bytes)
{
    http_phase_enter(connection, HTTP_IDLE);
    connection->has_idle_bytes = true;
    connection->idle_bytes = bytes;
}

void http_connection_set_established(struct http_connection *connection)
{
    if (connection->phase == HTTP_HANDSHAKE)
        http_phase_await_first_request(connection, received_bytes(connection));
}

/* Closing the reading side ends an idle connection without losing a request that is already in the socket's
 * buffer: it is still read and answered. Shutting both sides ends the connection whatever it does. The
 * descriptor itself is libmicrohttpd's to close. */
static void end_connection(struct http_connection *connection, int how)
{
    if (connection->is_shut && how == SHUT_RD)
        return;
    shutdown(connection->descriptor, how);
    connection->is_shut = true;
}

/* libmicrohttpd tells of a request when its first line is complete. A client that sends even that line slowly
 * is noticed here: something arrives while the connection counts as idle. */
static void watch_idle(struct http_connection *connection)
{
    uint64_t bytes = received_bytes(connection);
    if (!connection->has_idle_bytes) {
        connection->has_idle_bytes = true;
        connection->idle_bytes = bytes;
    } else if (bytes != connection->idle_bytes) {
        http_phase_enter(connection, HTTP_HEADER);
    }
}

/* The limit of the connection's phase has passed. */
static void end_phase(struct http_connection *connection)
{
    const struct http_worker_options *options = &connection->worker->options;
    if (connection->is_begun && !connection->is_complete && !connection->is_late) {
        connection->is_late = true;
        if (options->service->late)
            options->service->late(options->context, connection);
    }
    end_connection(connection, connection->phase == HTTP_IDLE && !connection->is_shut ? SHUT_RD : SHUT_RDWR);
}

void http_phase_scan(struct http_worker *worker)
{
    uint64_t now = http_phase_now_ms();
    if (now < worker->next_scan_ms)
        return;
    worker->next_scan_ms = now + HTTP_TICK_MS;
    for (struct http_connection *connection = worker->first; connection; connection = connection->next) {
        if (connection->phase == HTTP_IDLE)
            watch_idle(connection);
        if (now >= connection->deadline_ms)
            end_phase(connection);
    }
}

static bool is_quiet(const struct http_connection *connection, uint64_t now)
{
    int waiting = 0;
    return connection->phase == HTTP_IDLE && now - connection->since_ms >= DRAIN_IDLE_MS &&
           ioctl(connection->descriptor, FIONREAD, &waiting) == 0 && waiting == 0;
}

void http_phase_close_quiet(struct http_worker *worker)
{
    uint64_t now = http_phase_now_ms();
    for (struct http_connection *connection = worker->first; connection; connection = connection->next)
        if (is_quiet(connection, now))
            end_connection(connection, SHUT_RD);
}
