/* Makes memory run out on purpose. A test program that links test_support has its malloc, calloc, realloc,
 * strdup and strndup replaced by ones that fail when told to; all else goes to the C library, or to the
 * sanitizer's allocator when there is one, so that leaks and overruns still show.
 *
 * Only the thread that asked is affected. Allocations inside shared libraries count too, but for those that a
 * sanitizer's own wrappers make (vasprintf, getline).
 *
 * Not for: programs; production code never links this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the allocation with this number (1 is the next one) fails on this thread; with `and_all_later`
 * also every one after it. `number` is at least 1. */
void allocation_fail_at(size_t number, bool and_all_later);

/* Back to normal. Returns how many allocations of this thread failed since allocation_fail_at. */
size_t allocation_stop(void);

/* Calls `step(context)` again and again, with the first allocation failing, then the second, and so on until
 * one run needs no more allocations than that; then the same once more with all later allocations failing
 * too. `step` does the whole work, releases everything, checks that a failure left nothing half done, and
 * returns whether the work succeeded. It must not assert through cmocka while allocations fail: cmocka
 * allocates itself. The runs without a failure must succeed; the function returns false otherwise, or when
 * `run_limit` runs did not suffice. `*runs`, which may be NULL, tells how many allocations were made to fail.
 *
 * Let `step` run once beforehand when libraries set themselves up lazily (OpenSSL). */
bool allocation_fail_each(bool (*step)(void *context), void *context, size_t run_limit, size_t *runs);
