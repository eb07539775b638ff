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

bool log_file_create(int directory, uint64_t first_sequence, struct error *error, struct log_file *file)
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
    *file = (struct log_file){.descriptor = descriptor};
    return true;
}

bool log_file_open(int directory, const char *name, uint64_t size, struct error *error, struct log_file *file)
{
    int descriptor = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"%s\"", name);
    *file = (struct log_file){.descriptor = descriptor, .size = size, .has_excess = true};
    return true;
}

static ssize_t write_once(const struct log_file *file, const char *data, size_t length)
{
    for (;;) {
        ssize_t written = pwrite(file->descriptor, data, length, (off_t) file->size);
        if (written >= 0 || errno != EINTR)
            return written;
    }
}

/* Cuts the file to `size`. */
static bool cut(struct log_file *file, uint64_t size, struct error *error)
{
    if (ftruncate(file->descriptor, (off_t) size) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot take back what was written in part");
    file->has_excess = false;
    return true;
}

bool log_file_append(struct log_file *file, const char *data, size_t length, struct error *error)
{
    bool had_excess = file->has_excess;
    ssize_t written = write_once(file, data, length);
    if (written == (ssize_t) length) {
        /* What stood behind is overwritten first and cut then, so that a torn record is never lost before
         * the record that tells of it stands. */
        if (had_excess && !cut(file, file->size + length, error))
            return false;
        file->size += length;
        return true;
    }
    int reason = written < 0 ? errno : ENOSPC;
    struct error ignored;
    file->has_excess = true;
    (void) !cut(file, file->size, &ignored);
    return error_set_errno(error, ERROR_IO, reason, "cannot write a record");
}

void log_file_close(struct log_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    *file = LOG_FILE_NONE;
}
