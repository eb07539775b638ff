#include "kubernetes/clock.h"

#include <limits.h>
#include <stdio.h>

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t) now.tv_sec * UINT64_C(1000000000) + (uint64_t) now.tv_nsec;
}

int clock_remaining_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns >= deadline_ns)
        return 0;
    uint64_t remaining_ms =
        (deadline_ns - now_ns + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
    return remaining_ms > INT_MAX ? INT_MAX : (int) remaining_ms;
}

struct timespec clock_wait_deadline(unsigned milliseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += milliseconds / 1000;
    deadline.tv_nsec += (long) (milliseconds % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

void clock_format_microtime(const struct timespec *time, char text[MICROTIME_BYTES])
{
    struct tm calendar;
    char seconds[24];
    gmtime_r(&time->tv_sec, &calendar);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &calendar);
    snprintf(text, MICROTIME_BYTES, "%.19s.%06uZ", seconds, (unsigned) (time->tv_nsec / 1000) % 1000000u);
}
