#include "webhook/server/processors.h"

#include "common/cleanup.h"
#include "common/file.h"

#include <sched.h>
#include <stdint.h>

/* In a container this is its own control group. */
#define QUOTA_PATH "/sys/fs/cgroup/cpu.max"
#define QUOTA_BYTES 4096

bool processors_parse_quota(const char *text, unsigned *processors)
{
    char *rest = NULL, *end = NULL;
    unsigned long quota_us = strtoul(text, &rest, 10);
    unsigned long period_us = strtoul(rest, &end, 10);
    if (rest == text || end == rest || quota_us == 0 || period_us == 0 || quota_us > UINT32_MAX)
        return false;
    *processors = (unsigned) (quota_us / period_us + (quota_us % period_us != 0));
    return true;
}

unsigned processors_count(void)
{
    _cleanup_(freep) char *text = NULL;
    size_t length = 0;
    unsigned quota = 0;
    cpu_set_t usable;
    unsigned count = sched_getaffinity(0, sizeof usable, &usable) == 0 ? (unsigned) CPU_COUNT(&usable) : 1;
    if (file_read(QUOTA_PATH, QUOTA_BYTES, NULL, &text, &length) && processors_parse_quota(text, &quota) &&
        quota < count)
        return quota;
    return count;
}
