#include "webhook/audit/log_state.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <fcntl.h>

/* What stays in memory of the newest file, since the next record is going to stand behind it. */
#define TAIL_BYTES (64u * 1024)

/* A file is synced once when all but this part of it is full, so that whoever fills it waits for the rest
 * alone. */
#define LAST_PART 12

/* How much is done at once. Not every kernel lets others run in the middle of a system call: those who answer
 * would wait for all of it. */
#define PIECE_BYTES (1u << 20)

/* A part of a file: all bytes from `start` to before `end`. */
struct range {
    uint64_t start, end;
};

static uint64_t end_of_piece(const struct range *range, uint64_t at)
{
    return range->end - at > PIECE_BYTES ? at + PIECE_BYTES : range->end;
}

/* Begins to write it to the disk; whether that worked says the sync that follows. */
static void write_back(int descriptor, const struct range *range)
{
    for (uint64_t at = range->start; at < range->end; at = end_of_piece(range, at))
        sync_file_range(descriptor, (off_t) at, (off_t) (end_of_piece(range, at) - at),
                        SYNC_FILE_RANGE_WRITE);
}

/* The log is written, not read: what is on the disk need not stay in the system's cache, which would grow by
 * all of it, at the cost of others and of every next page. */
static void forget(int descriptor, const struct range *range)
{
    for (uint64_t at = range->start; at < range->end; at = end_of_piece(range, at))
        posix_fadvise(descriptor, (off_t) at, (off_t) (end_of_piece(range, at) - at), POSIX_FADV_DONTNEED);
}

/* With sync_mutex held: forces the newest file to the disk, whoever else writes meanwhile. */
static bool sync_newest(struct audit_log *log, struct error *error)
{
    pthread_mutex_lock(&log->mutex);
    uint64_t sequence = log->head.position.sequence, files = log->files;
    uint64_t since_ns = clock_now_ns(), failures = log->statistics.sync_failures;
    const struct range range = {.start = log->file.synced, .end = log->file.size / TAIL_BYTES * TAIL_BYTES};
    /* Its own descriptor: a rotation may close the other. */
    int descriptor = log->file.descriptor < 0 ? -1 : dup(log->file.descriptor);
    int reason = errno;
    pthread_mutex_unlock(&log->mutex);
    if (descriptor >= 0)
        write_back(descriptor, &range);
    bool is_synced = descriptor >= 0 && fdatasync(descriptor) == 0;
    if (descriptor >= 0 && !is_synced)
        reason = errno;
    /* After a failure the cache may be all there is. */
    if (is_synced && failures == 0)
        forget(descriptor, &range);
    pthread_mutex_lock(&log->mutex);
    if (is_synced)
        log->unsynced_ns = log->head.position.sequence == sequence ? 0 : since_ns;
    else
        log->statistics.sync_failures++;
    if (is_synced && log->files == files && range.end > range.start)
        log->file.synced = range.end;
    pthread_mutex_unlock(&log->mutex);
    closep(&descriptor);
    if (!is_synced)
        return error_set_errno(error, ERROR_IO, reason, "cannot sync the log");
    log->synced = sequence;
    return true;
}

bool log_sync_run(struct audit_log *log, uint64_t sequence, struct error *error)
{
    pthread_mutex_lock(&log->sync_mutex);
    /* Whoever waited for the mutex is often served by the one that had it. */
    bool is_synced = log->synced >= sequence || sync_newest(log, error);
    pthread_mutex_unlock(&log->sync_mutex);
    return is_synced;
}

bool log_sync_full_file(struct audit_log *log, struct error *error)
{
    log->was_synced_early = false;
    if (log->file.descriptor < 0 || log->options.sync == AUDIT_SYNC_NEVER)
        return true;
    if (fdatasync(log->file.descriptor) < 0) {
        log->statistics.sync_failures++;
        return error_set_errno(error, ERROR_IO, errno, "cannot sync the full file");
    }
    return true;
}

void log_sync_wish_early(struct audit_log *log)
{
    uint64_t limit = log->options.file_bytes;
    if (log->was_synced_early || log->options.sync != AUDIT_SYNC_INTERVAL ||
        log->file.size < limit - limit / LAST_PART)
        return;
    log->was_synced_early = log->must_sync = true;
    pthread_cond_signal(&log->keeper_wakes);
}
