#include "kubernetes/cancellation.h"

#include "kubernetes/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void *sleep_long(void *argument)
{
    return cancellation_sleep(argument, 60000) ? argument : NULL;
}

static void wakes_every_sleeper_at_once(void **state)
{
    (void) state;
    struct cancellation cancellation;
    struct error error;
    assert_true(cancellation_init(&cancellation, &error));
    pthread_t sleepers[4];
    uint64_t started_ns = clock_now_ns();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&sleepers[i], NULL, sleep_long, &cancellation), 0);
    cancellation_request(&cancellation);
    for (size_t i = 0; i < 4; i++) {
        void *undisturbed;
        pthread_join(sleepers[i], &undisturbed);
        assert_null(undisturbed);
    }
    assert_true(clock_now_ns() - started_ns < 10000 * NANOSECONDS_PER_MILLISECOND);
    cancellation_done(&cancellation);
}

static void stays_requested(void **state)
{
    (void) state;
    struct cancellation cancellation;
    struct error error;
    assert_true(cancellation_init(&cancellation, &error));
    assert_false(cancellation_is_requested(&cancellation));
    cancellation_request(&cancellation);
    cancellation_request(&cancellation);
    assert_true(cancellation_is_requested(&cancellation));
    assert_false(cancellation_sleep(&cancellation, 60000));
    assert_false(cancellation_sleep(&cancellation, 0));
    cancellation_done(&cancellation);
}

static void sleeps_as_long_as_asked_when_undisturbed(void **state)
{
    (void) state;
    struct cancellation cancellation;
    struct error error;
    assert_true(cancellation_init(&cancellation, &error));
    uint64_t started_ns = clock_now_ns();
    assert_true(cancellation_sleep(&cancellation, 30));
    assert_true(cancellation_sleep(NULL, 30));
    assert_true(clock_now_ns() - started_ns >= 60 * NANOSECONDS_PER_MILLISECOND);
    assert_false(cancellation_is_requested(NULL));
    cancellation_done(&cancellation);
}

static void says_so_when_no_descriptor_is_left(void **state)
{
    (void) state;
    struct rlimit before;
    struct cancellation cancellation;
    struct error error;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max}),
                     0);
    bool is_made = cancellation_init(&cancellation, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(is_made);
    assert_int_equal(error.code, ERROR_IO);
}

static void remaining_time_is_rounded_up_and_never_negative(void **state)
{
    (void) state;
    assert_int_equal(clock_remaining_ms(0), 0);
    assert_int_equal(clock_remaining_ms(UINT64_MAX), INT32_MAX);
    assert_in_range(clock_remaining_ms(clock_now_ns() + 1000 * NANOSECONDS_PER_MILLISECOND), 900, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_every_sleeper_at_once),
        cmocka_unit_test(stays_requested),
        cmocka_unit_test(sleeps_as_long_as_asked_when_undisturbed),
        cmocka_unit_test(says_so_when_no_descriptor_is_left),
        cmocka_unit_test(remaining_time_is_rounded_up_and_never_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
