#include "webhook/audit/log_state.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <string.h>

/* The end of a record, which is not written yet when its length matters. */
#define RECORD_END_BYTES 192

static bool must_rotate(const struct audit_log *log, size_t length, int64_t now)
{
    int64_t age_s = now - log->head.file_opened;
    return log->file.size > 0 && (log->file.size + length > log->options.file_bytes ||
                                  age_s >= (int64_t) (log->options.file_age_ms / 1000));
}

/* All of the old file goes to the disk, so that from then on only the new one must. */
static bool begin_file(struct audit_log *log, int64_t now, struct error *error)
{
    struct log_file fresh;
    if (log->file.descriptor >= 0 && log->options.sync != AUDIT_SYNC_NEVER &&
        fdatasync(log->file.descriptor) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot sync the full file");
    if (!log_file_create(log->directory, log->head.position.sequence + 1, error, &fresh))
        return false;
    log_file_close(&log->file);
    log->file = fresh;
    log->head.file_opened = now;
    return true;
}

void log_writer_save_head(struct audit_log *log)
{
    char text[AUDIT_HEAD_BYTES];
    struct error ignored;
    ssize_t written = -1;
    if (audit_head_print(&log->head, &ignored, text)) {
        do
            written = pwrite(log->head_file, text, sizeof text, 0);
        while (written < 0 && errno == EINTR);
    }
    log->is_head_due = written != (ssize_t) sizeof text;
    if (log->is_head_due)
        log->statistics.head_failures++;
}

bool log_writer_append(struct audit_log *log, struct record_draft *draft, struct error *error)
{
    struct timespec now;
    struct audit_position place = {.sequence = log->head.position.sequence + 1};
    clock_gettime(CLOCK_REALTIME, &now);
    size_t length = draft->text.length + RECORD_END_BYTES;
    /* A torn record is told of where it stands. */
    bool is_settled = !log->recovery.is_pending;
    if ((log->file.descriptor < 0 || (is_settled && must_rotate(log, length, now.tv_sec))) &&
        !begin_file(log, now.tv_sec, error))
        return false;
    if (!record_draft_finish(draft, place.sequence, &now, log->head.position.hash, error, place.hash) ||
        !log_file_append(&log->file, draft->text.data, draft->text.length, error))
        return false;
    log->head.position = place;
    log->is_head_due = true;
    log->statistics.records++;
    log->statistics.bytes += draft->text.length;
    log->unsigned_records++;
    if (!log->unsynced_ns)
        log->unsynced_ns = clock_now_ns();
    return true;
}

/* With sync_mutex held: forces the newest file to the disk, whoever else writes meanwhile. */
static bool sync_file(struct audit_log *log, struct error *error)
{
    pthread_mutex_lock(&log->mutex);
    uint64_t sequence = log->head.position.sequence;
    uint64_t since_ns = clock_now_ns();
    /* Its own descriptor: a rotation may close the other. */
    int descriptor = log->file.descriptor < 0 ? -1 : dup(log->file.descriptor);
    int reason = errno;
    pthread_mutex_unlock(&log->mutex);
    bool is_synced = descriptor >= 0 && fdatasync(descriptor) == 0;
    if (descriptor >= 0) {
        reason = errno;
        close(descriptor);
    }
    pthread_mutex_lock(&log->mutex);
    if (!is_synced)
        log->statistics.sync_failures++;
    else if (log->head.position.sequence == sequence)
        log->unsynced_ns = 0;
    else
        log->unsynced_ns = since_ns;
    pthread_mutex_unlock(&log->mutex);
    if (!is_synced)
        return error_set_errno(error, ERROR_IO, reason, "cannot sync the log");
    log->synced = sequence;
    return true;
}

bool log_writer_sync(struct audit_log *log, uint64_t sequence, struct error *error)
{
    pthread_mutex_lock(&log->sync_mutex);
    /* Whoever waited for the mutex is often served by the one that had it. */
    bool is_synced = log->synced >= sequence || sync_file(log, error);
    pthread_mutex_unlock(&log->sync_mutex);
    return is_synced;
}
