#include "tests/unit/kubernetes/watch_world.h"

#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOG_BYTES (256 * 1024)

void watch_world_init(struct watch_world *world)
{
    pthread_mutex_init(&world->mutex, NULL);
    world->requests = BUFFER_INIT(LOG_BYTES);
}

void watch_world_done(struct watch_world *world)
{
    pthread_mutex_destroy(&world->mutex);
    buffer_done(&world->requests);
}

static bool serve_list(struct watch_world *world, struct fault_connection *connection)
{
    pthread_mutex_lock(&world->mutex);
    buffer_append_string(&world->requests, "list ");
    bool is_refused = world->list_failures > 0;
    world->list_failures -= is_refused;
    size_t number = is_refused ? 0 : world->lists_served++;
    pthread_mutex_unlock(&world->mutex);
    if (world->list_delay_ms && !fault_wait(connection, world->list_delay_ms))
        return false;
    if (is_refused)
        return fault_status(connection, world->list_status, "Refused", "not now");
    const char *items =
        world->list_count ? world->lists[number < world->list_count ? number : world->list_count - 1] : "";
    char body[8192];
    snprintf(body, sizeof body,
             "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"%zu\"},\"items\":[%s]}",
             10 * (number + 1), items);
    return fault_answer(connection, 200, "", body);
}

static bool send_events(struct fault_connection *connection, const struct watch_step *step)
{
    const char *events = step->events ? step->events : "";
    size_t length = strlen(events), piece = step->piece ? step->piece : length;
    for (size_t at = 0; at < length; at += piece) {
        char *text = strndup(events + at, piece);
        bool is_sent = fault_chunk(connection, text);
        free(text);
        /* Apart in time, so that they arrive apart. */
        if (!is_sent || (step->piece && !fault_wait(connection, 1)))
            return false;
    }
    return true;
}

static bool serve_watch(struct watch_world *world, const struct fault_request *request,
                        struct fault_connection *connection)
{
    static const struct watch_step silent = {0};
    char version[64];
    fault_query(request, "resourceVersion", version, sizeof version);
    pthread_mutex_lock(&world->mutex);
    buffer_append_format(&world->requests, "watch(%s) ", version);
    snprintf(world->last_watch, sizeof world->last_watch, "%s", request->target);
    size_t number = world->watches_served++;
    pthread_mutex_unlock(&world->mutex);
    const struct watch_step *step = number < world->step_count ? &world->steps[number] : &silent;
    if (step->status)
        return fault_status(connection, step->status, "Refused", "no watch");
    if (!fault_begin_chunked(connection) || !send_events(connection, step))
        return false;
    if (step->ending == ENDING_RESET) {
        /* What was sent is read first: a reset throws away what is still on its way. */
        fault_wait(connection, 50);
        fault_reset(connection);
        return false;
    }
    if (step->ending == ENDING_LATE && !fault_wait(connection, 1200))
        return false;
    if (step->ending == ENDING_HOLD) {
        fault_wait(connection, 60000);
        return false;
    }
    return fault_send(connection, "0\r\n\r\n");
}

bool watch_world_serve(void *context, const struct fault_request *request,
                       struct fault_connection *connection)
{
    struct watch_world *world = context;
    if (atomic_load(&world->is_down))
        return false;
    char watch[8];
    fault_query(request, "watch", watch, sizeof watch);
    return *watch ? serve_watch(world, request, connection) : serve_list(world, connection);
}

/* A log that is to begin with something. */
struct expectation {
    pthread_mutex_t *mutex;
    struct buffer *log;
    const char *expected;
};

static bool is_met(void *context)
{
    const struct expectation *expectation = context;
    pthread_mutex_lock(expectation->mutex);
    bool is_prefix =
        strncmp(buffer_string(expectation->log), expectation->expected, strlen(expectation->expected)) == 0;
    pthread_mutex_unlock(expectation->mutex);
    return is_prefix;
}

static void expect(struct expectation expectation)
{
    if (eventually(is_met, &expectation))
        return;
    pthread_mutex_lock(expectation.mutex);
    print_error("expected \"%s\", got \"%s\"\n", expectation.expected, buffer_string(expectation.log));
    pthread_mutex_unlock(expectation.mutex);
    fail();
}

void watch_world_expect_requests(struct watch_world *world, const char *expected)
{
    expect((struct expectation){&world->mutex, &world->requests, expected});
}

void consumer_expect(struct consumer *consumer, const char *expected)
{
    expect((struct expectation){&consumer->mutex, &consumer->log, expected});
}

void consumer_init(struct consumer *consumer)
{
    pthread_mutex_init(&consumer->mutex, NULL);
    consumer->log = BUFFER_INIT(LOG_BYTES);
}

void consumer_done(struct consumer *consumer)
{
    pthread_mutex_destroy(&consumer->mutex);
    buffer_done(&consumer->log);
}

static void write_down(struct consumer *consumer, const char *sign, const char *name, const char *end)
{
    pthread_mutex_lock(&consumer->mutex);
    buffer_append_format(&consumer->log, "%s%s%s", sign, name, end);
    pthread_mutex_unlock(&consumer->mutex);
}

static void on_list_begin(void *context)
{
    write_down(context, "[", "", "");
}

static bool on_object(void *context, cJSON **object, struct error *error)
{
    struct consumer *consumer = context;
    const char *name = kubernetes_object_name(*object);
    if (consumer->refused && strcmp(name, consumer->refused) == 0) {
        consumer->refused = NULL;
        return error_set(error, ERROR_NO_MEMORY, "no room");
    }
    write_down(consumer, "+", name, " ");
    return true;
}

static void on_deleted(void *context, const cJSON *object)
{
    write_down(context, "-", kubernetes_object_name(object), " ");
}

static void on_list_end(void *context)
{
    write_down(context, "]", "", "");
}

static void on_failed(void *context, const struct error *error, unsigned retry_ms)
{
    if (retry_ms == 0)
        abort();
    write_down(context, "!", error_code_name(error->code), " ");
}

struct kubernetes_reflector_handler consumer_handler(struct consumer *consumer)
{
    return (struct kubernetes_reflector_handler){
        .list_begin = on_list_begin,
        .object = on_object,
        .deleted = on_deleted,
        .list_end = on_list_end,
        .failed = on_failed,
        .context = consumer,
    };
}
