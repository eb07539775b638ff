/* The two clocks that the driver reads: monotonic for waiting, wall clock for tokens and events. */
#pragma once

#include <stdint.h>
#include <time.h>

#define MONOTONIC_SECOND_NS 1000000000ull

uint64_t monotonic_now_ns(void);

/* For pthread_cond_timedwait on a condition of the monotonic clock. */
struct timespec monotonic_timespec(uint64_t monotonic_ns);

/* Unix time in seconds. */
int64_t wall_clock_s(void);
