#include "common/log.h"
#include "kubernetes/clock.h"
#include "tests/support/plain_client.h"
#include "tests/unit/server/server_fixture.h"
#include "webhook/server/waiting_room.h"

#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES 65536

static struct server_fixture fixture;
static char answer[ANSWER_BYTES];

static int set_up_with_uid(void **state)
{
    (void) state;
    server_fixture_init(&fixture, CONFIGURATION_WITH_UID);
    return 0;
}

static int set_up_without_uid(void **state)
{
    (void) state;
    server_fixture_init(&fixture, CONFIGURATION_WITHOUT_UID);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    server_fixture_done(&fixture);
    return 0;
}

static void answers_a_review(void **state)
{
    (void) state;
    server_fixture_start(&fixture);
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", REVIEW_IN("one"), answer, sizeof answer),
                     200);
    assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(answer, "\"uid\":\"uid-1\",\"allowed\":true"));
    assert_null(strstr(answer, "Connection: close"));
    assert_true(server_fixture_shows_metric(
        &fixture,
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"CREATE\",result=\"injected\"} 1"));
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
}

static void forgets_one_request_before_the_next(void **state)
{
    (void) state;
    struct tls_client client;
    server_fixture_start(&fixture);
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    for (int i = 0; i < 3; i++) {
        assert_true(tls_client_post(&client, "/mutate", "{"));
        assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 400);
        assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("one")));
        assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 200);
    }
    tls_client_done(&client);
}

/* A source of namespaces that knows none at once, and otherwise waits for `permission`. */
static sem_t permission;
static atomic_int waiting;
static atomic_bool is_unknown;

static bool find_with_permission(void *context, const char *name, unsigned wait_ms, struct error *error,
                                 cJSON **annotations)
{
    (void) context;
    if (wait_ms == 0)
        return error_set(error, ERROR_UNAVAILABLE, "namespace %s: not known", name);
    atomic_fetch_add(&waiting, 1);
    sem_wait(&permission);
    atomic_fetch_sub(&waiting, 1);
    if (atomic_load(&is_unknown))
        return error_set(error, ERROR_UNAVAILABLE, "namespace %s: not known", name);
    *annotations = NULL;
    return true;
}

static const struct namespace_source with_permission = {.find = find_with_permission};

static int set_up_waiting(void **state)
{
    set_up_without_uid(state);
    sem_init(&permission, 0, 0);
    atomic_store(&waiting, 0);
    atomic_store(&is_unknown, false);
    fixture.options.namespaces = &with_permission;
    server_fixture_start(&fixture);
    return 0;
}

static void await_waiting(int count)
{
    for (int i = 0; i < 500 && atomic_load(&waiting) != count; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&waiting), count);
}

static void serves_others_while_a_request_waits_for_its_namespace(void **state)
{
    (void) state;
    struct tls_client waiting_client;
    assert_true(tls_client_connect(&waiting_client, server_port(fixture.server), NULL));
    assert_true(tls_client_post(&waiting_client, "/mutate", REVIEW_IN("new")));
    await_waiting(1);
    /* The only worker thread is free for this one. */
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", "{", answer, sizeof answer), 400);
    sem_post(&permission);
    assert_int_equal(tls_client_read_answer(&waiting_client, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\"allowed\":true"));
    tls_client_done(&waiting_client);
}

static void says_unavailable_when_the_namespace_stays_unknown(void **state)
{
    (void) state;
    atomic_store(&is_unknown, true);
    sem_post(&permission);
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", REVIEW_IN("gone"), answer, sizeof answer),
                     503);
    assert_non_null(strstr(answer, "namespace gone: not known"));
    assert_true(server_fixture_shows_metric(
        &fixture,
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"CREATE\",result=\"error\"} 1"));
}

static void survives_a_client_that_leaves_while_it_waits(void **state)
{
    (void) state;
    struct tls_client client;
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("new")));
    await_waiting(1);
    tls_client_done(&client);
    sem_post(&permission);
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", "{", answer, sizeof answer), 400);
}

static void stops_with_requests_that_wait(void **state)
{
    (void) state;
    struct tls_client client;
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("new")));
    await_waiting(1);
    sem_post(&permission);
    assert_int_equal(server_stop(take_pointer(&fixture.server), 5000), 0);
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 200);
    tls_client_done(&client);
}

/* A source that knows nothing, however long it waits. */
static bool find_nowhere(void *context, const char *name, unsigned wait_ms, struct error *error,
                         cJSON **annotations)
{
    (void) context, (void) annotations;
    usleep(wait_ms * 1000);
    return error_set(error, ERROR_UNAVAILABLE, "namespace %s: not known", name);
}

static void lets_none_of_many_wait_longer_than_one_would(void **state)
{
    (void) state;
    static const struct namespace_source nowhere = {.find = find_nowhere};
    struct tls_client clients[7 * WAITING_ROOM_THREADS];
    const size_t count = sizeof clients / sizeof *clients;
    fixture.options.namespaces = &nowhere;
    server_fixture_start(&fixture);
    for (size_t i = 0; i < count; i++)
        assert_true(tls_client_connect(&clients[i], server_port(fixture.server), NULL));
    uint64_t started_ns = clock_now_ns();
    for (size_t i = 0; i < count; i++)
        assert_true(tls_client_post(&clients[i], "/mutate", REVIEW_IN("gone")));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tls_client_read_answer(&clients[i], answer, sizeof answer), 503);
        tls_client_done(&clients[i]);
    }
    uint64_t waited_ms = (clock_now_ns() - started_ns) / NANOSECONDS_PER_MILLISECOND;
    /* One after the other they would wait seven times as long; a slow machine may take some of that. */
    assert_in_range(waited_ms, NAMESPACE_WAIT_MS, 5 * NAMESPACE_WAIT_MS);
}

static double processor_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double) used.tv_sec + (double) used.tv_nsec / 1e9;
}

/* Nothing at all, and the first bytes of a record of a handshake. */
static void sleeps_while_clients_say_no_more_in_their_handshakes(void **state)
{
    (void) state;
    struct tls_client client;
    server_fixture_start(&fixture);
    _cleanup_(closep) int silent = plain_client_connect(server_port(fixture.server));
    _cleanup_(closep) int stalled = plain_client_connect(server_port(fixture.server));
    assert_true(silent >= 0 && plain_client_send(stalled, "\x16\x03\x01"));
    double before = processor_seconds();
    sleep(2);
    assert_true(processor_seconds() - before < 0.5);
    /* Others are served meanwhile. */
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("one")));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 200);
    tls_client_done(&client);
}

static void counts_a_client_that_leaves_in_the_middle(void **state)
{
    (void) state;
    static const char start[] = "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                "Content-Length: 100\r\n\r\n{";
    struct tls_client client;
    server_fixture_start(&fixture);
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_send(&client, start, sizeof start - 1));
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 1"));
    tls_client_done(&client);
    assert_true(server_fixture_comes_to_show(
        &fixture,
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"unknown\",result=\"aborted\"} 1"));
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
}

static void refuses_a_body_that_does_not_end(void **state)
{
    (void) state;
    static const char start[] = "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                "Content-Length: 100\r\n\r\n{";
    struct tls_client client;
    fixture.options.limits.request_ms = 300;
    server_fixture_start(&fixture);
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_send(&client, start, sizeof start - 1));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 408);
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_non_null(strstr(answer, "\"message\":\"the body did not arrive in time\""));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 0);
    tls_client_done(&client);
    assert_true(server_fixture_comes_to_show(
        &fixture,
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"unknown\",result=\"invalid\"} 1"));
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
}

/* What was wrong with its header is said all the same. */
static void says_what_else_is_wrong_with_a_request_whose_body_does_not_end(void **state)
{
    (void) state;
    static const char start[] = "PUT /mutate HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{";
    struct tls_client client;
    fixture.options.limits.request_ms = 300;
    server_fixture_start(&fixture);
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_send(&client, start, sizeof start - 1));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 405);
    assert_non_null(strstr(answer, "Allow: POST\r\n"));
    tls_client_done(&client);
}

#define BODY_BUDGET ((size_t) 32 * 1024 * 1024)
#define FREE_BYTES ((size_t) 64 * 1024)
#define BODY_LIMIT ((size_t) 7 * 1024 * 1024)

/* Begins a body of `length` bytes and sends `sent` of them. */
static void send_part(struct tls_client *client, size_t length, size_t sent)
{
    static char block[65536];
    char header[256];
    memset(block, 'x', sizeof block);
    int header_length = snprintf(header, sizeof header,
                                 "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                 "Content-Length: %zu\r\n\r\n",
                                 length);
    assert_true(tls_client_send(client, header, (size_t) header_length));
    while (sent > 0) {
        size_t part = sent < sizeof block ? sent : sizeof block;
        assert_true(tls_client_send(client, block, part));
        sent -= part;
    }
}

static void takes_large_bodies_up_to_their_common_budget(void **state)
{
    (void) state;
    struct tls_client held[4], last;
    size_t charged = 4 * (BODY_LIMIT - FREE_BYTES);
    size_t rest = BODY_BUDGET - charged + FREE_BYTES;
    server_fixture_start(&fixture);
    for (size_t i = 0; i < 4; i++) {
        assert_true(tls_client_connect(&held[i], server_port(fixture.server), NULL));
        /* All but the last byte, so that it stays where it is. */
        send_part(&held[i], BODY_LIMIT, BODY_LIMIT - 1);
    }
    rest += 4;
    assert_true(tls_client_connect(&last, server_port(fixture.server), NULL));
    usleep(500000);
    send_part(&last, rest, rest);
    assert_int_equal(tls_client_read_answer(&last, answer, sizeof answer), 400);
    send_part(&last, rest + 1, rest + 1);
    assert_int_equal(tls_client_read_answer(&last, answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "too many large requests at once"));
    /* What the others held is free again when they are gone. */
    for (size_t i = 0; i < 4; i++)
        tls_client_done(&held[i]);
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
    send_part(&last, BODY_LIMIT, BODY_LIMIT);
    assert_int_equal(tls_client_read_answer(&last, answer, sizeof answer), 400);
    tls_client_done(&last);
}

static void closes_connections_after_the_answer_while_draining(void **state)
{
    (void) state;
    server_fixture_start(&fixture);
    readiness_set_draining(&fixture.readiness);
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", REVIEW_IN("one"), answer, sizeof answer),
                     200);
    assert_non_null(strstr(answer, "Connection: close\r\n"));
}

static void does_not_start_on_an_address_in_use(void **state)
{
    (void) state;
    struct error error;
    char address[32];
    struct server *second = NULL;
    server_fixture_start(&fixture);
    snprintf(address, sizeof address, "127.0.0.1:%u", server_port(fixture.server));
    struct server_options options = fixture.options;
    options.address = address;
    assert_false(server_start(&options, &error, &second));
    assert_int_equal(error.code, ERROR_IO);
    assert_null(second);
}

#define SERVER_TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    log_set_descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const struct CMUnitTest tests[] = {
        SERVER_TEST(answers_a_review, set_up_with_uid),
        SERVER_TEST(forgets_one_request_before_the_next, set_up_with_uid),
        SERVER_TEST(serves_others_while_a_request_waits_for_its_namespace, set_up_waiting),
        SERVER_TEST(says_unavailable_when_the_namespace_stays_unknown, set_up_waiting),
        SERVER_TEST(survives_a_client_that_leaves_while_it_waits, set_up_waiting),
        SERVER_TEST(stops_with_requests_that_wait, set_up_waiting),
        SERVER_TEST(lets_none_of_many_wait_longer_than_one_would, set_up_without_uid),
        SERVER_TEST(sleeps_while_clients_say_no_more_in_their_handshakes, set_up_with_uid),
        SERVER_TEST(counts_a_client_that_leaves_in_the_middle, set_up_with_uid),
        SERVER_TEST(refuses_a_body_that_does_not_end, set_up_with_uid),
        SERVER_TEST(says_what_else_is_wrong_with_a_request_whose_body_does_not_end, set_up_with_uid),
        SERVER_TEST(takes_large_bodies_up_to_their_common_budget, set_up_with_uid),
        SERVER_TEST(closes_connections_after_the_answer_while_draining, set_up_with_uid),
        SERVER_TEST(does_not_start_on_an_address_in_use, set_up_with_uid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
