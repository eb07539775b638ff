/* What a process has used, from /proc. */
#pragma once

#include "common/error.h"

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
    uint64_t cpu_us;            /* of all its threads, user and system */
    uint64_t resident_kib;      /* VmRSS */
    uint64_t resident_peak_kib; /* VmHWM */
};

/* ERROR_NOT_FOUND when there is no such process (any more). */
bool process_usage_read(pid_t process, struct error *error, struct process_usage *usage) _warn_unused_result_;
