#include "tests/support/allocation.h"
#include "webhook/audit/key_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 5000

static void numbers_keys_by_their_first_coming(void **state)
{
    (void) state;
    struct key_index index = KEY_INDEX_INIT(1u << 20);
    struct error error;
    size_t number;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            char key[32];
            snprintf(key, sizeof key, "key %zu", i);
            assert_true(key_index_add(&index, key, &error, &number));
            assert_int_equal(number, i);
            assert_int_equal(key_index_find(&index, key), i);
            assert_string_equal(key_index_key(&index, i), key);
        }
    }
    assert_int_equal(index.count, MANY);
    assert_int_equal(key_index_find(&index, "absent"), KEY_INDEX_NONE);
    key_index_done(&index);
}

static void an_empty_index_has_no_key(void **state)
{
    (void) state;
    struct key_index index = KEY_INDEX_INIT(16);
    assert_int_equal(key_index_find(&index, ""), KEY_INDEX_NONE);
    key_index_done(&index);
}

static void takes_keys_up_to_its_maximum_and_no_more(void **state)
{
    (void) state;
    struct key_index index = KEY_INDEX_INIT(8);
    struct error error;
    size_t number;
    assert_true(key_index_add(&index, "abc", &error, &number));
    assert_true(key_index_add(&index, "def", &error, &number));
    assert_false(key_index_add(&index, "", &error, &number));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(index.count, 2);
    assert_int_equal(key_index_find(&index, "def"), 1);
    key_index_done(&index);
}

static bool fill(void *context)
{
    (void) context;
    struct key_index index = KEY_INDEX_INIT(1u << 16);
    struct error error;
    bool is_filled = true;
    for (int i = 0; is_filled && i < 200; i++) {
        char key[16];
        size_t number;
        snprintf(key, sizeof key, "%d", i);
        is_filled = key_index_add(&index, key, &error, &number);
        if (!is_filled && error.code != ERROR_NO_MEMORY)
            abort();
    }
    key_index_done(&index);
    return is_filled;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    assert_true(allocation_fail_each(fill, NULL, 1000, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keys_by_their_first_coming),
        cmocka_unit_test(an_empty_index_has_no_key),
        cmocka_unit_test(takes_keys_up_to_its_maximum_and_no_more),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
