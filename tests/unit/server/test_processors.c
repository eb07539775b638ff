#include "webhook/server/processors.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void rounds_a_quota_up_to_whole_processors(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        unsigned processors;
    } cases[] = {{"50000 100000\n", 1}, {"100000 100000\n", 1}, {"100001 100000\n", 2}, {"400000 100000", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned processors = 0;
        assert_true(processors_parse_quota(cases[i].text, &processors));
        assert_int_equal(processors, cases[i].processors);
    }
}

static void knows_when_there_is_no_quota(void **state)
{
    (void) state;
    static const char *const texts[] = {"max 100000\n", "", "x", "50000", "0 100000", "50000 0", "-1 x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        unsigned processors = 0;
        assert_false(processors_parse_quota(texts[i], &processors));
        assert_int_equal(processors, 0);
    }
}

static void counts_only_processors_it_may_run_on(void **state)
{
    (void) state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(processors_count(), 1, (unsigned) CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(processors_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_a_quota_up_to_whole_processors),
        cmocka_unit_test(knows_when_there_is_no_quota),
        cmocka_unit_test(counts_only_processors_it_may_run_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
