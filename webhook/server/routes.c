#include "webhook/server/routes.h"

#include "common/http_answer.h"
#include "common/log.h"
#include "webhook/server/review.h"

#include <string.h>

/* An answer to a request whose body came too late: header and a refusal of a sentence. */
#define LATE_ANSWER_BYTES 4096

struct route {
    const char *path;
    enum exchange_target target;
};

static const struct route routes[] = {
    {"/mutate", TARGET_MUTATE},
    {"/validate", TARGET_VALIDATE},
    {"/healthz", TARGET_HEALTH},
    {"/readyz", TARGET_READINESS},
};

static enum exchange_target find_target(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(path, routes[i].path) == 0)
            return routes[i].target;
    return TARGET_UNKNOWN;
}

static const char *find_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->tls.connection->connection, MHD_HEADER_KIND, name);
}

static bool is_json_content_type(const char *value)
{
    static const char json[] = "application/json";
    return value && strncasecmp(value, json, sizeof json - 1) == 0 &&
           strchr("; \t", value[sizeof json - 1]) != NULL;
}

static void check_method(struct exchange *exchange, const char *method)
{
    if (exchange_is_review(exchange)) {
        if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
            return;
        exchange_refuse(exchange, MHD_HTTP_METHOD_NOT_ALLOWED,
                        "only POST of an AdmissionReview is served here");
        exchange->refusal.allow = "POST";
    } else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        exchange_refuse(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is served here");
        exchange->refusal.allow = "GET, HEAD";
    }
}

/* Asked once per connection, and again when the authorities were reloaded. */
static void check_client(struct exchange *exchange)
{
    struct client_authentication *clients = exchange->server->options.clients;
    if (!clients)
        return;
    unsigned generation = client_authentication_generation(clients);
    if (exchange->authenticated == generation)
        return;
    if (client_authentication_check(clients, tls_session(exchange->tls.connection), &exchange->error))
        exchange->authenticated = generation;
    else
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, exchange->error.message);
}

/* A length that libmicrohttpd could not read it has refused before. */
static bool is_declared_too_large(const struct exchange *exchange)
{
    const char *length = find_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && strtoull(length, NULL, 10) > ADMISSION_BODY_BYTES;
}

static bool has_large_header(const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->tls.connection->connection,
                                                                   MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info && info->header_size > SERVER_HEADER_BYTES;
}

static void check_header(struct exchange *exchange, const char *method)
{
    if (exchange->target == TARGET_UNKNOWN) {
        exchange_refuse(exchange, MHD_HTTP_NOT_FOUND,
                        "no such path: there are /mutate, /validate, /healthz, /readyz");
        return;
    }
    check_method(exchange, method);
    if (!exchange_is_review(exchange) || exchange->refusal.status)
        return;
    check_client(exchange);
    if (!is_json_content_type(find_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE)))
        exchange_refuse(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                        "the content type must be application/json");
}

static struct http_answer answer_of(const struct exchange *exchange, unsigned status,
                                    const char *content_type, const char *text, size_t length)
{
    return (struct http_answer){
        .status = status,
        .content_type = content_type,
        .body = text,
        .length = length,
        .is_last = readiness_is_draining(exchange->server->options.readiness),
        .allow = exchange->refusal.allow,
    };
}

static bool send_answer(struct exchange *exchange, unsigned status, const char *content_type,
                        const char *text, size_t length)
{
    const struct http_answer answer = answer_of(exchange, status, content_type, text, length);
    return http_answer_send(exchange->tls.connection, &answer);
}

static struct http_answer answer_of_refusal(struct exchange *exchange)
{
    const struct refusal *refusal = &exchange->refusal;
    const char *text = refusal_print(refusal->status, refusal->message, &exchange->answer);
    return answer_of(exchange, refusal->status, REFUSAL_CONTENT_TYPE, text, strlen(text));
}

static bool send_refusal(struct exchange *exchange)
{
    const struct http_answer answer = answer_of_refusal(exchange);
    return http_answer_send(exchange->tls.connection, &answer);
}

static bool send_health(struct exchange *exchange)
{
    static const char text_type[] = "text/plain; charset=utf-8";
    if (exchange->target == TARGET_HEALTH)
        return send_answer(exchange, MHD_HTTP_OK, text_type, "ok\n", 3);
    bool is_ready = readiness_report(exchange->server->options.readiness, &exchange->answer);
    return send_answer(exchange, is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text_type,
                       buffer_string(&exchange->answer), exchange->answer.length);
}

/* An answer to POST that has a body: libmicrohttpd is going to send two records. */
static bool send_review(struct exchange *exchange)
{
    tls_output_hold_next(&exchange->tls.output);
    return send_answer(exchange, MHD_HTTP_OK, "application/json", buffer_string(&exchange->answer),
                       exchange->answer.length);
}

static bool on_opened(void *context, struct http_connection *connection)
{
    connection->state = exchange_new(context, connection);
    return connection->state != NULL;
}

static void on_closed(void *context, struct http_connection *connection)
{
    (void) context;
    exchange_free(connection->state);
}

static bool on_begin(void *context, struct http_connection *connection, const char *method, const char *path)
{
    (void) context;
    struct exchange *exchange = connection->state;
    exchange_begin(exchange, find_target(path));
    check_header(exchange, method);
    if (has_large_header(exchange)) {
        exchange->refusal = (struct refusal){.status = MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                                             .message = "the header is larger than 8 KiB"};
    } else if (is_declared_too_large(exchange)) {
        exchange->refusal = (struct refusal){.status = MHD_HTTP_CONTENT_TOO_LARGE,
                                             .message = "the body is larger than 7 MiB"};
    } else {
        /* Other refusals wait until the body has been read, so that the connection stays usable. */
        return true;
    }
    review_conclude(exchange);
    return send_refusal(exchange);
}

static bool on_body(void *context, struct http_connection *connection, const char *data, size_t length)
{
    (void) context;
    exchange_append_body(connection->state, data, length);
    return true;
}

static void on_late(void *context, struct http_connection *connection)
{
    (void) context;
    struct exchange *exchange = connection->state;
    if (exchange->is_concluded) /* refused at its header already */
        return;
    exchange_refuse(exchange, MHD_HTTP_REQUEST_TIMEOUT, "the body did not arrive in time");
    review_conclude(exchange);
    struct http_answer answer = answer_of_refusal(exchange);
    answer.is_last = true;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(LATE_ANSWER_BYTES);
    http_answer_append(&answer, &text);
    if (buffer_check(&text, NULL))
        tls_send_last(connection, buffer_string(&text), text.length);
}

void routes_serve_waiting(void *entry)
{
    struct exchange *exchange = entry;
    review_last_attempt(exchange, exchange_waiting_left_ms(exchange));
    review_settle(exchange);
    http_connection_resume(exchange->tls.connection);
}

/* Hands the request to the waiting room; on_finish is called again afterwards. */
static void wait_outside(struct exchange *exchange)
{
    exchange_begin_waiting(exchange);
    http_connection_suspend(exchange->tls.connection);
    if (waiting_room_enter(exchange->server->waiting_room, exchange))
        return;
    /* Too many wait already: what is known now has to do. */
    review_last_attempt(exchange, 0);
    review_settle(exchange);
    http_connection_resume(exchange->tls.connection);
}

/* The answer leaves in the round after the decision, so that the requests that arrived together are decided
 * together and answered together: the client, which sleeps while nothing comes, is woken once for all. */
static bool on_finish(void *context, struct http_connection *connection)
{
    (void) context;
    struct exchange *exchange = connection->state;
    bool must_review = exchange_is_review(exchange) && !exchange->refusal.status && !exchange->is_reviewed;
    if (must_review) {
        if (!review_attempt(exchange)) {
            wait_outside(exchange);
            return true;
        }
        if (exchange->body.length > SERVER_TOGETHER_BYTES)
            review_settle(exchange);
        http_connection_defer(connection);
        return true;
    }
    if (exchange->refusal.status || exchange_is_review(exchange))
        review_conclude(exchange);
    if (exchange->refusal.status)
        return send_refusal(exchange);
    if (!exchange_is_review(exchange))
        return send_health(exchange);
    return send_review(exchange);
}

static void on_deferred(void *context, struct http_connection *first)
{
    (void) context;
    review_settle_deferred(first);
}

static void on_completed(void *context, struct http_connection *connection, bool is_sent)
{
    (void) context;
    struct exchange *exchange = connection->state;
    if (!is_sent && exchange_is_review(exchange) && !exchange->is_concluded)
        review_abandon(exchange);
    exchange_end(exchange);
}

static void on_message(void *context, const char *text)
{
    (void) context;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_DEBUG, "libmicrohttpd");
    log_string(&entry, "text", text);
    log_end(&entry);
}

const struct http_service server_service = {
    .opened = on_opened,
    .closed = on_closed,
    .begin = on_begin,
    .body = on_body,
    .finish = on_finish,
    .deferred = on_deferred,
    .late = on_late,
    .completed = on_completed,
    .message = on_message,
};
