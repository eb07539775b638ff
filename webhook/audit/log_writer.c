#include "webhook/audit/log_state.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <string.h>

static bool must_rotate(const struct audit_log *log, size_t length, int64_t now)
{
    int64_t age_s = now - log->head.file_opened;
    return log->file.size > 0 && (log->file.size + length > log->options.file_bytes ||
                                  age_s >= (int64_t) (log->options.file_age_ms / 1000));
}

static bool begin_file(struct audit_log *log, int64_t now, struct error *error)
{
    struct log_file fresh;
    if (!log_sync_full_file(log, error) || !log_file_create(log->directory, log->head.position.sequence + 1,
                                                            log->options.file_bytes, error, &fresh))
        return false;
    log_file_close(&log->file);
    log->file = fresh;
    log->files++;
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

/* A new file when the next record does not go into the newest any more. */
static bool provide_file(struct audit_log *log, size_t length, int64_t now, struct error *error)
{
    /* A torn record is told of where it stands. */
    bool is_settled = !log->recovery.is_pending;
    bool must_begin = log->file.descriptor < 0 || (is_settled && must_rotate(log, length, now));
    return !must_begin || begin_file(log, now, error);
}

static size_t length_of(const struct audit_entry *entry)
{
    return record_draft_most_bytes(&entry->draft);
}

/* How many go into the file in one write, at least one. */
static size_t count_together(const struct audit_log *log, const struct audit_entry *first, size_t limit)
{
    uint64_t size = log->file.size + length_of(first);
    size_t count = 1;
    /* What a crash left behind goes with the first record that is written over it. */
    if (log->file.has_excess)
        return count;
    for (const struct audit_entry *entry = first->next; entry && count < limit; entry = entry->next) {
        size += length_of(entry);
        if (count == LOG_FILE_RECORDS || size > log->options.file_bytes)
            break;
        count++;
    }
    return count;
}

/* Ends each of the records, as if all before it stood. */
static bool give_places(const struct audit_log *log, struct audit_entry *first, size_t count,
                        const struct timespec *now, struct error *error, struct iovec *parts)
{
    const struct audit_position *previous = &log->head.position;
    char moment[MICROTIME_BYTES];
    clock_format_microtime(now, moment);
    struct audit_entry *entry = first;
    for (size_t i = 0; i < count; i++, entry = entry->next) {
        entry->position.sequence = previous->sequence + 1;
        if (!record_draft_finish(&entry->draft, entry->position.sequence, moment, previous->hash, error,
                                 entry->position.hash))
            return false;
        previous = &entry->position;
        record_draft_locate(&entry->draft, parts + i * RECORD_PARTS);
    }
    return true;
}

/* The record stands. */
static void follow(struct audit_log *log, const struct audit_entry *entry)
{
    log->head.position = entry->position;
    log->is_head_due = true;
    log->statistics.records++;
    log->unsigned_records++;
    if (!log->unsynced_ns)
        log->unsynced_ns = clock_now_ns();
}

size_t log_writer_append(struct audit_log *log, struct audit_entry *first, size_t limit, struct error *error)
{
    struct timespec now;
    struct iovec parts[LOG_FILE_RECORDS * RECORD_PARTS];
    size_t count = 1, written = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (provide_file(log, length_of(first), now.tv_sec, error)) {
        count = count_together(log, first, limit);
        uint64_t size_before = log->file.size;
        if (give_places(log, first, count, &now, error, parts))
            written = log_file_append(&log->file, parts, count, error);
        log->statistics.bytes += log->file.size - size_before;
    }
    struct audit_entry *entry = first;
    for (size_t i = 0; i < count; i++, entry = entry->next) {
        if (i < written)
            follow(log, entry);
        else
            entry->position.sequence = 0;
    }
    log_sync_wish_early(log);
    return count;
}
