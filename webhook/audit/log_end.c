#include "webhook/audit/log_end.h"

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/text.h"
#include "webhook/audit/log_reader.h"
#include "webhook/audit/record_line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A whole record and a torn one, each as long as can be, with their newlines. */
#define TAIL_BYTES ((size_t) 2 * (AUDIT_RECORD_BYTES + 1))

/* The end of one file. */
struct tail {
    struct buffer bytes;
    uint64_t offset;     /* of the bytes in the file */
    const char *record;  /* the last whole record, or NULL */
    size_t record_bytes; /* without its newline */
    size_t whole_bytes;  /* up to and with that newline */
};

static bool read_fully(int descriptor, const char *path, char *data, size_t length, uint64_t offset,
                       struct error *error)
{
    while (length > 0) {
        ssize_t count = pread(descriptor, data, length, (off_t) offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return error_set_errno(error, ERROR_IO, count ? errno : EIO, "\"%s\"", path);
        data += count;
        offset += (uint64_t) count;
        length -= (size_t) count;
    }
    return true;
}

static bool read_tail(const char *path, struct error *error, struct tail *tail)
{
    struct stat status;
    _cleanup_(closep) int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"%s\"", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "\"%s\": is no file", path);
    uint64_t size = (uint64_t) status.st_size;
    size_t length = size < TAIL_BYTES ? (size_t) size : TAIL_BYTES;
    tail->offset = size - length;
    if (length == 0)
        return true;
    if (!buffer_reserve(&tail->bytes, length))
        return buffer_check(&tail->bytes, error);
    if (!read_fully(descriptor, path, tail->bytes.data, length, tail->offset, error))
        return false;
    tail->bytes.length = length;
    tail->bytes.data[length] = '\0';
    return true;
}

static bool find_last_line(const char *path, struct error *error, struct tail *tail)
{
    const char *start = tail->bytes.data;
    const char *newline = tail->bytes.length ? memrchr(start, '\n', tail->bytes.length) : NULL;
    if (newline) {
        const char *before = memrchr(start, '\n', (size_t) (newline - start));
        tail->record = before ? before + 1 : start;
        tail->record_bytes = (size_t) (newline - tail->record);
        tail->whole_bytes = (size_t) (newline - start) + 1;
    }
    bool begins_in_the_middle = tail->offset > 0 && (!newline || tail->record == start);
    if (begins_in_the_middle || tail->record_bytes > AUDIT_RECORD_BYTES)
        return error_set(error, ERROR_INVALID, "\"%s\": ends in no record", path);
    return true;
}

static bool read_fields(const cJSON *tree, struct error *error, struct log_end *end)
{
    const char *chain;
    int64_t sequence;
    if (!json_require_string(tree, JSON_ROOT, "chain", error, &chain) ||
        !json_read_integer(tree, JSON_ROOT, "sequence", 1, INT64_MAX, 0, error, &sequence))
        return false;
    if (!sequence || !audit_is_hex(chain, sizeof end->chain - 1))
        return error_set(error, ERROR_INVALID, "is no record");
    TEXT_COPY(end->chain, chain);
    end->last.sequence = (uint64_t) sequence;
    return true;
}

static bool read_record(const struct tail *tail, const char *path, struct error *error, struct log_end *end)
{
    const struct audit_log_line line = {
        .file = path, .number = 0, .text = tail->record, .length = tail->record_bytes};
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    if (!audit_log_line_parse(&line, error, &tree) ||
        !record_line_hash(line.text, line.length, error, end->last.hash))
        return error_prefix(error, "the last record");
    return (read_fields(tree, error, end) && record_check_patch(tree, error)) ||
           error_prefix(error, "\"%s\": the last record", path);
}

/* Takes what the newest file says of its own size. */
static bool take_file(const char *path, const struct tail *tail, struct error *error, struct log_end *end)
{
    uint64_t first;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!audit_file_name_parse(name, &first))
        return error_set(error, ERROR_INVALID, "\"%s\": is no file of an audit log", path);
    TEXT_COPY(end->file_name, name);
    end->file_size = tail->offset + tail->whole_bytes;
    if (tail->bytes.length > tail->whole_bytes)
        buffer_append(&end->torn, tail->bytes.data + tail->whole_bytes,
                      tail->bytes.length - tail->whole_bytes);
    return buffer_check(&end->torn, error);
}

/* Looks at one file; `*is_found` tells whether the last record is in it. */
static bool look_at(const char *path, bool is_newest, struct error *error, struct log_end *end,
                    bool *is_found)
{
    struct tail tail = {.bytes = BUFFER_INIT(TAIL_BYTES)};
    bool is_read = read_tail(path, error, &tail) && find_last_line(path, error, &tail) &&
                   (!is_newest || take_file(path, &tail, error, end));
    *is_found = is_read && tail.record;
    if (*is_found)
        is_read = read_record(&tail, path, error, end);
    buffer_done(&tail.bytes);
    return is_read;
}

bool log_end_find(const char *path, struct error *error, struct log_end *result)
{
    struct log_end end = {.last = {.hash = AUDIT_NO_HASH}, .torn = BUFFER_INIT(TAIL_BYTES)};
    struct audit_log_files files = {0};
    bool is_found = false;
    bool is_read = audit_log_files_list(path, error, &files);
    /* The newest file has no record yet when a crash followed its making. */
    for (size_t i = files.count; is_read && !is_found && i > 0; i--)
        is_read = look_at(files.paths[i - 1], i == files.count, error, &end, &is_found);
    end.has_files = files.count > 0;
    audit_log_files_done(&files);
    if (!is_read) {
        log_end_done(&end);
        return false;
    }
    *result = end;
    return true;
}

void log_end_done(struct log_end *end)
{
    buffer_done(&end->torn);
}
