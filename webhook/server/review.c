#include "webhook/server/review.h"

#include "common/log.h"
#include "webhook/admission/recorder.h"

#include <netdb.h>
#include <sys/socket.h>

static enum admission_endpoint endpoint_of(const struct exchange *exchange)
{
    return exchange->target == TARGET_MUTATE ? ADMISSION_MUTATE : ADMISSION_VALIDATE;
}

static void release_configuration(struct exchange *exchange)
{
    if (exchange->configuration)
        configuration_store_release(exchange->server->options.configurations, exchange->configuration);
    exchange->configuration = NULL;
}

/* False: nothing is decided, and another attempt may help. */
static bool attempt(struct exchange *exchange, unsigned wait_ms, bool will_retry)
{
    const struct server_options *options = &exchange->server->options;
    if (!exchange->configuration)
        exchange->configuration = configuration_store_acquire(options->configurations);
    const struct admission_context context = {
        .configuration = exchange->configuration,
        .namespaces = options->namespaces,
        .namespace_wait_ms = wait_ms,
        .recorder = options->recorder,
        .will_retry = will_retry,
    };
    buffer_clear(&exchange->answer);
    exchange->is_reviewed = true;
    exchange->is_decided = admission_decide(&context, endpoint_of(exchange), buffer_string(&exchange->body),
                                            exchange->body.length, &exchange->error, &exchange->answer,
                                            &exchange->outcome, &exchange->record);
    bool is_final = exchange->is_decided || exchange->outcome.has_failed_to_record ||
                    exchange->error.code != ERROR_UNAVAILABLE;
    return is_final || !will_retry;
}

bool review_attempt(struct exchange *exchange)
{
    const struct server_options *options = &exchange->server->options;
    return attempt(exchange, 0, options->namespaces != NULL);
}

void review_last_attempt(struct exchange *exchange, unsigned wait_ms)
{
    (void) !attempt(exchange, wait_ms, false);
}

/* The record, if there is one, is written. */
static void settle(struct exchange *exchange)
{
    const struct admission_recorder *recorder = exchange->server->options.recorder;
    exchange->is_settled = true;
    bool is_answered = exchange->is_decided && admission_conclude(exchange->record, &exchange->error,
                                                                  &exchange->answer, &exchange->outcome);
    exchange->is_recorded = exchange->record && *exchange->record->mark;
    if (exchange->record)
        recorder->release(recorder->context, exchange->record);
    exchange->record = NULL;
    if (is_answered)
        return;
    unsigned status = exchange->outcome.has_failed_to_record ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                             : refusal_status_of_error(exchange->error.code);
    exchange_refuse(exchange, status, exchange->error.message);
}

static void write_records(const struct exchange *exchange, struct admission_record *first)
{
    const struct admission_recorder *recorder = exchange->server->options.recorder;
    if (first)
        recorder->write(recorder->context, first);
}

void review_settle_deferred(struct http_connection *first)
{
    struct admission_record *records = NULL, **end = &records;
    for (const struct http_connection *connection = first; connection;
         connection = connection->next_deferred) {
        const struct exchange *exchange = connection->state;
        *end = exchange->record;
        end = *end ? &(*end)->next : end;
    }
    *end = NULL;
    write_records(first->state, records);
    for (const struct http_connection *connection = first; connection;
         connection = connection->next_deferred) {
        struct exchange *exchange = connection->state;
        if (!exchange->is_settled)
            settle(exchange);
    }
}

void review_settle(struct exchange *exchange)
{
    if (exchange->record)
        exchange->record->next = NULL;
    write_records(exchange, exchange->record);
    settle(exchange);
}

static void log_outcome(struct log_entry *entry, const struct exchange *exchange, uint64_t duration_ns)
{
    const struct admission_outcome *outcome = &exchange->outcome;
    log_string(entry, "endpoint", admission_endpoint_name(endpoint_of(exchange)));
    log_string(entry, "uid", outcome->uid);
    log_string(entry, "operation", outcome->operation);
    log_string(entry, "namespace", outcome->namespace_name);
    log_string(entry, "pod", outcome->pod_name);
    log_string(entry, "sandbox_id", outcome->sandbox_id);
    log_boolean(entry, "dry_run", outcome->is_dry_run);
    log_seconds(entry, "duration_seconds", duration_ns);
}

/* What is in the audit log need not be told twice, but for denials: those somebody looks for. */
static void log_decision(const struct exchange *exchange, uint64_t duration_ns)
{
    struct log_entry entry;
    bool is_denied = exchange->outcome.decision == INJECTION_DENIED;
    enum log_level level = exchange->is_recorded && !is_denied ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    if (!log_is_enabled(level))
        return;
    log_begin(&entry, level, "decided");
    log_string(&entry, "decision", injection_decision_name(exchange->outcome.decision));
    log_string(&entry, "reason", exchange->outcome.reason);
    log_outcome(&entry, exchange, duration_ns);
    log_integer(&entry, "operations", (int64_t) exchange->outcome.operation_count);
    log_integer(&entry, "patch_bytes", (int64_t) exchange->outcome.patch_bytes);
    log_end(&entry);
}

static void log_client(struct log_entry *entry, const struct exchange *exchange)
{
    char host[64];
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->tls.connection->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return;
    socklen_t length =
        info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(info->client_addr, length, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0)
        log_string(entry, "client", host);
}

static void log_refusal(const struct exchange *exchange, uint64_t duration_ns)
{
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_WARN, "request refused");
    if (!log_is_enabled(LOG_LEVEL_WARN))
        return;
    log_integer(&entry, "status", exchange->refusal.status);
    log_string(&entry, "reason", exchange->refusal.message);
    if (exchange_is_review(exchange))
        log_outcome(&entry, exchange, duration_ns);
    log_client(&entry, exchange);
    log_end(&entry);
}

void review_conclude(struct exchange *exchange)
{
    struct injector_metrics *metrics = exchange->server->options.metrics;
    release_configuration(exchange);
    exchange->is_concluded = true;
    uint64_t duration_ns = exchange_duration_ns(exchange);
    enum request_result result = !exchange->refusal.status        ? REQUEST_DECIDED
                                 : exchange->refusal.status < 500 ? REQUEST_INVALID
                                                                  : REQUEST_FAILED;
    if (exchange_is_review(exchange))
        injector_metrics_count_request(metrics, endpoint_of(exchange), result, &exchange->outcome,
                                       duration_ns);
    if (result == REQUEST_DECIDED)
        log_decision(exchange, duration_ns);
    else
        log_refusal(exchange, duration_ns);
}

void review_abandon(struct exchange *exchange)
{
    struct injector_metrics *metrics = exchange->server->options.metrics;
    struct log_entry entry;
    uint64_t duration_ns = exchange_duration_ns(exchange);
    if (exchange->record)
        review_settle(exchange);
    release_configuration(exchange);
    injector_metrics_count_request(metrics, endpoint_of(exchange), REQUEST_ABORTED, &exchange->outcome,
                                   duration_ns);
    log_begin(&entry, LOG_LEVEL_WARN, "request ended without an answer");
    log_outcome(&entry, exchange, duration_ns);
    log_client(&entry, exchange);
    log_end(&entry);
}
