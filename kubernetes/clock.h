/* The clock for time limits, and the time format of Lease objects. Not for: the time of log lines.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_MILLISECOND UINT64_C(1000000)

/* Nanoseconds since some start that never jumps; goes on while the machine is suspended, as a Lease does. */
uint64_t clock_now_ns(void);

/* Milliseconds from now until `deadline_ns`, rounded up, 0 when it has passed; never more than INT_MAX. */
int clock_remaining_ms(uint64_t deadline_ns);

/* The moment `milliseconds` from now on CLOCK_MONOTONIC, for pthread_cond_clockwait. */
struct timespec clock_wait_deadline(unsigned milliseconds);

/* "2006-01-02T15:04:05.000000Z", metav1.MicroTime in UTC. */
#define MICROTIME_BYTES 28
void clock_format_microtime(const struct timespec *time, char text[MICROTIME_BYTES]);
