/* What a recorder sees of a server's decisions, and what becomes of answers without a record. */
#include "common/log.h"
#include "tests/unit/server/server_fixture.h"
#include "webhook/admission/recorder.h"
#include "webhook/server/exchange.h"

#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES 65536
#define CLIENTS 5

static struct server_fixture fixture;
static char answer[ANSWER_BYTES];

/* A recorder that keeps what it saw. The first object keeps the thread until `permission` is posted, if that
 * is wished, so that what arrives meanwhile is there together. */
static struct {
    atomic_int examined, prepared, written, released;
    int failures;
    int together; /* records of one write, at most */
    int refused;  /* the number of the record that is; 0: none */
    bool blocks;
    sem_t permission;
    char digest[65];
    char uid[128];
    char patch[16];
} seen;

static bool examine(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence)
{
    (void) context, (void) error, (void) object;
    bool is_first = atomic_fetch_add(&seen.examined, 1) == 0;
    if (is_first && seen.blocks)
        sem_wait(&seen.permission);
    memcpy(evidence->object_sha256, "seen", sizeof "seen");
    return true;
}

static bool prepare(void *context, const struct admission_event *event, struct error *error,
                    struct admission_record **record)
{
    (void) context;
    *record = calloc(1, sizeof **record);
    if (!*record)
        return error_set_no_memory(error);
    snprintf((*record)->mark, sizeof(*record)->mark, "%d:%s", atomic_fetch_add(&seen.prepared, 1) + 1,
             event->evidence->object_sha256);
    seen.failures += event->failure != NULL;
    snprintf(seen.digest, sizeof seen.digest, "%s", event->configuration->digest);
    snprintf(seen.uid, sizeof seen.uid, "%s", event->request->uid);
    snprintf(seen.patch, sizeof seen.patch, "%.*s", (int) event->patch_length,
             event->patch ? event->patch : "");
    return true;
}

static void write_together(void *context, struct admission_record *first)
{
    (void) context;
    int together = 0;
    for (struct admission_record *record = first; record; record = record->next) {
        together++;
        record->is_refused = atomic_fetch_add(&seen.written, 1) + 1 == seen.refused;
        (void) !error_set(&record->error, ERROR_IO, "the disk is full");
    }
    seen.together = together > seen.together ? together : seen.together;
}

static void release(void *context, struct admission_record *record)
{
    (void) context;
    atomic_fetch_add(&seen.released, 1);
    free(record);
}

static const struct admission_recorder recorder = {
    .examine = examine, .prepare = prepare, .write = write_together, .release = release};

static int set_up_with(const char *configuration)
{
    memset(&seen, 0, sizeof seen);
    sem_init(&seen.permission, 0, 0);
    server_fixture_init(&fixture, configuration);
    fixture.options.recorder = &recorder;
    return 0;
}

static int set_up(void **state)
{
    (void) state;
    return set_up_with(CONFIGURATION_WITH_UID);
}

static int tear_down(void **state)
{
    (void) state;
    server_fixture_done(&fixture);
    sem_destroy(&seen.permission);
    return 0;
}

/* So many, and none of them left over. */
static void assert_recorded(int count)
{
    assert_int_equal(atomic_load(&seen.prepared), count);
    assert_int_equal(atomic_load(&seen.written), count);
    assert_int_equal(atomic_load(&seen.released), count);
}

static unsigned post(const char *body)
{
    return server_fixture_post(&fixture, NULL, "/mutate", body, answer, sizeof answer);
}

static void shows_each_decision_to_the_recorder_first(void **state)
{
    (void) state;
    server_fixture_start(&fixture);
    assert_int_equal(post(REVIEW_IN("one")), 200);
    assert_int_equal(atomic_load(&seen.examined), 1);
    assert_recorded(1);
    assert_int_equal(seen.failures, 0);
    assert_string_equal(seen.uid, "uid-1");
    assert_int_equal(strlen(seen.digest), 64);
    assert_int_equal(strlen(seen.patch), sizeof seen.patch - 1);
    assert_non_null(strstr(answer, seen.patch));
    assert_non_null(strstr(answer, "\"audit-record\":\"1:seen\"}}}"));
}

static void shows_no_request_without_a_uid_to_the_recorder(void **state)
{
    (void) state;
    server_fixture_start(&fixture);
    assert_int_equal(post("{"), 400);
    assert_recorded(0);
}

/* A source of namespaces that knows none. */
static bool find_nowhere(void *context, const char *name, unsigned wait_ms, struct error *error,
                         cJSON **annotations)
{
    (void) context, (void) wait_ms, (void) annotations;
    return error_set(error, ERROR_UNAVAILABLE, "namespace %s: not known", name);
}

static int set_up_nowhere(void **state)
{
    static const struct namespace_source nowhere = {.find = find_nowhere};
    (void) state;
    set_up_with(CONFIGURATION_WITHOUT_UID);
    fixture.options.namespaces = &nowhere;
    return 0;
}

/* The first attempt finds the namespace unknown, which is no outcome yet. */
static void shows_an_error_to_the_recorder_once(void **state)
{
    (void) state;
    server_fixture_start(&fixture);
    assert_int_equal(post(REVIEW_IN("gone")), 503);
    assert_recorded(1);
    assert_int_equal(seen.failures, 1);
}

static void refuses_admission_when_the_recorder_does(void **state)
{
    (void) state;
    seen.refused = 1;
    server_fixture_start(&fixture);
    assert_int_equal(post(REVIEW_IN("one")), 503);
    assert_recorded(1);
    assert_non_null(strstr(answer, "the disk is full"));
    assert_null(strstr(answer, "allowed"));
    assert_true(server_fixture_shows_metric(
        &fixture,
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"CREATE\",result=\"error\"} 1"));
}

static void await_examined(int count)
{
    for (int i = 0; i < 1000 && atomic_load(&seen.examined) < count; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&seen.examined), count);
}

/* Connects the clients; the first one's request then keeps the only thread, and the others' wait for it. */
static void post_together(struct tls_client clients[static CLIENTS], const char *body)
{
    seen.blocks = true;
    server_fixture_start(&fixture);
    for (int i = 0; i < CLIENTS; i++)
        assert_true(tls_client_connect(&clients[i], server_port(fixture.server), NULL));
    assert_true(tls_client_post(&clients[0], "/mutate", body));
    await_examined(1);
    for (int i = 1; i < CLIENTS; i++)
        assert_true(tls_client_post(&clients[i], "/mutate", body));
}

/* One of them is refused, the others are not touched by that. */
static void records_together_what_arrived_together(void **state)
{
    (void) state;
    struct tls_client clients[CLIENTS];
    int refused = 0;
    seen.refused = 3;
    post_together(clients, REVIEW_IN("one"));
    sem_post(&seen.permission);
    for (int i = 0; i < CLIENTS; i++) {
        unsigned status = tls_client_read_answer(&clients[i], answer, sizeof answer);
        assert_true(status == 200 || status == 503);
        assert_non_null(strstr(answer, status == 200 ? ":seen\"}}}" : "the disk is full"));
        assert_int_equal(strstr(answer, "\"allowed\":true") != NULL, status == 200);
        refused += status == 503;
        tls_client_done(&clients[i]);
    }
    assert_int_equal(refused, 1);
    assert_recorded(CLIENTS);
    assert_in_range(seen.together, CLIENTS - 1, CLIENTS);
}

static void post_bodies_of(size_t length)
{
    static char body[SERVER_TOGETHER_BYTES + 2];
    struct tls_client clients[CLIENTS];
    memset(body, ' ', length);
    memcpy(body, REVIEW_IN("one"), strlen(REVIEW_IN("one")));
    body[length] = '\0';
    post_together(clients, body);
    sem_post(&seen.permission);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(tls_client_read_answer(&clients[i], answer, sizeof answer), 200);
        assert_non_null(strstr(answer, ":seen\"}}}"));
        tls_client_done(&clients[i]);
    }
    assert_recorded(CLIENTS);
}

static void records_bodies_at_the_limit_together(void **state)
{
    (void) state;
    post_bodies_of(SERVER_TOGETHER_BYTES);
    assert_in_range(seen.together, 2, CLIENTS);
}

static void records_larger_bodies_one_by_one(void **state)
{
    (void) state;
    post_bodies_of(SERVER_TOGETHER_BYTES + 1);
    assert_int_equal(seen.together, 1);
}

/* Whenever they leave: what was decided is recorded. */
static void records_what_was_decided_for_clients_that_left(void **state)
{
    (void) state;
    struct tls_client clients[CLIENTS];
    post_together(clients, REVIEW_IN("one"));
    for (int i = 0; i < CLIENTS; i++)
        tls_client_done(&clients[i]);
    sem_post(&seen.permission);
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
    assert_in_range(atomic_load(&seen.prepared), 1, CLIENTS);
    assert_recorded(atomic_load(&seen.prepared));
}

#define RECORDER_TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    log_set_descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const struct CMUnitTest tests[] = {
        RECORDER_TEST(shows_each_decision_to_the_recorder_first, set_up),
        RECORDER_TEST(shows_no_request_without_a_uid_to_the_recorder, set_up),
        RECORDER_TEST(shows_an_error_to_the_recorder_once, set_up_nowhere),
        RECORDER_TEST(refuses_admission_when_the_recorder_does, set_up),
        RECORDER_TEST(records_together_what_arrived_together, set_up),
        RECORDER_TEST(records_bodies_at_the_limit_together, set_up),
        RECORDER_TEST(records_larger_bodies_one_by_one, set_up),
        RECORDER_TEST(records_what_was_decided_for_clients_that_left, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
