#include "tests/bench/driver/parallel_load.h"

#include "common/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT_MAXIMUM 10000000u

struct run {
    const struct parallel_load *load;
    uint64_t *durations_ns; /* by number of the piece */
    atomic_size_t next;
    atomic_bool has_failed;
    pthread_mutex_t mutex; /* for the error */
    struct error error;
};

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static void note_failure(struct run *run, const struct error *error)
{
    pthread_mutex_lock(&run->mutex);
    if (!atomic_exchange(&run->has_failed, true))
        run->error = *error;
    pthread_mutex_unlock(&run->mutex);
}

static void *work(void *argument)
{
    struct run *run = argument;
    const struct parallel_load *load = run->load;
    size_t number;
    while (!atomic_load(&run->has_failed) && (number = atomic_fetch_add(&run->next, 1)) < load->count) {
        struct error error = {0};
        uint64_t started_ns = read_clock(CLOCK_MONOTONIC);
        if (!load->work(load->context, number, &error))
            note_failure(run, &error);
        run->durations_ns[number] = read_clock(CLOCK_MONOTONIC) - started_ns;
    }
    return NULL;
}

static int compare_durations(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *) left, b = *(const uint64_t *) right;
    return (a > b) - (a < b);
}

static void print(const struct run *run, uint64_t elapsed_ns, uint64_t cpu_ns)
{
    size_t count = run->load->count;
    qsort(run->durations_ns, count, sizeof *run->durations_ns, compare_durations);
    printf("{\"count\":%zu,\"per_second\":%.1f,\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
           ",\"client_cpu_us\":%" PRIu64 "}\n",
           count, (double) count * 1e9 / (double) elapsed_ns, run->durations_ns[count / 2] / 1000,
           run->durations_ns[count * 99 / 100] / 1000, cpu_ns / 1000 / count);
}

bool parallel_load_run(const struct parallel_load *load, struct error *error)
{
    struct run run = {.load = load, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[PARALLEL_LOAD_THREADS_MAXIMUM];
    _cleanup_(freep) uint64_t *durations_ns = calloc(load->count, sizeof *durations_ns);
    if (!durations_ns)
        return error_set_no_memory(error);
    run.durations_ns = durations_ns;
    uint64_t started_ns = read_clock(CLOCK_MONOTONIC), cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    size_t started = 0;
    int failure = 0;
    while (started < load->threads && failure == 0) {
        failure = pthread_create(&threads[started], NULL, work, &run);
        started += failure == 0;
    }
    for (size_t index = 0; index < started; index++)
        pthread_join(threads[index], NULL);
    if (failure != 0)
        return error_set_errno(error, ERROR_IO, failure, "starting a thread");
    if (atomic_load(&run.has_failed)) {
        *error = run.error;
        return false;
    }
    print(&run, read_clock(CLOCK_MONOTONIC) - started_ns, read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns);
    return true;
}

bool parallel_load_read_count(const char *text, struct error *error, size_t *count)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || number < 1 || number > COUNT_MAXIMUM)
        return error_set(error, ERROR_INVALID, "%s: must be a number from 1 to %u", text, COUNT_MAXIMUM);
    *count = number;
    return true;
}
