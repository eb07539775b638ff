#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void copies_what_fits_and_cuts_the_rest(void **state)
{
    (void) state;
    char array[6];
    memset(array, 'x', sizeof array);
    TEXT_COPY(array, "");
    assert_string_equal(array, "");
    TEXT_COPY(array, "12345");
    assert_string_equal(array, "12345");
    TEXT_COPY(array, "123456");
    assert_string_equal(array, "12345");
}

static void keeps_room_for_the_end_alone(void **state)
{
    (void) state;
    char array[2] = {'x', 'x'};
    text_copy(array, 1, "12");
    assert_int_equal(array[0], '\0');
    assert_int_equal(array[1], 'x');
}

static void copies_a_part_of_the_array_itself(void **state)
{
    (void) state;
    char array[8] = "abcdefg";
    TEXT_COPY(array, array + 2);
    assert_string_equal(array, "cdefg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_what_fits_and_cuts_the_rest),
        cmocka_unit_test(keeps_room_for_the_end_alone),
        cmocka_unit_test(copies_a_part_of_the_array_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
