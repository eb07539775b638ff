#include "webhook/audit/log_file.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define PREFIX "audit-"
#define SUFFIX ".jsonl"
#define DIGITS 20

void audit_file_name(uint64_t first_sequence, char name[static AUDIT_FILE_NAME_BYTES])
{
    snprintf(name, AUDIT_FILE_NAME_BYTES, PREFIX "%0*" PRIu64 SUFFIX, DIGITS, first_sequence);
}

bool audit_file_name_parse(const char *name, uint64_t *first_sequence)
{
    char expected[AUDIT_FILE_NAME_BYTES];
    if (strlen(name) != sizeof expected - 1 || strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return false;
    uint64_t sequence = strtoull(name + sizeof PREFIX - 1, NULL, 10);
    audit_file_name(sequence, expected);
    if (sequence == 0 || strcmp(name, expected) != 0)
        return false;
    *first_sequence = sequence;
    return true;
}

bool log_file_create(int directory, uint64_t first_sequence, uint64_t limit, struct error *error,
                     struct log_file *file)
{
    char name[AUDIT_FILE_NAME_BYTES];
    audit_file_name(first_sequence, name);
    int descriptor = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return error_set_errno(error, errno == EEXIST ? ERROR_ALREADY_EXISTS : ERROR_IO, errno, "\"%s\"",
                               name);
    /* The name must be on the disk before records are said to be. */
    if (fsync(directory) < 0) {
        error_set_errno(error, ERROR_IO, errno, "\"%s\": directory", name);
        unlinkat(directory, name, 0);
        close(descriptor);
        return false;
    }
    *file = (struct log_file){.descriptor = descriptor, .limit = limit};
    return true;
}

bool log_file_open(int directory, const char *name, uint64_t size, uint64_t limit, struct error *error,
                   struct log_file *file)
{
    int descriptor = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"%s\"", name);
    *file = (struct log_file){.descriptor = descriptor, .size = size, .limit = limit, .has_excess = true};
    return true;
}

/* Blocks that are there already cost a write less than blocks that it must ask for. Without them it asks, so
 * that a failure is none. */
static void reserve(struct log_file *file, uint64_t length)
{
    uint64_t start = file->reserved > file->size ? file->reserved : file->size;
    if (file->size + length <= file->reserved || start >= file->limit)
        return;
    uint64_t piece = file->limit - start < LOG_FILE_PIECE_BYTES ? file->limit - start : LOG_FILE_PIECE_BYTES;
    (void) fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, (off_t) start, (off_t) piece);
    file->reserved = start + piece;
}

static ssize_t write_once(const struct log_file *file, const struct iovec *parts, size_t count)
{
    for (;;) {
        ssize_t written = pwritev(file->descriptor, parts, (int) (count * RECORD_PARTS), (off_t) file->size);
        if (written >= 0 || errno != EINTR)
            return written;
    }
}

static size_t length_of(const struct iovec *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count * RECORD_PARTS; i++)
        length += parts[i].iov_len;
    return length;
}

/* How many of the records are in the first `written` bytes whole, and how many bytes they are. */
static size_t count_whole(const struct iovec *parts, size_t count, size_t written, size_t *length)
{
    *length = 0;
    for (size_t whole = 0; whole < count; whole++) {
        size_t next = length_of(parts + whole * RECORD_PARTS, 1);
        if (next > written - *length)
            return whole;
        *length += next;
    }
    return count;
}

/* Cuts the file to `size`. */
static bool cut(struct log_file *file, uint64_t size, struct error *error)
{
    if (ftruncate(file->descriptor, (off_t) size) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot take back what was written in part");
    file->has_excess = false;
    file->reserved = size;
    return true;
}

size_t log_file_append(struct log_file *file, const struct iovec *parts, size_t count, struct error *error)
{
    bool had_excess = file->has_excess;
    size_t length;
    reserve(file, length_of(parts, count));
    ssize_t written = write_once(file, parts, count);
    int reason = written < 0 ? errno : ENOSPC;
    size_t whole = count_whole(parts, count, written < 0 ? 0 : (size_t) written, &length);
    if (whole == count) {
        /* What stood behind is overwritten first and cut then, so that a torn record is never lost before
         * the record that tells of it stands. */
        if (had_excess && !cut(file, file->size + length, error))
            return 0;
        file->size += length;
        return whole;
    }
    struct error ignored;
    file->size += length;
    file->has_excess = true;
    (void) !cut(file, file->size, &ignored);
    error_set_errno(error, ERROR_IO, reason, "cannot write a record");
    return whole;
}

void log_file_close(struct log_file *file)
{
    if (file->descriptor >= 0) {
        if (file->reserved > file->size && !file->has_excess)
            (void) !ftruncate(file->descriptor, (off_t) file->size);
        close(file->descriptor);
    }
    *file = LOG_FILE_NONE;
}
