#include "tests/support/allocation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The sanitizers' allocators, when the program has one. */
__attribute__((weak)) void *__interceptor_malloc(size_t size);
__attribute__((weak)) void *__interceptor_calloc(size_t count, size_t size);
__attribute__((weak)) void *__interceptor_realloc(void *pointer, size_t size);

/* The C library's. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);

/* initial-exec: the first access must not allocate. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    bool is_armed;
    bool and_all_later;
    size_t countdown; /* 0: the number has passed */
    size_t failures;
} thread;

void allocation_fail_at(size_t number, bool and_all_later)
{
    thread.countdown = number;
    thread.and_all_later = and_all_later;
    thread.failures = 0;
    thread.is_armed = true;
}

size_t allocation_stop(void)
{
    thread.is_armed = false;
    return thread.failures;
}

static bool must_fail(void)
{
    if (!thread.is_armed)
        return false;
    if (thread.countdown > 1) {
        thread.countdown--;
        return false;
    }
    if (thread.countdown == 0 && !thread.and_all_later)
        return false;
    thread.countdown = 0;
    thread.failures++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    if (must_fail())
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (must_fail())
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size) : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    if (must_fail())
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(pointer, size) : __libc_realloc(pointer, size);
}

/* A sanitizer's strdup would not come by the malloc above. */
char *strndup(const char *string, size_t maximum)
{
    size_t length = strnlen(string, maximum);
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, string, length);
    copy[length] = '\0';
    return copy;
}

char *strdup(const char *string)
{
    return strndup(string, strlen(string));
}

static bool fail_each(bool (*step)(void *context), void *context, bool and_all_later, size_t run_limit,
                      size_t *runs)
{
    for (size_t number = 1; number <= run_limit; number++) {
        allocation_fail_at(number, and_all_later);
        bool has_succeeded = step(context);
        if (allocation_stop() == 0) {
            *runs += number - 1;
            return has_succeeded;
        }
    }
    return false;
}

bool allocation_fail_each(bool (*step)(void *context), void *context, size_t run_limit, size_t *runs)
{
    size_t count = 0;
    bool has_succeeded = fail_each(step, context, false, run_limit, &count) &&
                         fail_each(step, context, true, run_limit, &count);
    if (runs)
        *runs = count;
    return has_succeeded;
}
