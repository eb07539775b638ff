#include "kubernetes/reflector.h"

#include "kubernetes/clock.h"
#include "tests/unit/kubernetes/client_fixture.h"
#include "tests/unit/kubernetes/watch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kubernetes_target pods = {.resource = &kubernetes_pods, .namespace_name = "ns"};
static const struct kubernetes_reflector_options quick = {.retry_first_ms = 2, .retry_longest_ms = 20};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Everything that a test of a reflector needs. */
struct scene {
    struct watch_world *world;
    struct consumer consumer;
    struct fault_server *server;
    struct kubernetes_client *client;
    struct kubernetes_reflector *reflector;
};

static struct scene *open_scene(struct watch_world *world, const struct kubernetes_reflector_options *options)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct error error;
    assert_non_null(scene);
    watch_world_init(world);
    consumer_init(&scene->consumer);
    scene->world = world;
    scene->server = fault_server_start(watch_world_serve, world, NULL);
    scene->client = client_for(scene->server, NULL);
    const struct kubernetes_reflector_handler handler = consumer_handler(&scene->consumer);
    assert_true(
        kubernetes_reflector_start(scene->client, &pods, options, &handler, &error, &scene->reflector));
    return scene;
}

static void close_scene(struct scene *scene)
{
    kubernetes_reflector_free(scene->reflector);
    kubernetes_client_free(scene->client);
    fault_server_stop(scene->server);
    consumer_done(&scene->consumer);
    watch_world_done(scene->world);
    free(scene);
}

/* Runs the script and compares what the consumer and the server saw first. */
static void expect_story(struct watch_world world, const char *log, const char *requests)
{
    struct scene *scene = open_scene(&world, &quick);
    consumer_expect(&scene->consumer, log);
    watch_world_expect_requests(&world, requests);
    close_scene(scene);
}

static void lists_then_watches_from_there(void **state)
{
    (void) state;
    const char *lists[] = {ITEM("a") "," ITEM("b")};
    const struct watch_step steps[] = {
        {.events = EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13")}};
    expect_story((struct watch_world){.lists = lists, .list_count = 1, .steps = steps, .step_count = 1},
                 "[+a +b ]+c +a -b ", "list watch(10) ");
}

static void asks_for_bookmarks_an_end_and_its_selection(void **state)
{
    (void) state;
    struct watch_world world = {0};
    const struct kubernetes_reflector_options options = {
        .label_selector = "a=b", .field_selector = "metadata.name=x", .watch_seconds = 100};
    struct scene *scene = open_scene(&world, &options);
    watch_world_expect_requests(&world, "list watch(10) ");
    struct fault_request request = {0};
    char value[64];
    pthread_mutex_lock(&world.mutex);
    snprintf(request.target, sizeof request.target, "%s", world.last_watch);
    pthread_mutex_unlock(&world.mutex);
    assert_memory_equal(request.target, "/api/v1/namespaces/ns/pods?", strlen("/api/v1/namespaces/ns/pods?"));
    fault_query(&request, "allowWatchBookmarks", value, sizeof value);
    assert_string_equal(value, "true");
    fault_query(&request, "labelSelector", value, sizeof value);
    assert_string_equal(value, "a=b");
    fault_query(&request, "fieldSelector", value, sizeof value);
    assert_string_equal(value, "metadata.name=x");
    fault_query(&request, "timeoutSeconds", value, sizeof value);
    assert_in_range(strtol(value, NULL, 10), 100, 200);
    close_scene(scene);
}

static void goes_on_after_the_last_event_when_the_server_ends_the_watch(void **state)
{
    (void) state;
    const struct watch_step steps[] = {
        {.events = EVENT("ADDED", "a", "15"), .ending = ENDING_CLOSE},
        {.events = EVENT("ADDED", "b", "17"), .ending = ENDING_CLOSE},
    };
    expect_story((struct watch_world){.steps = steps, .step_count = 2}, "[]+a +b ",
                 "list watch(10) watch(15) watch(17) ");
}

static void a_bookmark_moves_the_place_and_is_no_event(void **state)
{
    (void) state;
    const struct watch_step steps[] = {
        {.events = EVENT("BOOKMARK", "", "40"), .ending = ENDING_CLOSE},
        {.events = EVENT("ADDED", "a", "41")},
    };
    expect_story((struct watch_world){.steps = steps, .step_count = 2}, "[]+a ", "list watch(10) watch(40) ");
}

static void lines_may_come_in_any_pieces(void **state)
{
    (void) state;
    const unsigned pieces[] = {1, 2, 7, 50};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        const struct watch_step steps[] = {
            {.events = EVENT("ADDED", "a", "11") EVENT("DELETED", "a", "12"), .piece = pieces[i]}};
        expect_story((struct watch_world){.steps = steps, .step_count = 1}, "[]+a -a ", "list watch(10) ");
    }
}

#define GONE_EVENT                                                                                           \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\","               \
    "\"message\":\"too old resource version\"}}\n"

static void lists_again_when_the_place_is_forgotten_and_shows_what_vanished(void **state)
{
    (void) state;
    const char *lists[] = {ITEM("a") "," ITEM("b"), ITEM("b")};
    const struct watch_step by_status[] = {{.status = 410}};
    const struct watch_step by_event[] = {{.events = GONE_EVENT, .ending = ENDING_CLOSE}};
    expect_story((struct watch_world){.lists = lists, .list_count = 2, .steps = by_status, .step_count = 1},
                 "[+a +b ][+b ]", "list watch(10) list watch(20) ");
    expect_story((struct watch_world){.lists = lists, .list_count = 2, .steps = by_event, .step_count = 1},
                 "[+a +b ][+b ]", "list watch(10) list watch(20) ");
}

static void waits_when_the_place_is_forgotten_again_and_again(void **state)
{
    (void) state;
    const struct watch_step steps[] = {{.status = 410}, {.status = 410}, {.status = 410}};
    expect_story((struct watch_world){.steps = steps, .step_count = 3}, "[][]!gone []!gone []",
                 "list watch(10) list watch(20) list watch(30) list watch(40) ");
}

static void drops_half_a_line_of_a_broken_connection_and_resumes(void **state)
{
    (void) state;
    const struct watch_step steps[] = {
        {.events = EVENT("ADDED", "a", "11") "{\"type\":\"ADDED\",\"object\":{\"metad",
         .ending = ENDING_RESET},
        {.events = EVENT("ADDED", "b", "12")},
    };
    expect_story((struct watch_world){.steps = steps, .step_count = 2}, "[]+a !unavailable +b ",
                 "list watch(10) watch(11) ");
}

static void resumes_after_errors_and_lists_again_when_they_persist(void **state)
{
    (void) state;
    static const char error_event[] =
        "{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"storage\"}}\n";
    const struct watch_step statuses[] = {{.status = 500}, {.status = 403}, {.status = 504}};
    const struct watch_step events[] = {{.events = error_event}, {.events = "rubbish\n"}, {.events = "{}\n"}};
    expect_story((struct watch_world){.steps = statuses, .step_count = 3},
                 "[]!unavailable !permission_denied !timeout []",
                 "list watch(10) watch(10) watch(10) list watch(20) ");
    expect_story((struct watch_world){.steps = events, .step_count = 3},
                 "[]!unavailable !unavailable !unavailable []",
                 "list watch(10) watch(10) watch(10) list watch(20) ");
}

static void an_event_in_between_forgives_the_failures_before(void **state)
{
    (void) state;
    const struct watch_step steps[] = {
        {.status = 500}, {.status = 500}, {.events = EVENT("ADDED", "a", "11"), .ending = ENDING_CLOSE},
        {.status = 500}, {.status = 500}, {.events = EVENT("ADDED", "b", "12")},
    };
    expect_story((struct watch_world){.steps = steps, .step_count = COUNT(steps)},
                 "[]!unavailable !unavailable +a !unavailable !unavailable +b ",
                 "list watch(10) watch(10) watch(10) watch(11) watch(11) watch(11) ");
}

static void takes_an_event_at_the_limit_and_not_one_past_it(void **state)
{
    (void) state;
    const struct watch_step steps[] = {{.events = EVENT("ADDED", "abc", "11") EVENT("ADDED", "abcd", "12")}};
    struct watch_world world = {.steps = steps, .step_count = 1};
    struct kubernetes_reflector_options options = quick;
    options.event_bytes = strlen(EVENT("ADDED", "abc", "11")) - 1;
    struct scene *scene = open_scene(&world, &options);
    consumer_expect(&scene->consumer, "[]+abc !too_large ");
    watch_world_expect_requests(&world, "list watch(10) watch(11) ");
    close_scene(scene);
}

static void gives_a_silent_watch_up_and_resumes(void **state)
{
    (void) state;
    const struct watch_step steps[] = {{.events = EVENT("ADDED", "a", "11")}};
    struct watch_world world = {.steps = steps, .step_count = 1};
    struct kubernetes_reflector_options options = quick;
    options.stall_ms = 100;
    struct scene *scene = open_scene(&world, &options);
    consumer_expect(&scene->consumer, "[]+a !timeout ");
    watch_world_expect_requests(&world, "list watch(10) watch(11) ");
    close_scene(scene);
}

static void watches_that_end_at_once_are_not_opened_without_pause(void **state)
{
    (void) state;
    struct watch_step steps[100];
    for (size_t i = 0; i < COUNT(steps); i++)
        steps[i] = (struct watch_step){.ending = ENDING_CLOSE};
    struct watch_world world = {.steps = steps, .step_count = COUNT(steps)};
    const struct kubernetes_reflector_options options = {.retry_first_ms = 100, .retry_longest_ms = 1000};
    struct scene *scene = open_scene(&world, &options);
    cancellation_sleep(NULL, 500);
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(scene->reflector, &statistics);
    assert_in_range(statistics.watches, 2, 6);
    assert_in_range(statistics.failures, 1, 6);
    close_scene(scene);
}

static void a_quiet_watch_that_lasted_is_no_failure(void **state)
{
    (void) state;
    const struct watch_step steps[] = {{.ending = ENDING_LATE}, {.events = EVENT("ADDED", "a", "11")}};
    expect_story((struct watch_world){.steps = steps, .step_count = 2}, "[]+a ", "list watch(10) watch(10) ");
}

static bool has_failed_thrice(void *context)
{
    struct scene *scene = context;
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(scene->reflector, &statistics);
    return statistics.failures >= 3;
}

static void resumes_without_a_list_when_the_server_comes_back(void **state)
{
    (void) state;
    const struct watch_step steps[] = {{.events = EVENT("ADDED", "a", "11")},
                                       {.events = EVENT("ADDED", "b", "12")}};
    struct watch_world world = {.steps = steps, .step_count = 2};
    struct scene *scene = open_scene(&world, &quick);
    consumer_expect(&scene->consumer, "[]+a ");
    atomic_store(&world.is_down, true);
    fault_server_drop_connections(scene->server);
    assert_true(eventually(has_failed_thrice, scene));
    atomic_store(&world.is_down, false);
    watch_world_expect_requests(&world, "list watch(10) watch(11) ");
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(scene->reflector, &statistics);
    assert_int_equal(statistics.lists, 1);
    close_scene(scene);
}

static void lists_again_when_the_consumer_cannot_take_an_object(void **state)
{
    (void) state;
    const char *lists[] = {ITEM("a"), ITEM("a") "," ITEM("b")};
    const struct watch_step steps[] = {{.events = EVENT("ADDED", "b", "11")}};
    struct watch_world world = {.lists = lists, .list_count = 2, .steps = steps, .step_count = 1};
    watch_world_init(&world);
    struct consumer consumer = {.refused = "b"};
    consumer_init(&consumer);
    struct fault_server *server = fault_server_start(watch_world_serve, &world, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_reflector_handler handler = consumer_handler(&consumer);
    struct kubernetes_reflector *reflector = NULL;
    struct error error;
    assert_true(kubernetes_reflector_start(client, &pods, &quick, &handler, &error, &reflector));
    consumer_expect(&consumer, "[+a ]!no_memory [+a +b ]");
    watch_world_expect_requests(&world, "list watch(10) list watch(20) ");
    kubernetes_reflector_free(reflector);
    kubernetes_client_free(client);
    fault_server_stop(server);
    consumer_done(&consumer);
    watch_world_done(&world);
}

static void goes_on_trying_until_the_first_list_succeeds(void **state)
{
    (void) state;
    struct watch_world world = {.list_failures = 2, .list_status = 403};
    struct scene *scene = open_scene(&world, &quick);
    assert_true(kubernetes_reflector_wait_synced(scene->reflector, 10000));
    consumer_expect(&scene->consumer, "[!permission_denied [!permission_denied []");
    close_scene(scene);
}

static void tells_whether_it_is_synced(void **state)
{
    (void) state;
    struct watch_world world = {.list_failures = 1000000, .list_status = 403};
    struct scene *scene = open_scene(&world, &quick);
    assert_false(kubernetes_reflector_wait_synced(scene->reflector, 50));
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(scene->reflector, &statistics);
    assert_false(statistics.is_synced);
    assert_true(statistics.failures > 0);
    close_scene(scene);
}

static bool is_watching_with_events(void *context)
{
    struct scene *scene = context;
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(scene->reflector, &statistics);
    return statistics.is_watching && statistics.is_synced && statistics.lists == 2 && statistics.gone == 1 &&
           statistics.watches == 2 && statistics.events == 2 && statistics.bookmarks == 1;
}

static void counts_what_it_does(void **state)
{
    (void) state;
    const struct watch_step steps[] = {
        {.events = EVENT("ADDED", "a", "11") EVENT("BOOKMARK", "", "12") GONE_EVENT, .ending = ENDING_CLOSE},
        {.events = EVENT("DELETED", "a", "21")},
    };
    struct watch_world world = {.steps = steps, .step_count = 2};
    struct scene *scene = open_scene(&world, &quick);
    assert_true(eventually(is_watching_with_events, scene));
    close_scene(scene);
}

static void stops_at_once_whatever_it_is_doing(void **state)
{
    (void) state;
    struct watch_world worlds[] = {
        {0},                                            /* an open watch */
        {.list_delay_ms = 60000},                       /* a list that does not answer */
        {.list_failures = 1000000, .list_status = 403}, /* a wait after a failure */
    };
    const struct kubernetes_reflector_options slow = {.retry_first_ms = 60000, .retry_longest_ms = 60000};
    for (size_t i = 0; i < COUNT(worlds); i++) {
        struct scene *scene = open_scene(&worlds[i], &slow);
        watch_world_expect_requests(&worlds[i], i == 0 ? "list watch(10) " : "list ");
        uint64_t started_ns = clock_now_ns();
        close_scene(scene);
        assert_true(clock_now_ns() - started_ns < 5000 * NANOSECONDS_PER_MILLISECOND);
    }
}

static void refuses_to_watch_a_single_object_by_name(void **state)
{
    (void) state;
    struct consumer consumer = {0};
    consumer_init(&consumer);
    const struct kubernetes_reflector_handler handler = consumer_handler(&consumer);
    const struct kubernetes_target pod = {.resource = &kubernetes_pods, .namespace_name = "ns", .name = "a"};
    struct kubernetes_reflector *reflector = NULL;
    struct error error;
    assert_false(kubernetes_reflector_start(NULL, &pod, NULL, &handler, &error, &reflector));
    assert_int_equal(error.code, ERROR_INVALID);
    consumer_done(&consumer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_then_watches_from_there),
        cmocka_unit_test(asks_for_bookmarks_an_end_and_its_selection),
        cmocka_unit_test(goes_on_after_the_last_event_when_the_server_ends_the_watch),
        cmocka_unit_test(a_bookmark_moves_the_place_and_is_no_event),
        cmocka_unit_test(lines_may_come_in_any_pieces),
        cmocka_unit_test(lists_again_when_the_place_is_forgotten_and_shows_what_vanished),
        cmocka_unit_test(waits_when_the_place_is_forgotten_again_and_again),
        cmocka_unit_test(drops_half_a_line_of_a_broken_connection_and_resumes),
        cmocka_unit_test(resumes_after_errors_and_lists_again_when_they_persist),
        cmocka_unit_test(an_event_in_between_forgives_the_failures_before),
        cmocka_unit_test(takes_an_event_at_the_limit_and_not_one_past_it),
        cmocka_unit_test(gives_a_silent_watch_up_and_resumes),
        cmocka_unit_test(watches_that_end_at_once_are_not_opened_without_pause),
        cmocka_unit_test(a_quiet_watch_that_lasted_is_no_failure),
        cmocka_unit_test(resumes_without_a_list_when_the_server_comes_back),
        cmocka_unit_test(lists_again_when_the_consumer_cannot_take_an_object),
        cmocka_unit_test(goes_on_trying_until_the_first_list_succeeds),
        cmocka_unit_test(tells_whether_it_is_synced),
        cmocka_unit_test(counts_what_it_does),
        cmocka_unit_test(stops_at_once_whatever_it_is_doing),
        cmocka_unit_test(refuses_to_watch_a_single_object_by_name),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
