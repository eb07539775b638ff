#include "common/buffer.h"
#include "common/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appends_in_order_and_stays_terminated(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(64);
    assert_true(buffer_append_string(&buffer, "ab"));
    assert_true(buffer_append_character(&buffer, '-'));
    assert_true(buffer_append_format(&buffer, "%d", 42));
    assert_string_equal(buffer_string(&buffer), "ab-42");
    assert_int_equal(buffer.length, 5);
    buffer_done(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
}

static void takes_exactly_the_maximum_and_not_one_more(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(4);
    struct error error;
    assert_true(buffer_append_string(&buffer, "1234"));
    assert_true(buffer_check(&buffer, &error));
    assert_false(buffer_append_character(&buffer, '5'));
    assert_false(buffer_check(&buffer, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_string_equal(buffer_string(&buffer), "1234");
    buffer_done(&buffer);
}

static void remembers_the_first_failure_until_cleared(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(4);
    assert_false(buffer_append_string(&buffer, "12345"));
    assert_false(buffer_append_string(&buffer, "1"));
    buffer_clear(&buffer);
    assert_true(buffer_append_string(&buffer, "1"));
    buffer_done(&buffer);
}

static void hands_its_content_over(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(16);
    struct error error;
    _cleanup_(freep) char *text = NULL;
    assert_true(buffer_append_string(&buffer, "mine"));
    assert_true(buffer_take(&buffer, &error, &text));
    assert_string_equal(text, "mine");
    assert_string_equal(buffer_string(&buffer), "");
    buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order_and_stays_terminated),
        cmocka_unit_test(takes_exactly_the_maximum_and_not_one_more),
        cmocka_unit_test(remembers_the_first_failure_until_cleared),
        cmocka_unit_test(hands_its_content_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
