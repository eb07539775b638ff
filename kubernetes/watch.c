#include "kubernetes/watch.h"

#include "kubernetes/client_attempt.h"
#include "kubernetes/clock.h"
#include "kubernetes/line_splitter.h"
#include "kubernetes/object_request.h"
#include "kubernetes/status.h"

#include <stdio.h>

struct watch_stream {
    const struct watch *watch;
    struct line_splitter splitter;
    struct kubernetes_answer failure; /* of an ERROR event; status 0: none came */
};

static void on_begin(void *context)
{
    const struct watch_stream *stream = context;
    stream->watch->opened(stream->watch->context);
}

static bool on_line(void *context, const char *text, size_t length, struct error *error)
{
    struct watch_stream *stream = context;
    struct watch_event event = {0};
    if (!watch_event_parse(text, length, error, &event))
        return false;
    bool is_taken = event.type == WATCH_ERROR
                        ? status_set_error_from_object(event.object, error, &stream->failure)
                        : stream->watch->event(stream->watch->context, &event, error);
    watch_event_done(&event);
    return is_taken;
}

static bool on_piece(void *context, const char *data, size_t length, struct error *error)
{
    struct watch_stream *stream = context;
    return line_splitter_feed(&stream->splitter, data, length, on_line, stream, error);
}

static void append_query(const struct watch *watch, struct buffer *query)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", watch->seconds);
    kubernetes_query_append(query, "watch", "true");
    kubernetes_query_append(query, "allowWatchBookmarks", "true");
    kubernetes_query_append(query, "resourceVersion", watch->resource_version);
    kubernetes_query_append(query, "timeoutSeconds", seconds);
    if (watch->label_selector)
        kubernetes_query_append(query, "labelSelector", watch->label_selector);
    if (watch->field_selector)
        kubernetes_query_append(query, "fieldSelector", watch->field_selector);
}

bool watch_perform(const struct watch *watch, struct error *error, struct kubernetes_answer *answer)
{
    _cleanup_(buffer_done) struct buffer path = BUFFER_INIT(OBJECT_PATH_BYTES);
    _cleanup_(buffer_done) struct buffer query = BUFFER_INIT(OBJECT_QUERY_BYTES);
    char resource[OBSERVED_RESOURCE_BYTES];
    if (!kubernetes_target_append_path(watch->target, error, &path))
        return error_prefix(error, "watch");
    append_query(watch, &query);
    if (!buffer_check(&query, error))
        return error_prefix(error, "watch %s: query", buffer_string(&path));
    observed_resource(watch->target, resource);
    const struct kubernetes_request request = {
        .method = "GET",
        .path = buffer_string(&path),
        .query = buffer_string(&query),
        .is_idempotent = true,
        .verb = "watch",
        .resource = resource,
    };
    struct watch_stream stream = {.watch = watch, .splitter = LINE_SPLITTER_INIT(watch->event_bytes)};
    const struct client_attempt attempt = {
        .deadline_ns =
            clock_now_ns() + (watch->seconds + WATCH_GRACE_S) * UINT64_C(1000) * NANOSECONDS_PER_MILLISECOND,
        .stall_ms = watch->stall_ms,
        .cancellation = watch->cancellation,
        .begin = on_begin,
        .receive = on_piece,
        .context = &stream,
    };
    bool is_done = client_attempt_perform(watch->client, &request, &attempt, error, answer);
    if (stream.failure.status) {
        answer->status = stream.failure.status;
        answer->retry_after_s = stream.failure.retry_after_s;
    }
    line_splitter_done(&stream.splitter);
    return is_done;
}
