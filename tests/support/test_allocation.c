#include "common/buffer.h"
#include "common/cleanup.h"
#include "tests/support/allocation.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Keeps the compiler from optimising an unused allocation away. */
static void *volatile sink;

static bool allocates(size_t size)
{
    sink = malloc(size);
    bool is_allocated = sink;
    free(sink);
    return is_allocated;
}

static void fails_just_the_chosen_allocation(void **state)
{
    (void) state;
    allocation_fail_at(2, false);
    bool first = allocates(8), second = allocates(8), third = allocates(8);
    assert_int_equal(allocation_stop(), 1);
    assert_true(first);
    assert_false(second);
    assert_true(third);
}

static void fails_all_later_ones_when_told(void **state)
{
    (void) state;
    allocation_fail_at(2, true);
    bool first = allocates(8), second = allocates(8), third = allocates(8);
    assert_int_equal(allocation_stop(), 2);
    assert_true(first);
    assert_false(second);
    assert_false(third);
    assert_true(allocates(8));
}

static void covers_every_way_to_allocate(void **state)
{
    (void) state;
    allocation_fail_at(1, true);
    void *volatile results[] = {malloc(1), calloc(1, 1), realloc(NULL, 1), strdup("a"), strndup("a", 1)};
    assert_int_equal(allocation_stop(), 5);
    for (size_t i = 0; i < 5; i++)
        assert_null(results[i]);
    _cleanup_(freep) char *copy = strndup("abc", 2);
    assert_string_equal(copy, "ab");
}

static void *allocate_on_thread(void *result)
{
    *(bool *) result = allocates(8);
    return NULL;
}

static void leaves_other_threads_alone(void **state)
{
    (void) state;
    pthread_t other;
    bool has_allocated = false;
    /* Creating the thread allocates; only then this thread is out of memory. */
    assert_int_equal(pthread_create(&other, NULL, allocate_on_thread, &has_allocated), 0);
    allocation_fail_at(1, true);
    pthread_join(other, NULL);
    allocation_stop();
    assert_true(has_allocated);
}

struct probe {
    unsigned successes;
    unsigned failures;
};

/* Two allocations: the buffer's first and its growth. */
static bool grow_a_buffer(void *context)
{
    struct probe *probe = context;
    char text[400];
    memset(text, 'x', sizeof text);
    _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(1000);
    bool has_succeeded = buffer_append(&buffer, text, 10) && buffer_append(&buffer, text, sizeof text);
    *(has_succeeded ? &probe->successes : &probe->failures) += 1;
    return has_succeeded;
}

static void walks_through_every_allocation_in_both_ways(void **state)
{
    (void) state;
    struct probe probe = {0};
    size_t runs;
    assert_true(allocation_fail_each(grow_a_buffer, &probe, 10, &runs));
    assert_int_equal(runs, 4);
    assert_int_equal(probe.failures, 4);
    assert_int_equal(probe.successes, 2);
}

static bool never_succeeds(void *context)
{
    (void) context;
    return false;
}

static bool always_allocates_more(void *context)
{
    size_t *count = context;
    ++*count;
    for (size_t i = 0; i < *count; i++)
        allocates(8);
    return true;
}

static void reports_work_that_fails_with_all_its_memory_or_does_not_end(void **state)
{
    (void) state;
    size_t count = 0;
    assert_false(allocation_fail_each(never_succeeds, NULL, 10, NULL));
    assert_false(allocation_fail_each(always_allocates_more, &count, 10, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_just_the_chosen_allocation),
        cmocka_unit_test(fails_all_later_ones_when_told),
        cmocka_unit_test(covers_every_way_to_allocate),
        cmocka_unit_test(leaves_other_threads_alone),
        cmocka_unit_test(walks_through_every_allocation_in_both_ways),
        cmocka_unit_test(reports_work_that_fails_with_all_its_memory_or_does_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
