#include "webhook/server/exchange.h"

#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

struct exchange *exchange_new(struct server_context *server, struct http_connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->body = BUFFER_INIT(ADMISSION_BODY_BYTES);
    exchange->answer = BUFFER_INIT(SERVER_ANSWER_BYTES);
    if (!tls_connection_init(&exchange->tls, &server->tls, connection)) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

bool exchange_is_review(const struct exchange *exchange)
{
    return exchange->target == TARGET_MUTATE || exchange->target == TARGET_VALIDATE;
}

void exchange_begin(struct exchange *exchange, enum exchange_target target)
{
    exchange->target = target;
    exchange->refusal = (struct refusal){0};
    exchange->is_reviewed = exchange->is_decided = exchange->is_settled = false;
    exchange->is_recorded = exchange->is_concluded = false;
    exchange->started_ns = now_ns();
    exchange->outcome = (struct admission_outcome){.reason = ""};
    buffer_clear(&exchange->body);
    buffer_clear(&exchange->answer);
    if (exchange_is_review(exchange)) {
        exchange->is_in_flight = true;
        prometheus_adjust(exchange->server->options.metrics->in_flight, 1);
    }
}

/* Gives back what the body was charged, and its memory when it is large. */
static void drop_body(struct exchange *exchange)
{
    atomic_fetch_sub_explicit(&exchange->server->body_bytes, exchange->charged, memory_order_relaxed);
    exchange->charged = 0;
    if (exchange->body.reserved > SERVER_BODY_FREE_BYTES)
        buffer_done(&exchange->body);
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *message)
{
    if (exchange->refusal.status)
        return;
    exchange->refusal = (struct refusal){.status = status, .message = message};
    drop_body(exchange);
}

/* Charges a large body to the budget that all share. */
static bool charge(struct exchange *exchange, size_t length)
{
    size_t total = exchange->body.length + length;
    if (total <= SERVER_BODY_FREE_BYTES)
        return true;
    size_t more = total - SERVER_BODY_FREE_BYTES - exchange->charged;
    size_t before = atomic_fetch_add_explicit(&exchange->server->body_bytes, more, memory_order_relaxed);
    exchange->charged += more;
    return before + more <= SERVER_BODY_BUDGET_BYTES;
}

void exchange_append_body(struct exchange *exchange, const char *data, size_t length)
{
    if (exchange->refusal.status)
        return;
    if (length > ADMISSION_BODY_BYTES - exchange->body.length)
        exchange_refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than 7 MiB");
    else if (!charge(exchange, length))
        exchange_refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "too many large requests at once");
    else if (!buffer_append(&exchange->body, data, length))
        exchange_refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
}

void exchange_begin_waiting(struct exchange *exchange)
{
    exchange->waiting_since_ns = now_ns();
}

/* Time in a full room counts: nobody waits longer because others do. */
unsigned exchange_waiting_left_ms(const struct exchange *exchange)
{
    uint64_t waited_ms = (now_ns() - exchange->waiting_since_ns) / 1000000;
    return waited_ms < NAMESPACE_WAIT_MS ? NAMESPACE_WAIT_MS - (unsigned) waited_ms : 0;
}

void exchange_end(struct exchange *exchange)
{
    drop_body(exchange);
    if (exchange->answer.reserved > SERVER_BODY_FREE_BYTES)
        buffer_done(&exchange->answer);
    if (exchange->is_in_flight)
        prometheus_adjust(exchange->server->options.metrics->in_flight, -1);
    exchange->is_in_flight = false;
}

void exchange_free(struct exchange *exchange)
{
    exchange_end(exchange);
    buffer_done(&exchange->body);
    buffer_done(&exchange->answer);
    tls_connection_done(&exchange->tls);
    free(exchange);
}

uint64_t exchange_duration_ns(const struct exchange *exchange)
{
    return now_ns() - exchange->started_ns;
}
