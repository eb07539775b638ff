#include "kubernetes/client.h"

#include "common/json.h"
#include "kubernetes/client_attempt.h"
#include "kubernetes/clock.h"
#include "kubernetes/retry.h"
#include "kubernetes/status.h"
#include "kubernetes/transport.h"

#include <stdlib.h>

#define CLIENT_USER_AGENT "openshell"

struct kubernetes_client {
    struct kubernetes_configuration *configuration;
    struct transport *transport;
    size_t response_bytes;
    unsigned time_limit_ms;
    void (*observe)(void *context, const struct kubernetes_observation *observation);
    void *observe_context;
};

bool kubernetes_client_new(struct kubernetes_configuration *configuration,
                           const struct kubernetes_client_options *options, struct error *error,
                           struct kubernetes_client **client)
{
    static const struct kubernetes_client_options defaults = {0};
    if (!options)
        options = &defaults;
    struct kubernetes_client *allocated = calloc(1, sizeof *allocated);
    if (!allocated) {
        kubernetes_configuration_free(configuration);
        return error_set_no_memory(error);
    }
    _cleanup_(kubernetes_client_freep) struct kubernetes_client *made = allocated;
    made->configuration = configuration;
    made->response_bytes = options->response_bytes ? options->response_bytes : KUBERNETES_RESPONSE_BYTES;
    made->time_limit_ms = options->time_limit_ms ? options->time_limit_ms : KUBERNETES_TIME_LIMIT_MS;
    made->observe = options->observe;
    made->observe_context = options->observe_context;
    if (!transport_new(configuration, options->user_agent ? options->user_agent : CLIENT_USER_AGENT, error,
                       &made->transport))
        return error_prefix(error, "%s", configuration->source);
    *client = take_pointer(&made);
    return true;
}

void kubernetes_client_free(struct kubernetes_client *client)
{
    if (!client)
        return;
    transport_free(client->transport);
    kubernetes_configuration_free(client->configuration);
    free(client);
}

const struct kubernetes_configuration *kubernetes_client_configuration(const struct kubernetes_client *client)
{
    return client->configuration;
}

unsigned client_time_limit_ms(const struct kubernetes_client *client)
{
    return client->time_limit_ms;
}

size_t client_response_bytes(const struct kubernetes_client *client)
{
    return client->response_bytes;
}

/* A 2xx answer goes to the attempt, any other is kept for its message. */
struct answer_sink {
    const struct client_attempt *attempt;
    struct buffer failure;
};

static bool is_success(long status)
{
    return status >= 200 && status <= 299;
}

static void begin_answer(void *context, long status)
{
    const struct answer_sink *sink = context;
    if (is_success(status) && sink->attempt->begin)
        sink->attempt->begin(sink->attempt->context);
}

static bool receive_answer(void *context, long status, const char *data, size_t length, struct error *error)
{
    struct answer_sink *sink = context;
    if (is_success(status))
        return sink->attempt->receive(sink->attempt->context, data, length, error);
    /* What does not fit is left out: a cut Status still says something, and none is no reason to fail
     * otherwise. */
    size_t room = sink->failure.maximum - sink->failure.length;
    buffer_append(&sink->failure, data, length < room ? length : room);
    return true;
}

static void observe(const struct kubernetes_client *client, const struct kubernetes_request *request,
                    const struct kubernetes_answer *answer, enum error_code code, uint64_t started_ns)
{
    if (!client->observe)
        return;
    const struct kubernetes_observation observation = {
        .verb = request->verb ? request->verb : request->method,
        .resource = request->resource ? request->resource : "",
        .status = answer->status,
        .code = code,
        .duration_ns = clock_now_ns() - started_ns,
    };
    client->observe(client->observe_context, &observation);
}

bool client_attempt_perform(struct kubernetes_client *client, const struct kubernetes_request *request,
                            const struct client_attempt *attempt, struct error *error,
                            struct kubernetes_answer *answer)
{
    struct answer_sink sink = {.attempt = attempt, .failure = BUFFER_INIT(STATUS_BODY_BYTES)};
    const struct exchange exchange = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .body = request->body,
        .body_length = request->body_length,
        .content_type = request->content_type ? request->content_type : "application/json",
        .accept = request->accept ? request->accept : "application/json",
        .is_idempotent = request->is_idempotent,
        .deadline_ns = attempt->deadline_ns,
        .stall_ms = attempt->stall_ms,
        .cancellation = attempt->cancellation,
        .begin = begin_answer,
        .receive = receive_answer,
        .context = &sink,
    };
    struct error local;
    struct error *failure = error ? error : &local;
    struct exchange_result result;
    uint64_t started_ns = clock_now_ns();
    bool is_done = transport_perform(client->transport, &exchange, failure, &result);
    *answer = (struct kubernetes_answer){.status = result.status,
                                         .retry_after_s = result.retry_after_s,
                                         .was_sent = result.was_sent,
                                         .attempts = answer->attempts + 1};
    /* A refusal counts even when its text was cut off. */
    if (result.status && !is_success(result.status) && (is_done || failure->code == ERROR_UNAVAILABLE))
        is_done = status_set_error(result.status, buffer_string(&sink.failure), sink.failure.length, failure,
                                   answer);
    buffer_done(&sink.failure);
    if (!is_done)
        error_prefix(failure, "%s %s", request->method, request->path);
    observe(client, request, answer, is_done ? ERROR_NONE : failure->code, started_ns);
    return is_done;
}

static bool receive_body(void *context, const char *data, size_t length, struct error *error)
{
    struct buffer *body = context;
    buffer_append(body, data, length);
    return buffer_check(body, error) || error_prefix(error, "answer");
}

/* Waits before the next attempt; false when there is to be none, with the last attempt's error or
 * ERROR_CANCELLED. */
static bool wait_to_retry(const struct client_attempt *attempt, const struct kubernetes_answer *answer,
                          struct backoff *backoff, struct error *error)
{
    uint64_t wait_ms = backoff_next_ms(backoff, backoff_random());
    if (wait_ms < answer->retry_after_s * UINT64_C(1000))
        wait_ms = answer->retry_after_s * UINT64_C(1000);
    if (wait_ms >= (uint64_t) clock_remaining_ms(attempt->deadline_ns))
        return false;
    return cancellation_sleep(attempt->cancellation, (unsigned) wait_ms) || cancellation_set_error(error);
}

bool kubernetes_client_request(struct kubernetes_client *client, const struct kubernetes_request *request,
                               const struct kubernetes_call *call, struct error *error, struct buffer *body)
{
    static const struct kubernetes_call defaults = {0};
    if (!call)
        call = &defaults;
    unsigned limit_ms = call->time_limit_ms ? call->time_limit_ms : client->time_limit_ms;
    const struct client_attempt attempt = {
        .deadline_ns = clock_now_ns() + limit_ms * NANOSECONDS_PER_MILLISECOND,
        .cancellation = call->cancellation,
        .receive = receive_body,
        .context = body,
    };
    struct backoff backoff = {.first_ms = KUBERNETES_RETRY_FIRST_MS,
                              .longest_ms = KUBERNETES_RETRY_LONGEST_MS};
    struct kubernetes_answer answer = {0};
    struct error local;
    struct error *failure = error ? error : &local;
    bool is_done = false;
    for (;;) {
        buffer_clear(body);
        is_done = client_attempt_perform(client, request, &attempt, failure, &answer);
        if (is_done || call->is_single_attempt || answer.attempts >= KUBERNETES_ATTEMPTS ||
            !kubernetes_may_retry(failure, &answer, request->is_idempotent) ||
            !wait_to_retry(&attempt, &answer, &backoff, failure))
            break;
    }
    if (call->answer)
        *call->answer = answer;
    return is_done;
}

bool kubernetes_client_request_json(struct kubernetes_client *client,
                                    const struct kubernetes_request *request,
                                    const struct kubernetes_call *call, struct error *error, cJSON **value)
{
    _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(client->response_bytes);
    if (!kubernetes_client_request(client, request, call, error, &body))
        return false;
    if (!value)
        return true;
    const struct json_limits limits = {.bytes = client->response_bytes, .depth = KUBERNETES_JSON_DEPTH};
    struct error unparsed;
    if (json_parse(buffer_string(&body), body.length, &limits, &unparsed, value))
        return true;
    enum error_code code = unparsed.code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_UNAVAILABLE;
    return error_set(error, code, "%s %s: answer: %s", request->method, request->path, unparsed.message);
}
