#include "webhook/audit/log_state.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

/* Answers come first: a sync that takes longer delays nobody. Linux has priorities of threads. */
#define KEEPER_NICE 5

/* Forces to the disk what was written since the last time. The head last: it must not be ahead. */
static void sync_if_due(struct audit_log *log)
{
    struct error ignored;
    if (log->options.sync != AUDIT_SYNC_INTERVAL)
        return;
    pthread_mutex_lock(&log->mutex);
    uint64_t sequence = log->head.position.sequence;
    bool is_due = log->unsynced_ns != 0;
    pthread_mutex_unlock(&log->mutex);
    if (is_due && log_sync_run(log, sequence, &ignored))
        fdatasync(log->head_file);
}

static void sign_if_due(struct audit_log *log)
{
    struct error ignored;
    uint64_t interval_ns = log->options.checkpoint_interval_ms * NANOSECONDS_PER_MILLISECOND;
    pthread_mutex_lock(&log->mutex);
    bool is_settled = log_records_settle(log, &ignored);
    bool is_due = log->key && log->unsigned_records && clock_now_ns() - log->checkpoint_ns >= interval_ns;
    if (is_due && (!is_settled || !log_records_checkpoint(log, &ignored)))
        log->statistics.checkpoint_failures++;
    pthread_mutex_unlock(&log->mutex);
}

/* False when the log is closed. */
static bool wait_for_turn(struct audit_log *log)
{
    struct timespec deadline = clock_wait_deadline(AUDIT_SYNC_INTERVAL_MS);
    pthread_mutex_lock(&log->mutex);
    int result = 0;
    while (!log->is_ending && !log->must_sync && result != ETIMEDOUT)
        result = pthread_cond_clockwait(&log->keeper_wakes, &log->mutex, CLOCK_MONOTONIC, &deadline);
    bool goes_on = !log->is_ending;
    log->must_sync = false;
    pthread_mutex_unlock(&log->mutex);
    return goes_on;
}

static void *keep(void *context)
{
    struct audit_log *log = context;
    setpriority(PRIO_PROCESS, (id_t) gettid(), KEEPER_NICE);
    while (wait_for_turn(log)) {
        sign_if_due(log);
        sync_if_due(log);
    }
    return NULL;
}

bool log_keeper_start(struct audit_log *log, struct error *error)
{
    int reason = pthread_create(&log->keeper, NULL, keep, log);
    if (reason)
        return error_set_errno(error, ERROR_UNAVAILABLE, reason, "cannot start a thread");
    log->has_keeper = true;
    return true;
}

void log_keeper_stop(struct audit_log *log)
{
    if (!log->has_keeper)
        return;
    pthread_mutex_lock(&log->mutex);
    log->is_ending = true;
    pthread_cond_signal(&log->keeper_wakes);
    pthread_mutex_unlock(&log->mutex);
    pthread_join(log->keeper, NULL);
    log->has_keeper = false;
}
