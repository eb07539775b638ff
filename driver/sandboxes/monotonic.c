#include "driver/sandboxes/monotonic.h"

uint64_t monotonic_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * MONOTONIC_SECOND_NS + (uint64_t) now.tv_nsec;
}

struct timespec monotonic_timespec(uint64_t monotonic_ns)
{
    return (struct timespec){.tv_sec = (time_t) (monotonic_ns / MONOTONIC_SECOND_NS),
                             .tv_nsec = (long) (monotonic_ns % MONOTONIC_SECOND_NS)};
}

int64_t wall_clock_s(void)
{
    return (int64_t) time(NULL);
}
