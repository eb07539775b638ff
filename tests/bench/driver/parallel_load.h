/* A number of equal pieces of work, done by some threads as fast as they go, and how long they took.
 *
 * Not for: what the work is (call_load.c, request_load.c).
 */
#pragma once

#include "common/error.h"

#include <stddef.h>

#define PARALLEL_LOAD_THREADS_MAXIMUM 64u

struct parallel_load {
    size_t threads; /* 1 to PARALLEL_LOAD_THREADS_MAXIMUM */
    size_t count;   /* pieces of work, at least 1 */
    /* Does piece `number`, on any thread. */
    bool (*work)(void *context, size_t number, struct error *error);
    void *context;
};

/* Does all of it and prints `{"count":…,"per_second":…,"p50_us":…,"p99_us":…,"client_cpu_us":…}`, the last
 * for each piece. Ends with the first error of any piece. */
bool parallel_load_run(const struct parallel_load *load, struct error *error) _warn_unused_result_;

/* Reads a whole number of at least 1, a command line's. ERROR_INVALID. */
bool parallel_load_read_count(const char *text, struct error *error, size_t *count) _warn_unused_result_;
