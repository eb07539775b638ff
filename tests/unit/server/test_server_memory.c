#include "common/log.h"
#include "tests/support/allocation.h"
#include "tests/unit/server/server_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER_BYTES 65536

/* More than a request allocates after its namespace is looked up. */
#define FAILURES 400

static struct server_fixture fixture;
static struct tls_client client;
static char answer[ANSWER_BYTES];

/* Which allocation after the next lookup is to fail, on the thread that looks up; 0: none. */
static atomic_size_t next_failure;

static bool find_namespace(void *context, const char *name, unsigned wait_ms, struct error *error,
                           cJSON **annotations)
{
    (void) context, (void) name, (void) wait_ms, (void) error;
    size_t number = atomic_load(&next_failure);
    if (number)
        allocation_fail_at(number, false);
    else
        allocation_stop();
    *annotations = NULL;
    return true;
}

static const struct namespace_source namespaces = {.find = find_namespace};

static int set_up(void **state)
{
    (void) state;
    server_fixture_init(&fixture, CONFIGURATION_WITHOUT_UID);
    fixture.options.namespaces = &namespaces;
    server_fixture_start(&fixture);
    return tls_client_connect(&client, server_port(fixture.server), NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void) state;
    tls_client_done(&client);
    server_fixture_done(&fixture);
    return 0;
}

/* On the connection that is kept. When the server closed it, the failure has been: then a new one is made.
 * Handshakes themselves must not meet a failure: GMP and libtasn1 under GnuTLS end the process then. */
static unsigned post(void)
{
    (void) tls_client_post(&client, "/mutate", REVIEW_IN("one"));
    unsigned status = tls_client_read_answer(&client, answer, sizeof answer);
    if (status == 0) {
        tls_client_done(&client);
        assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    }
    return status;
}

/* Each allocation between the lookup of the namespace and the end of the request fails once. */
static void survives_each_failing_allocation_of_a_request(void **state)
{
    (void) state;
    unsigned refused = 0, answered = 0;
    for (size_t number = 1; number <= FAILURES; number++) {
        atomic_store(&next_failure, number);
        unsigned status = post();
        /* 0: closed without an answer, when there was no memory to make one. */
        assert_true(status == 200 || status == 503 || status == 0);
        assert_true(status != 503 || strstr(answer, "out of memory"));
        assert_true(status != 200 || strstr(answer, "\"allowed\":true"));
        refused += status == 503;
        answered += status == 200;
    }
    atomic_store(&next_failure, 0);
    assert_in_range(refused, 20, FAILURES);
    assert_in_range(answered, 20, FAILURES);
    post();
    assert_int_equal(post(), 200);
    assert_true(server_fixture_comes_to_show(&fixture, "openshell_injector_in_flight_requests 0"));
}

int main(void)
{
    log_set_descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(survives_each_failing_allocation_of_a_request, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
