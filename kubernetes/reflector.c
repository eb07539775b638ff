#include "kubernetes/reflector.h"

#include "kubernetes/clock.h"
#include "kubernetes/objects.h"
#include "kubernetes/retry.h"
#include "kubernetes/thread.h"
#include "kubernetes/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A watch that ended sooner, and brought nothing, is taken for a failure: else it would be opened without
 * end. */
#define SHORT_WATCH_MS 1000u
/* Failures in a row, with an answer, after which the place to resume from is no longer trusted. */
#define FAILURES_BEFORE_LIST 3u

struct kubernetes_reflector {
    struct kubernetes_client *client;
    struct kubernetes_target target;             /* its namespace is owned */
    struct kubernetes_reflector_options options; /* its selectors are owned; no field is 0 */
    struct kubernetes_reflector_handler handler;
    struct stoppable_thread thread;

    /* The thread's own. */
    char *resource_version; /* where to resume; NULL: a list is due */
    struct backoff backoff;
    unsigned answered_failures; /* in a row */
    bool has_progressed;        /* an event came, or a watch lasted, since the last ERROR_GONE */
    bool is_accepted;           /* the server accepted the watch that runs */
    bool is_refused;            /* the consumer could not take an object */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t synced;
    struct kubernetes_reflector_statistics statistics;
};

static void count(struct kubernetes_reflector *reflector, uint64_t *counter)
{
    pthread_mutex_lock(&reflector->mutex);
    ++*counter;
    pthread_mutex_unlock(&reflector->mutex);
}

static void set_watching(struct kubernetes_reflector *reflector, bool is_watching)
{
    pthread_mutex_lock(&reflector->mutex);
    reflector->statistics.is_watching = is_watching;
    reflector->statistics.watches += is_watching;
    pthread_mutex_unlock(&reflector->mutex);
}

static void set_synced(struct kubernetes_reflector *reflector)
{
    pthread_mutex_lock(&reflector->mutex);
    reflector->statistics.lists++;
    reflector->statistics.is_synced = true;
    pthread_cond_broadcast(&reflector->synced);
    pthread_mutex_unlock(&reflector->mutex);
}

static void forget_place(struct kubernetes_reflector *reflector)
{
    free(take_pointer(&reflector->resource_version));
}

/* Tells the consumer and waits; longer when the server asked for it, but never longer than the longest wait.
 */
static void wait_after_failure(struct kubernetes_reflector *reflector, const struct error *error,
                               unsigned retry_after_s)
{
    unsigned wait_ms = backoff_next_ms(&reflector->backoff, backoff_random());
    if (wait_ms < retry_after_s * 1000)
        wait_ms = retry_after_s * 1000;
    if (wait_ms > reflector->options.retry_longest_ms)
        wait_ms = reflector->options.retry_longest_ms;
    count(reflector, &reflector->statistics.failures);
    if (reflector->handler.failed)
        reflector->handler.failed(reflector->handler.context, error, wait_ms);
    cancellation_sleep(&reflector->thread.cancellation, wait_ms);
}

static bool on_list_begin(void *context, struct error *error)
{
    (void) error;
    struct kubernetes_reflector *reflector = context;
    if (reflector->handler.list_begin)
        reflector->handler.list_begin(reflector->handler.context);
    return true;
}

static bool on_listed_object(void *context, cJSON **object, struct error *error)
{
    struct kubernetes_reflector *reflector = context;
    if (cancellation_is_requested(&reflector->thread.cancellation))
        return cancellation_set_error(error);
    return reflector->handler.object(reflector->handler.context, object, error);
}

static void list(struct kubernetes_reflector *reflector)
{
    const struct kubernetes_list_options options = {
        .label_selector = reflector->options.label_selector,
        .field_selector = reflector->options.field_selector,
        .page_size = reflector->options.page_size,
    };
    const struct kubernetes_list_handler handler = {
        .begin = on_list_begin, .object = on_listed_object, .context = reflector};
    struct kubernetes_answer answer = {0};
    const struct kubernetes_call call = {.cancellation = &reflector->thread.cancellation, .answer = &answer};
    struct error error;
    if (!kubernetes_list_each(reflector->client, &reflector->target, &options, &call, &handler, &error,
                              &reflector->resource_version)) {
        if (error.code != ERROR_CANCELLED)
            wait_after_failure(reflector, &error, answer.retry_after_s);
        return;
    }
    reflector->answered_failures = 0;
    if (reflector->handler.list_end)
        reflector->handler.list_end(reflector->handler.context);
    set_synced(reflector);
}

static void on_watch_opened(void *context)
{
    struct kubernetes_reflector *reflector = context;
    reflector->is_accepted = true;
    set_watching(reflector, true);
}

static bool remember_place(struct kubernetes_reflector *reflector, const char *resource_version,
                           struct error *error)
{
    char *copy = strdup(resource_version);
    if (!copy)
        return error_set_no_memory(error);
    free(reflector->resource_version);
    reflector->resource_version = copy;
    return true;
}

static bool on_watch_event(void *context, struct watch_event *event, struct error *error)
{
    struct kubernetes_reflector *reflector = context;
    /* First, since the consumer may take the object; if it then fails, the place is forgotten anyway. */
    if (!remember_place(reflector, event->resource_version, error))
        return false;
    reflector->has_progressed = true;
    reflector->answered_failures = 0;
    backoff_reset(&reflector->backoff);
    if (event->type == WATCH_BOOKMARK) {
        count(reflector, &reflector->statistics.bookmarks);
        return true;
    }
    count(reflector, &reflector->statistics.events);
    if (event->type == WATCH_DELETED) {
        reflector->handler.deleted(reflector->handler.context, event->object);
        return true;
    }
    reflector->is_refused = !reflector->handler.object(reflector->handler.context, &event->object, error);
    return !reflector->is_refused;
}

static unsigned choose_watch_seconds(const struct kubernetes_reflector *reflector)
{
    unsigned seconds = reflector->options.watch_seconds;
    return seconds + backoff_random() % (seconds + 1);
}

static void handle_gone(struct kubernetes_reflector *reflector, const struct error *error)
{
    forget_place(reflector);
    count(reflector, &reflector->statistics.gone);
    /* Twice in a row without anything in between: the server forgets faster than we list. */
    if (!reflector->has_progressed)
        wait_after_failure(reflector, error, 0);
    reflector->has_progressed = false;
}

static void handle_watch_failure(struct kubernetes_reflector *reflector, const struct error *error,
                                 const struct kubernetes_answer *answer)
{
    if (error->code == ERROR_CANCELLED)
        return;
    if (error->code == ERROR_GONE) {
        handle_gone(reflector, error);
        return;
    }
    if (answer->status && ++reflector->answered_failures >= FAILURES_BEFORE_LIST)
        forget_place(reflector);
    if (reflector->is_refused)
        forget_place(reflector);
    wait_after_failure(reflector, error, answer->retry_after_s);
}

static void watch(struct kubernetes_reflector *reflector)
{
    /* A copy: the events move the place on while the watch is open. */
    _cleanup_(freep) char *resource_version = strdup(reflector->resource_version);
    const struct watch watch = {
        .client = reflector->client,
        .target = &reflector->target,
        .label_selector = reflector->options.label_selector,
        .field_selector = reflector->options.field_selector,
        .resource_version = resource_version,
        .seconds = choose_watch_seconds(reflector),
        .stall_ms = reflector->options.stall_ms,
        .event_bytes = reflector->options.event_bytes,
        .cancellation = &reflector->thread.cancellation,
        .opened = on_watch_opened,
        .event = on_watch_event,
        .context = reflector,
    };
    struct error error;
    struct kubernetes_answer answer = {0};
    uint64_t started_ns = clock_now_ns();
    uint64_t events_before = reflector->statistics.events + reflector->statistics.bookmarks;
    reflector->is_refused = false;
    reflector->is_accepted = false;
    bool is_ended = resource_version ? watch_perform(&watch, &error, &answer) : error_set_no_memory(&error);
    set_watching(reflector, false);

    bool has_lasted = clock_now_ns() - started_ns >= SHORT_WATCH_MS * NANOSECONDS_PER_MILLISECOND;
    bool is_empty = events_before == reflector->statistics.events + reflector->statistics.bookmarks;
    if (is_ended && is_empty && !has_lasted)
        is_ended = error_set(&error, ERROR_UNAVAILABLE, "watch %s: the server ended it at once",
                             reflector->target.resource->plural);
    if (is_ended || (reflector->is_accepted && has_lasted)) {
        backoff_reset(&reflector->backoff);
        reflector->has_progressed = true;
    }
    if (!is_ended)
        handle_watch_failure(reflector, &error, &answer);
}

static void *run(void *argument)
{
    struct kubernetes_reflector *reflector = argument;
    while (!cancellation_is_requested(&reflector->thread.cancellation)) {
        if (!reflector->resource_version)
            list(reflector);
        else
            watch(reflector);
    }
    return NULL;
}

static void release(struct kubernetes_reflector *reflector)
{
    pthread_cond_destroy(&reflector->synced);
    pthread_mutex_destroy(&reflector->mutex);
    free((char *) reflector->target.namespace_name);
    free((char *) reflector->options.label_selector);
    free((char *) reflector->options.field_selector);
    free(reflector->resource_version);
    free(reflector);
}

/* A copy of a string that may be NULL. */
static bool copy_optional(const char **copy, const char *text)
{
    *copy = text ? strdup(text) : NULL;
    return *copy || !text;
}

static bool set_options(struct kubernetes_reflector *reflector,
                        const struct kubernetes_reflector_options *options)
{
    static const struct kubernetes_reflector_options defaults = {0};
    const struct kubernetes_reflector_options *given = options ? options : &defaults;
    reflector->options = (struct kubernetes_reflector_options){
        .page_size = given->page_size ? given->page_size : KUBERNETES_PAGE_SIZE,
        .watch_seconds = given->watch_seconds ? given->watch_seconds : KUBERNETES_WATCH_SECONDS,
        .stall_ms = given->stall_ms ? given->stall_ms : KUBERNETES_WATCH_STALL_MS,
        .retry_first_ms = given->retry_first_ms ? given->retry_first_ms : KUBERNETES_WATCH_RETRY_FIRST_MS,
        .retry_longest_ms =
            given->retry_longest_ms ? given->retry_longest_ms : KUBERNETES_WATCH_RETRY_LONGEST_MS,
        .event_bytes = given->event_bytes ? given->event_bytes : KUBERNETES_WATCH_EVENT_BYTES,
    };
    reflector->backoff = (struct backoff){.first_ms = reflector->options.retry_first_ms,
                                          .longest_ms = reflector->options.retry_longest_ms};
    return copy_optional(&reflector->options.label_selector, given->label_selector) &&
           copy_optional(&reflector->options.field_selector, given->field_selector);
}

static bool check_target(const struct kubernetes_target *target, struct error *error)
{
    _cleanup_(buffer_done) struct buffer path = BUFFER_INIT(4096);
    if (target->name || target->subresource)
        return error_set(error, ERROR_INVALID, "watch %s: must name a collection, not an object",
                         target->resource->plural);
    return kubernetes_target_append_path(target, error, &path);
}

bool kubernetes_reflector_start(struct kubernetes_client *client, const struct kubernetes_target *target,
                                const struct kubernetes_reflector_options *options,
                                const struct kubernetes_reflector_handler *handler, struct error *error,
                                struct kubernetes_reflector **reflector)
{
    if (!check_target(target, error))
        return false;
    struct kubernetes_reflector *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->synced, NULL);
    made->client = client;
    made->target.resource = target->resource;
    made->handler = *handler;
    made->has_progressed = true;
    if (!set_options(made, options) || !copy_optional(&made->target.namespace_name, target->namespace_name)) {
        release(made);
        return error_set_no_memory(error);
    }
    if (!stoppable_thread_start(&made->thread, run, made, error)) {
        release(made);
        return false;
    }
    *reflector = made;
    return true;
}

void kubernetes_reflector_free(struct kubernetes_reflector *reflector)
{
    if (!reflector)
        return;
    stoppable_thread_stop(&reflector->thread);
    release(reflector);
}

bool kubernetes_reflector_wait_synced(struct kubernetes_reflector *reflector, unsigned timeout_ms)
{
    struct timespec deadline = clock_wait_deadline(timeout_ms);
    int failure = 0;
    pthread_mutex_lock(&reflector->mutex);
    while (!reflector->statistics.is_synced && failure != ETIMEDOUT)
        failure = pthread_cond_clockwait(&reflector->synced, &reflector->mutex, CLOCK_MONOTONIC, &deadline);
    bool is_synced = reflector->statistics.is_synced;
    pthread_mutex_unlock(&reflector->mutex);
    return is_synced;
}

void kubernetes_reflector_read_statistics(struct kubernetes_reflector *reflector,
                                          struct kubernetes_reflector_statistics *statistics)
{
    pthread_mutex_lock(&reflector->mutex);
    *statistics = reflector->statistics;
    pthread_mutex_unlock(&reflector->mutex);
}
