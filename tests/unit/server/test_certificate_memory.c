#include "tests/support/certificates.h"
#include "webhook/server/certificate_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct certificate_memory *memory;
static struct certificate_source source;

static int set_up(void **state)
{
    (void) state;
    struct error error;
    if (!certificate_memory_new(&error, &memory))
        return -1;
    source = certificate_memory_source(memory);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    certificate_memory_free(memory);
    return 0;
}

static void serves_nothing_before_the_first(void **state)
{
    (void) state;
    struct error error;
    assert_null(source.acquire(source.context));
    assert_false(source.check(source.context, &error));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
    assert_string_equal(error.message, "there is no certificate yet");
}

static void serves_the_newest_while_others_keep_theirs(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    time_t now = time(NULL);
    test_certificate_make(&(struct test_certificate_options){.not_after = now + 100}, &made);
    assert_true(certificate_memory_set(memory, made.certificate, made.key, &error));
    assert_true(source.check(source.context, &error));
    _cleanup_(serving_certificate_releasep) struct serving_certificate *first =
        source.acquire(source.context);
    test_certificate_make(&(struct test_certificate_options){.not_after = now + 200}, &made);
    assert_true(certificate_memory_set(memory, made.certificate, made.key, &error));
    _cleanup_(serving_certificate_releasep) struct serving_certificate *second =
        source.acquire(source.context);
    assert_int_equal(first->not_after, now + 100);
    assert_int_equal(second->not_after, now + 200);
}

static void keeps_what_it_has_when_the_next_is_refused(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate good, other, ended;
    time_t now = time(NULL);
    test_certificate_make(&(struct test_certificate_options){.not_after = now + 100}, &good);
    test_certificate_make(&(struct test_certificate_options){0}, &other);
    test_certificate_make(&(struct test_certificate_options){.not_before = now - 100, .not_after = now - 10},
                          &ended);
    assert_true(certificate_memory_set(memory, good.certificate, good.key, &error));
    assert_false(certificate_memory_set(memory, other.certificate, good.key, &error));
    assert_false(certificate_memory_set(memory, ended.certificate, ended.key, &error));
    assert_false(certificate_memory_set(memory, "", "", &error));
    _cleanup_(serving_certificate_releasep) struct serving_certificate *served =
        source.acquire(source.context);
    assert_int_equal(served->not_after, now + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_nothing_before_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serves_the_newest_while_others_keep_theirs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_what_it_has_when_the_next_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
