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

static void grows_to_any_maximum_and_not_beyond(void **state)
{
    (void) state;
    const size_t maxima[] = {1, 2, 255, 256, 257, 511, 512, 513, 1000, 5000};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        struct buffer buffer = BUFFER_INIT(maxima[i]);
        for (size_t length = 0; length < maxima[i]; length++)
            assert_true(buffer_append_character(&buffer, 'x'));
        assert_true(buffer.reserved <= maxima[i] + 1);
        assert_false(buffer_append_character(&buffer, 'x'));
        assert_int_equal(buffer.failure, ERROR_TOO_LARGE);
        assert_int_equal(strlen(buffer_string(&buffer)), maxima[i]);
        buffer_done(&buffer);
    }
}

static void keeps_what_fits_in_the_room_it_was_lent(void **state)
{
    (void) state;
    char room[8];
    struct buffer buffer = BUFFER_INIT(64);
    buffer_lend(&buffer, room, sizeof room);
    assert_string_equal(buffer_string(&buffer), "");
    assert_true(buffer_append_string(&buffer, "1234567"));
    assert_ptr_equal(buffer_string(&buffer), room);
    assert_int_equal(buffer.length, 7);
    buffer_clear(&buffer);
    assert_ptr_equal(buffer_string(&buffer), room);
    buffer_done(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
}

static void moves_out_of_its_room_with_the_content(void **state)
{
    (void) state;
    char room[8];
    struct buffer buffer = BUFFER_INIT(64);
    buffer_lend(&buffer, room, sizeof room);
    assert_true(buffer_append_string(&buffer, "1234567"));
    assert_true(buffer_append_character(&buffer, '8'));
    assert_ptr_not_equal(buffer_string(&buffer), room);
    assert_string_equal(buffer_string(&buffer), "12345678");
    assert_string_equal(room, "1234567");
    assert_false(buffer_append_format(&buffer, "%060d", 0));
    assert_int_equal(buffer.failure, ERROR_TOO_LARGE);
    buffer_done(&buffer);
}

static void uses_no_more_of_its_room_than_the_maximum(void **state)
{
    (void) state;
    char room[64];
    struct buffer buffer = BUFFER_INIT(4);
    buffer_lend(&buffer, room, sizeof room);
    assert_true(buffer_append_string(&buffer, "1234"));
    assert_false(buffer_append_character(&buffer, '5'));
    assert_int_equal(buffer.failure, ERROR_TOO_LARGE);
    assert_string_equal(room, "1234");
    buffer_done(&buffer);
}

static void hands_over_a_copy_of_what_is_in_its_room(void **state)
{
    (void) state;
    char room[8];
    struct error error;
    _cleanup_(freep) char *text = NULL;
    struct buffer buffer = BUFFER_INIT(64);
    buffer_lend(&buffer, room, sizeof room);
    assert_true(buffer_append(&buffer, "a\0b", 3));
    assert_true(buffer_take(&buffer, &error, &text));
    assert_ptr_not_equal(text, room);
    assert_memory_equal(text, "a\0b", sizeof "a\0b");
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_done(&buffer);
}

static void reserves_up_to_the_maximum_and_not_one_more(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(300);
    assert_false(buffer_has_room(&buffer, 0));
    assert_true(buffer_append_character(&buffer, 'x'));
    assert_true(buffer_reserve(&buffer, 299));
    assert_true(buffer_has_room(&buffer, 299));
    assert_false(buffer_has_room(&buffer, 300));
    assert_string_equal(buffer_string(&buffer), "x");
    assert_false(buffer_reserve(&buffer, 300));
    assert_int_equal(buffer.failure, ERROR_TOO_LARGE);
    assert_false(buffer_has_room(&buffer, 0));
    assert_false(buffer_reserve(&buffer, SIZE_MAX));
    buffer_done(&buffer);
}

static void appends_integers_in_decimal(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(64);
    buffer_append_integer(&buffer, 0);
    buffer_append_character(&buffer, ' ');
    buffer_append_integer(&buffer, INT64_MIN);
    buffer_append_character(&buffer, ' ');
    buffer_append_integer(&buffer, INT64_MAX);
    assert_string_equal(buffer_string(&buffer), "0 -9223372036854775808 9223372036854775807");
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
        cmocka_unit_test(grows_to_any_maximum_and_not_beyond),
        cmocka_unit_test(keeps_what_fits_in_the_room_it_was_lent),
        cmocka_unit_test(moves_out_of_its_room_with_the_content),
        cmocka_unit_test(uses_no_more_of_its_room_than_the_maximum),
        cmocka_unit_test(hands_over_a_copy_of_what_is_in_its_room),
        cmocka_unit_test(reserves_up_to_the_maximum_and_not_one_more),
        cmocka_unit_test(appends_integers_in_decimal),
        cmocka_unit_test(remembers_the_first_failure_until_cleared),
        cmocka_unit_test(hands_its_content_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
