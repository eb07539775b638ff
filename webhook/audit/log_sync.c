#include "webhook/audit/log_state.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <fcntl.h>

/* What a sync leaves in memory of the newest file, since the next record is going to stand behind it. */
#define TAIL_BYTES (64u * 1024)

/* What one sync takes to the disk. */
struct sync_work {
    uint64_t sequence; /* of the last record in it */
    uint64_t since_ns; /* records after that wait since then at most */
    struct log_file retired[LOG_RETIRED_FILES];
    size_t retired_count;
    struct log_file newest; /* with a descriptor of its own: a rotation may retire the other */
    uint64_t files_begun;
};

static bool take_work(struct audit_log *log, struct sync_work *work, struct error *error)
{
    pthread_mutex_lock(&log->mutex);
    *work = (struct sync_work){
        .sequence = log->head.position.sequence,
        .since_ns = clock_now_ns(),
        .retired_count = log->retired_count,
        .newest = log->file,
        .files_begun = log->files_begun,
    };
    for (size_t i = 0; i < work->retired_count; i++)
        work->retired[i] = log->retired[i];
    work->newest.descriptor = log->file.descriptor < 0 ? -1 : dup(log->file.descriptor);
    int reason = errno;
    pthread_mutex_unlock(&log->mutex);
    return work->newest.descriptor >= 0 || error_set_errno(error, ERROR_IO, reason, "cannot sync the log");
}

/* The log is written, not read: what is on the disk need not stay in the system's cache, which would grow
 * by all of it, at the cost of others and of every next page. */
static bool sync_descriptor(int descriptor, uint64_t forgotten, struct error *error)
{
    if (fdatasync(descriptor) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot sync the log");
    if (forgotten > 0) /* 0 would mean all of it */
        posix_fadvise(descriptor, 0, (off_t) forgotten, POSIX_FADV_DONTNEED);
    return true;
}

/* In the order of the chain. The name of a file must be on the disk before its records are said to be. */
static bool do_work(const struct audit_log *log, const struct sync_work *work, struct error *error)
{
    for (size_t i = 0; i < work->retired_count; i++)
        if (!sync_descriptor(work->retired[i].descriptor, work->retired[i].size, error))
            return false;
    if (log->names_synced < work->files_begun && fsync(log->directory) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot sync the directory");
    return sync_descriptor(work->newest.descriptor, work->newest.size / TAIL_BYTES * TAIL_BYTES, error);
}

/* With the mutex held. */
static void finish_work(struct audit_log *log, const struct sync_work *work)
{
    for (size_t i = 0; i < work->retired_count; i++)
        log_file_close(&log->retired[i]);
    log->retired_count -= work->retired_count;
    for (size_t i = 0; i < log->retired_count; i++)
        log->retired[i] = log->retired[work->retired_count + i];
    log->unsynced_ns = log->head.position.sequence == work->sequence ? 0 : work->since_ns;
}

/* With sync_mutex held: forces all files to the disk, whoever else writes meanwhile. */
static bool sync_files(struct audit_log *log, struct error *error)
{
    struct sync_work work;
    bool is_synced = take_work(log, &work, error) && do_work(log, &work, error);
    log_file_close(&work.newest);
    pthread_mutex_lock(&log->mutex);
    if (is_synced)
        finish_work(log, &work);
    else
        log->statistics.sync_failures++;
    pthread_mutex_unlock(&log->mutex);
    if (is_synced) {
        log->synced = work.sequence;
        log->names_synced = work.files_begun;
    }
    return is_synced;
}

bool log_sync_run(struct audit_log *log, uint64_t sequence, struct error *error)
{
    pthread_mutex_lock(&log->sync_mutex);
    /* Whoever waited for the mutex is often served by the one that had it. */
    bool is_synced = log->synced >= sequence || sync_files(log, error);
    pthread_mutex_unlock(&log->sync_mutex);
    return is_synced;
}

/* Files that fill faster than syncs come must not pile up without end: then the one that is full waits here.
 */
bool log_sync_prepare_rotation(struct audit_log *log, struct error *error)
{
    bool must_wait = log->file.descriptor >= 0 && log->options.sync != AUDIT_SYNC_NEVER &&
                     log->retired_count == LOG_RETIRED_FILES;
    if (must_wait && fdatasync(log->file.descriptor) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot sync the full file");
    return true;
}

void log_sync_rotate(struct audit_log *log, const struct log_file *fresh)
{
    bool is_left_to_sync = log->file.descriptor >= 0 && log->options.sync != AUDIT_SYNC_NEVER &&
                           log->retired_count < LOG_RETIRED_FILES;
    if (is_left_to_sync)
        log->retired[log->retired_count++] = log->file;
    else
        log_file_close(&log->file);
    log->file = *fresh;
    log->files_begun++;
}

void log_sync_close_files(struct audit_log *log)
{
    for (; log->retired_count > 0; log->retired_count--)
        log_file_close(&log->retired[log->retired_count - 1]);
    log_file_close(&log->file);
}
