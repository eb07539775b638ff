#include "webhook/server/readiness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool check(void *context, struct error *error)
{
    const char *problem = context;
    return !problem || error_set(error, ERROR_UNAVAILABLE, "%s", problem);
}

static void assert_reports(struct readiness *readiness, bool expected, const char *expected_text)
{
    struct buffer text = BUFFER_INIT(4096);
    assert_int_equal(readiness_report(readiness, &text), expected);
    assert_string_equal(buffer_string(&text), expected_text);
    buffer_done(&text);
}

static void is_ready_when_every_check_holds(void **state)
{
    (void) state;
    struct readiness readiness = {0};
    assert_true(readiness_add(&readiness, "certificate", check, NULL));
    assert_true(readiness_add(&readiness, "namespaces", check, NULL));
    assert_reports(&readiness, true, "certificate: ok\nnamespaces: ok\nready\n");
}

static void says_everything_that_is_missing(void **state)
{
    (void) state;
    struct readiness readiness = {0};
    char one[] = "it expired", two[] = "not synced";
    assert_true(readiness_add(&readiness, "certificate", check, one));
    assert_true(readiness_add(&readiness, "configuration", check, NULL));
    assert_true(readiness_add(&readiness, "namespaces", check, two));
    assert_reports(&readiness, false,
                   "certificate: it expired\nconfiguration: ok\nnamespaces: not synced\nnot ready\n");
}

static void is_not_ready_while_draining(void **state)
{
    (void) state;
    struct readiness readiness = {0};
    assert_true(readiness_add(&readiness, "certificate", check, NULL));
    assert_false(readiness_is_draining(&readiness));
    readiness_set_draining(&readiness);
    assert_true(readiness_is_draining(&readiness));
    assert_reports(&readiness, false, "draining: the server is about to end\ncertificate: ok\nnot ready\n");
}

static void takes_as_many_checks_as_there_is_room_for(void **state)
{
    (void) state;
    struct readiness readiness = {0};
    for (size_t i = 0; i < READINESS_CHECKS; i++)
        assert_true(readiness_add(&readiness, "check", check, NULL));
    assert_false(readiness_add(&readiness, "check", check, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_ready_when_every_check_holds),
        cmocka_unit_test(says_everything_that_is_missing),
        cmocka_unit_test(is_not_ready_while_draining),
        cmocka_unit_test(takes_as_many_checks_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
