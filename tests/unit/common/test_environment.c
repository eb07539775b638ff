#include "common/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void finds_the_first_variable_of_a_name(void **state)
{
    (void) state;
    char abc[] = "ABC=long", first[] = "AB=first", second[] = "AB=second",
         empty[] = "EMPTY=", odd[] = "NO_VALUE";
    char *const environment[] = {abc, first, second, empty, odd, NULL};
    assert_string_equal(environment_find(environment, "AB"), "first");
    assert_string_equal(environment_find(environment, "ABC"), "long");
    assert_string_equal(environment_find(environment, "EMPTY"), "");
    assert_null(environment_find(environment, "A"));
    assert_null(environment_find(environment, "NO_VALUE"));
}

static void finds_nothing_in_no_environment(void **state)
{
    (void) state;
    char *const empty[] = {NULL};
    assert_null(environment_find(empty, "AB"));
    assert_null(environment_find(NULL, "AB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_variable_of_a_name),
        cmocka_unit_test(finds_nothing_in_no_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
