#include "webhook/admission/namespace_cache.h"

#include "common/json.h"
#include "kubernetes/clock.h"
#include "tests/unit/kubernetes/client_fixture.h"
#include "tests/unit/kubernetes/watch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANGE_KEY NAMESPACE_ANNOTATION_PREFIX "uid-range"
#define NAMESPACE(name, annotations)                                                                         \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{" annotations "}}}"
#define NAMESPACE_EVENT(type, name, version, annotations)                                                    \
    "{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version  \
    "\",\"annotations\":{" annotations "}}}}\n"

/* Far more than what is waited for takes on a busy machine. */
#define LONG_WAIT_MS 20000u

static const struct kubernetes_reflector_options quick = {.retry_first_ms = 2, .retry_longest_ms = 20};

struct scene {
    struct watch_world *world;
    struct fault_server *server;
    struct kubernetes_client *client;
    struct namespace_cache *cache;
    struct namespace_source source;
    atomic_uint failures;
};

static void on_failure(void *context, const struct error *error, unsigned retry_ms)
{
    (void) error;
    (void) retry_ms;
    struct scene *scene = context;
    atomic_fetch_add(&scene->failures, 1);
}

static struct scene *open_scene(struct watch_world *world)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct error error;
    assert_non_null(scene);
    watch_world_init(world);
    scene->world = world;
    scene->server = fault_server_start(watch_world_serve, world, NULL);
    scene->client = client_for(scene->server, NULL);
    assert_true(namespace_cache_new(scene->client, &quick, on_failure, scene, &error, &scene->cache));
    scene->source = namespace_cache_source(scene->cache);
    return scene;
}

static void close_scene(struct scene *scene)
{
    namespace_cache_free(scene->cache);
    kubernetes_client_free(scene->client);
    fault_server_stop(scene->server);
    watch_world_done(scene->world);
    free(scene);
}

/* Fails the test when they are others, or come later than after `wait_ms`. */
static void expect_annotations_within(const struct namespace_source *source, unsigned wait_ms,
                                      const char *name, const char *expected)
{
    struct error error;
    cJSON *annotations = NULL;
    if (!source->find(source->context, name, wait_ms, &error, &annotations))
        fail_msg("%s", error.message);
    char *text = annotations ? cJSON_PrintUnformatted(annotations) : NULL;
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    cJSON_free(text);
    cJSON_Delete(annotations);
}

static void expect_annotations(const struct namespace_source *source, const char *name, const char *expected)
{
    expect_annotations_within(source, NAMESPACE_WAIT_MS, name, expected);
}

static bool is_known(const struct namespace_source *source, const char *name)
{
    struct error error;
    cJSON *annotations = NULL;
    bool is_found = source->find(source->context, name, 0, &error, &annotations);
    cJSON_Delete(annotations);
    return is_found;
}

static bool is_synced(void *context)
{
    struct scene *scene = context;
    return namespace_cache_is_synced(scene->cache);
}

static void keeps_the_annotations_that_matter_and_no_others(void **state)
{
    (void) state;
    const char *lists[] = {NAMESPACE("b", "\"" RANGE_KEY "\":\"1000/10\",\"other.io/x\":\"y\"") "," NAMESPACE(
        "a", "\"other.io/x\":\"y\"") ",{\"metadata\":{\"name\":\"c\",\"annotations\":[1]}}"};
    struct watch_world world = {.lists = lists, .list_count = 1};
    struct scene *scene = open_scene(&world);
    expect_annotations(&scene->source, "a", NULL);
    expect_annotations(&scene->source, "b", "{\"" RANGE_KEY "\":\"1000/10\"}");
    expect_annotations(&scene->source, "c", NULL);
    close_scene(scene);
}

static bool has_changed(void *context)
{
    struct scene *scene = context;
    return !is_known(&scene->source, "b") && is_known(&scene->source, "c");
}

static void follows_additions_changes_and_deletions(void **state)
{
    (void) state;
    const char *lists[] = {NAMESPACE("a", "\"" RANGE_KEY "\":\"1/1\"") "," NAMESPACE("b", "")};
    const struct watch_step steps[] = {
        {.events = NAMESPACE_EVENT("MODIFIED", "a", "11", "\"" RANGE_KEY "\":\"2/2\"")
             NAMESPACE_EVENT("DELETED", "b", "12", "") NAMESPACE_EVENT("DELETED", "never-seen", "13", "")
                 NAMESPACE_EVENT("ADDED", "c", "14", "")}};
    struct watch_world world = {.lists = lists, .list_count = 1, .steps = steps, .step_count = 1};
    struct scene *scene = open_scene(&world);
    assert_true(eventually(has_changed, scene));
    expect_annotations(&scene->source, "a", "{\"" RANGE_KEY "\":\"2/2\"}");
    close_scene(scene);
}

/* Not before the first list, which brings "b" behind "a". */
static bool has_dropped_the_others(void *context)
{
    struct scene *scene = context;
    return is_known(&scene->source, "b") && !is_known(&scene->source, "a") && !is_known(&scene->source, "c");
}

static void drops_what_vanished_while_nobody_watched(void **state)
{
    (void) state;
    const char *lists[] = {NAMESPACE("a", "") "," NAMESPACE("b", "") "," NAMESPACE("c", ""),
                           NAMESPACE("b", "")};
    const struct watch_step steps[] = {{.status = 410}};
    struct watch_world world = {.lists = lists, .list_count = 2, .steps = steps, .step_count = 1};
    struct scene *scene = open_scene(&world);
    assert_true(eventually(has_dropped_the_others, scene));
    close_scene(scene);
}

static void an_unknown_namespace_fails_by_name_after_the_named_wait(void **state)
{
    (void) state;
    struct watch_world world = {0};
    struct scene *scene = open_scene(&world);
    struct error error;
    cJSON *annotations = NULL;
    uint64_t started_ns = clock_now_ns();
    assert_false(
        scene->source.find(scene->source.context, "nowhere", NAMESPACE_WAIT_MS, &error, &annotations));
    uint64_t waited_ms = (clock_now_ns() - started_ns) / NANOSECONDS_PER_MILLISECOND;
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_string_equal(error.message, "namespace \"nowhere\" is not known");
    assert_in_range(waited_ms, NAMESPACE_WAIT_MS - 1, NAMESPACE_WAIT_MS + 400);

    started_ns = clock_now_ns();
    assert_false(scene->source.find(scene->source.context, "nowhere", 0, &error, &annotations));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_true(clock_now_ns() - started_ns < 400 * NANOSECONDS_PER_MILLISECOND);
    close_scene(scene);
}

static void a_lookup_waits_for_a_namespace_that_is_just_being_made(void **state)
{
    (void) state;
    const char *lists[] = {NAMESPACE("new", "\"" RANGE_KEY "\":\"5/5\"")};
    struct watch_world world = {.lists = lists, .list_count = 1, .list_delay_ms = 150};
    struct scene *scene = open_scene(&world);
    uint64_t started_ns = clock_now_ns();
    expect_annotations_within(&scene->source, LONG_WAIT_MS, "new", "{\"" RANGE_KEY "\":\"5/5\"}");
    /* It is woken, and does not look again only when its time is over. */
    assert_true(clock_now_ns() - started_ns < LONG_WAIT_MS / 2 * NANOSECONDS_PER_MILLISECOND);
    close_scene(scene);
}

/* The value of an annotation of `length` bytes, as the cache has it. */
static size_t kept_length(size_t length)
{
    char value[NAMESPACE_VALUE_BYTES + 2];
    memset(value, '7', length);
    value[length] = '\0';
    char item[2 * NAMESPACE_VALUE_BYTES];
    snprintf(item, sizeof item, "{\"metadata\":{\"name\":\"a\",\"annotations\":{\"%s\":\"%s\"}}}", RANGE_KEY,
             value);
    const char *lists[] = {item};
    struct watch_world world = {.lists = lists, .list_count = 1};
    struct scene *scene = open_scene(&world);
    struct error error;
    cJSON *annotations = NULL;
    assert_true(scene->source.find(scene->source.context, "a", NAMESPACE_WAIT_MS, &error, &annotations));
    size_t kept = strlen(cJSON_GetStringValue(json_member(annotations, RANGE_KEY)));
    cJSON_Delete(annotations);
    close_scene(scene);
    return kept;
}

static void keeps_a_value_at_the_limit_and_cuts_one_past_it(void **state)
{
    (void) state;
    assert_int_equal(kept_length(NAMESPACE_VALUE_BYTES), NAMESPACE_VALUE_BYTES);
    assert_int_equal(kept_length(NAMESPACE_VALUE_BYTES + 1), NAMESPACE_VALUE_BYTES);
}

static bool has_failed(void *context)
{
    struct scene *scene = context;
    return atomic_load(&scene->failures) > 0;
}

static void is_not_synced_and_reports_while_it_may_not_list(void **state)
{
    (void) state;
    struct watch_world world = {.list_failures = 1000000, .list_status = 403};
    struct scene *scene = open_scene(&world);
    assert_true(eventually(has_failed, scene));
    assert_false(is_synced(scene));
    close_scene(scene);
}

#define MANY_NAME "n%06u"

/* So many namespaces n000000, n000001, ... in pages. */
static bool serve_many(void *context, const struct fault_request *request,
                       struct fault_connection *connection)
{
    unsigned count = *(unsigned *) context;
    char watch[8], token[16], limit[16];
    fault_query(request, "watch", watch, sizeof watch);
    fault_query(request, "continue", token, sizeof token);
    fault_query(request, "limit", limit, sizeof limit);
    if (*watch) {
        fault_begin_chunked(connection);
        fault_wait(connection, 60000);
        return false;
    }
    unsigned first = (unsigned) strtoul(token, NULL, 10), last = first + (unsigned) strtoul(limit, NULL, 10);
    if (last > count)
        last = count;
    struct buffer body = BUFFER_INIT(16 * 1024 * 1024);
    buffer_append_string(&body, "{\"metadata\":{\"resourceVersion\":\"1\"");
    if (last < count)
        buffer_append_format(&body, ",\"continue\":\"%u\"", last);
    buffer_append_string(&body, "},\"items\":[");
    for (unsigned i = first; i < last; i++)
        buffer_append_format(&body, "%s{\"metadata\":{\"name\":\"" MANY_NAME "\"}}", i > first ? "," : "", i);
    buffer_append_string(&body, "]}");
    bool is_sent = fault_answer(connection, 200, "", buffer_string(&body));
    buffer_done(&body);
    return is_sent;
}

static void holds_as_many_namespaces_as_named_and_not_one_more(void **state)
{
    (void) state;
    for (unsigned excess = 0; excess < 2; excess++) {
        unsigned count = NAMESPACE_CACHE_ENTRIES + excess;
        struct scene scene = {.server = fault_server_start(serve_many, &count, NULL)};
        const struct kubernetes_reflector_options options = {
            .page_size = 16384, .retry_first_ms = 60000, .retry_longest_ms = 60000};
        struct error error;
        char name[16];
        scene.client = client_for(scene.server, NULL);
        assert_true(namespace_cache_new(scene.client, &options, on_failure, &scene, &error, &scene.cache));
        struct namespace_source source = namespace_cache_source(scene.cache);
        assert_true(eventually(excess ? has_failed : is_synced, &scene));
        assert_int_equal(is_synced(&scene), !excess);
        snprintf(name, sizeof name, MANY_NAME, NAMESPACE_CACHE_ENTRIES - 1);
        assert_true(is_known(&source, name));
        snprintf(name, sizeof name, MANY_NAME, NAMESPACE_CACHE_ENTRIES);
        assert_false(is_known(&source, name));
        namespace_cache_free(scene.cache);
        kubernetes_client_free(scene.client);
        fault_server_stop(scene.server);
    }
}

static void *look_up_many_times(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; i < 2000; i++) {
        if (!is_known(&scene->source, "steady"))
            return argument;
    }
    return NULL;
}

static void lookups_and_changes_run_side_by_side(void **state)
{
    (void) state;
    const char *lists[] = {NAMESPACE("steady", "\"" RANGE_KEY "\":\"1/1\"")};
    const struct watch_step steps[] = {{.events = NAMESPACE_EVENT("ADDED", "a", "11", "") NAMESPACE_EVENT(
                                            "MODIFIED", "steady", "12", "\"" RANGE_KEY "\":\"2/2\"")
                                            NAMESPACE_EVENT("DELETED", "a", "13", ""),
                                        .piece = 1}};
    struct watch_world world = {.lists = lists, .list_count = 1, .steps = steps, .step_count = 1};
    struct scene *scene = open_scene(&world);
    assert_true(eventually(is_synced, scene));
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_many_times, scene), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    close_scene(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_annotations_that_matter_and_no_others),
        cmocka_unit_test(follows_additions_changes_and_deletions),
        cmocka_unit_test(drops_what_vanished_while_nobody_watched),
        cmocka_unit_test(an_unknown_namespace_fails_by_name_after_the_named_wait),
        cmocka_unit_test(a_lookup_waits_for_a_namespace_that_is_just_being_made),
        cmocka_unit_test(keeps_a_value_at_the_limit_and_cuts_one_past_it),
        cmocka_unit_test(is_not_synced_and_reports_while_it_may_not_list),
        cmocka_unit_test(holds_as_many_namespaces_as_named_and_not_one_more),
        cmocka_unit_test(lookups_and_changes_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
