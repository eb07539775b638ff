#include "tests/bench/process_usage.h"

#include "common/cleanup.h"
#include "common/file.h"

#include <stdlib.h>
#include <string.h>

#define PROC_BYTES 65536u

static bool read_proc(pid_t process, const char *name, struct error *error, char **text)
{
    char path[64];
    size_t length;
    snprintf(path, sizeof path, "/proc/%d/%s", (int) process, name);
    return file_read(path, PROC_BYTES, error, text, &length);
}

/* Fields 14 and 15 of proc(5)'s stat, counted from behind the name, which may hold anything. */
static bool read_cpu(const char *stat, uint64_t *cpu_us)
{
    const char *field = strrchr(stat, ')');
    for (int skipped = 2; field && skipped < 14; skipped++)
        field = strchr(field + 1, ' ');
    if (!field)
        return false;
    char *next;
    uint64_t user = strtoull(field, &next, 10);
    uint64_t system = strtoull(next, NULL, 10);
    *cpu_us = (user + system) * 1000000u / (uint64_t) sysconf(_SC_CLK_TCK);
    return true;
}

static bool read_kib(const char *status, const char *name, uint64_t *kib)
{
    const char *line = strstr(status, name);
    if (!line)
        return false;
    *kib = strtoull(line + strlen(name), NULL, 10);
    return true;
}

bool process_usage_read(pid_t process, struct error *error, struct process_usage *usage)
{
    _cleanup_(freep) char *stat = NULL;
    _cleanup_(freep) char *status = NULL;
    struct process_usage found;
    if (!read_proc(process, "stat", error, &stat) || !read_proc(process, "status", error, &status))
        return false;
    if (!read_cpu(stat, &found.cpu_us) || !read_kib(status, "VmRSS:", &found.resident_kib) ||
        !read_kib(status, "VmHWM:", &found.resident_peak_kib))
        return error_set(error, ERROR_NOT_FOUND, "process %d has ended", (int) process);
    *usage = found;
    return true;
}
