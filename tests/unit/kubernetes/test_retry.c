#include "kubernetes/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void waits_double_up_to_the_longest(void **state)
{
    (void) state;
    struct backoff backoff = {.first_ms = 100, .longest_ms = 350};
    /* The largest jitter gives the whole wait. */
    assert_int_equal(backoff_next_ms(&backoff, 50), 100);
    assert_int_equal(backoff_next_ms(&backoff, 100), 200);
    assert_int_equal(backoff_next_ms(&backoff, 175), 350);
    assert_int_equal(backoff_next_ms(&backoff, 175), 350);
    backoff_reset(&backoff);
    assert_int_equal(backoff_next_ms(&backoff, 50), 100);
}

static void jitter_stays_between_half_and_whole(void **state)
{
    (void) state;
    for (uint32_t random = 0; random < 1000; random++) {
        struct backoff backoff = {.first_ms = 101, .longest_ms = 1000};
        unsigned wait_ms = backoff_next_ms(&backoff, random);
        assert_in_range(wait_ms, 50, 101);
    }
}

static void never_waits_for_nothing(void **state)
{
    (void) state;
    struct backoff backoff = {.first_ms = 1, .longest_ms = 1};
    assert_int_equal(backoff_next_ms(&backoff, 0), 1);
    assert_int_equal(backoff_next_ms(&backoff, UINT32_MAX), 1);
}

static void doubling_does_not_overflow(void **state)
{
    (void) state;
    struct backoff backoff = {.first_ms = 1u << 30, .longest_ms = UINT32_MAX};
    for (int i = 0; i < 5; i++)
        assert_true(backoff_next_ms(&backoff, 0) >= 1u << 29);
}

static void jitter_differs_between_calls(void **state)
{
    (void) state;
    uint32_t first = backoff_random();
    bool differs = false;
    for (int i = 0; i < 16; i++)
        differs = differs || backoff_random() != first;
    assert_true(differs);
}

static bool may_retry(enum error_code code, long status, bool was_sent, bool is_idempotent)
{
    const struct error error = {.code = code};
    const struct kubernetes_answer answer = {.status = status, .was_sent = was_sent};
    return kubernetes_may_retry(&error, &answer, is_idempotent);
}

static void repeats_what_the_server_refused_unseen(void **state)
{
    (void) state;
    assert_true(may_retry(ERROR_UNAVAILABLE, 429, true, false));
    assert_true(may_retry(ERROR_UNAVAILABLE, 0, false, false));
}

static void repeats_what_may_have_been_done_only_when_that_is_harmless(void **state)
{
    (void) state;
    const long statuses[] = {0, 200, 500, 502, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        assert_true(may_retry(ERROR_UNAVAILABLE, statuses[i], true, true));
        assert_false(may_retry(ERROR_UNAVAILABLE, statuses[i], true, false));
    }
    assert_true(may_retry(ERROR_TIMEOUT, 504, true, true));
    assert_false(may_retry(ERROR_TIMEOUT, 504, true, false));
}

static void never_repeats_an_answer_that_would_not_change(void **state)
{
    (void) state;
    const enum error_code codes[] = {
        ERROR_INVALID, ERROR_TOO_LARGE, ERROR_NOT_FOUND, ERROR_ALREADY_EXISTS,    ERROR_CONFLICT,
        ERROR_GONE,    ERROR_INTERNAL,  ERROR_CANCELLED, ERROR_PERMISSION_DENIED, ERROR_NO_MEMORY};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_false(may_retry(codes[i], 0, false, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_longest),
        cmocka_unit_test(jitter_stays_between_half_and_whole),
        cmocka_unit_test(never_waits_for_nothing),
        cmocka_unit_test(doubling_does_not_overflow),
        cmocka_unit_test(jitter_differs_between_calls),
        cmocka_unit_test(repeats_what_the_server_refused_unseen),
        cmocka_unit_test(repeats_what_may_have_been_done_only_when_that_is_harmless),
        cmocka_unit_test(never_repeats_an_answer_that_would_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
