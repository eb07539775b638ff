#include "webhook/audit/log_state.h"

#include "common/text.h"
#include "kubernetes/clock.h"
#include "webhook/audit/log_end.h"
#include "webhook/audit/log_reader.h"
#include "webhook/audit/record_line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LOCK_NAME "lock"
#define NEW_HEAD_NAME "head.json.new"

/* Between two attempts to get the lock. */
#define LOCK_POLL_MS 5

static bool open_directory(struct audit_log *log, struct error *error)
{
    const char *path = log->options.directory;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make the directory");
    log->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return log->directory >= 0 || error_set_errno(error, ERROR_IO, errno, "cannot open the directory");
}

static bool take_lock(struct audit_log *log, struct error *error)
{
    uint64_t deadline_ns = clock_now_ns() + log->options.lock_wait_ms * NANOSECONDS_PER_MILLISECOND;
    log->lock = openat(log->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->lock < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot open \"" LOCK_NAME "\"");
    while (flock(log->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(error, ERROR_IO, errno, "cannot lock");
        if (clock_now_ns() >= deadline_ns)
            return error_set(error, ERROR_TIMEOUT, "another process writes this log");
        usleep(LOCK_POLL_MS * 1000);
    }
    return true;
}

static bool make_chain(struct audit_head *head, struct error *error)
{
    unsigned char random[(AUDIT_CHAIN_BYTES - 1) / 2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set_errno(error, ERROR_IO, errno, "no random numbers");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(head->chain + 2 * i, 3, "%02x", random[i]);
    TEXT_COPY(head->position.hash, AUDIT_NO_HASH);
    return true;
}

/* The first head appears whole or not at all, and before the first record. */
static bool make_head(struct audit_log *log, struct error *error)
{
    char text[AUDIT_HEAD_BYTES];
    if (!make_chain(&log->head, error) || !audit_head_print(&log->head, error, text))
        return false;
    log->head_file =
        openat(log->directory, NEW_HEAD_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->head_file < 0 || pwrite(log->head_file, text, sizeof text, 0) != (ssize_t) sizeof text ||
        fsync(log->head_file) < 0 ||
        renameat(log->directory, NEW_HEAD_NAME, log->directory, AUDIT_HEAD_NAME) < 0 ||
        fsync(log->directory) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot make \"" AUDIT_HEAD_NAME "\"");
    return true;
}

static bool set_tampered(struct error *error, const char *what)
{
    return error_set(error, ERROR_FAILED_PRECONDITION,
                     "%s; keep this directory for `openshell-injector audit verify` and begin another", what);
}

static bool read_head(struct audit_log *log, struct error *error)
{
    char text[AUDIT_HEAD_BYTES + 1];
    ssize_t length = pread(log->head_file, text, sizeof text, 0);
    if (length < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"" AUDIT_HEAD_NAME "\"");
    if (audit_head_parse(text, (size_t) length, error, &log->head))
        return true;
    if (error->code == ERROR_NO_MEMORY)
        return false;
    return set_tampered(error, "\"" AUDIT_HEAD_NAME "\" is not as it was written");
}

static bool load_head(struct audit_log *log, const struct log_end *end, struct error *error)
{
    log->head_file = openat(log->directory, AUDIT_HEAD_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (log->head_file >= 0)
        return read_head(log, error);
    if (errno != ENOENT)
        return error_set_errno(error, ERROR_IO, errno, "\"" AUDIT_HEAD_NAME "\"");
    if (end->has_files)
        return set_tampered(error, "\"" AUDIT_HEAD_NAME "\" is missing, so a cut log would not show");
    return make_head(log, error);
}

/* Takes over what a record says, unless the head knows it already. */
static bool follow_line(const struct audit_log_line *line, struct error *error, struct audit_head *head)
{
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    uint64_t sequence = record_line_sequence(line->text, line->length);
    if (sequence > 0 && sequence <= head->position.sequence)
        return true;
    if (!audit_log_line_parse(line, error, &record))
        return false;
    return audit_head_follow(record, error, head) ||
           error_prefix(error, "\"%s\" line %zu", line->file, line->number);
}

/* The head is of an earlier record than the last: by those that were decided together when the process was
 * killed before it wrote the head, by more when the machine lost power and the log reached the disk first. */
static bool catch_up(struct audit_log *log, const struct log_end *end, struct error *error)
{
    struct audit_head *head = &log->head;
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    if (!audit_log_reader_open(log->options.directory, error, &reader))
        return false;
    audit_log_reader_skip_to(reader, head->position.sequence + 1);
    for (;;) {
        struct audit_log_line line;
        bool has_line;
        if (!audit_log_reader_next(reader, error, &line, &has_line))
            return false;
        if (!has_line || line.is_torn)
            break;
        if (!follow_line(&line, error, head))
            return false;
    }
    head->position = end->last;
    log_writer_save_head(log);
    return true;
}

/* Brings head and log together. */
static bool reconcile(struct audit_log *log, const struct log_end *end, struct error *error)
{
    struct audit_head *head = &log->head;
    if (*end->chain && strcmp(end->chain, head->chain) != 0)
        return set_tampered(error, "the last record is of another chain");
    if (end->last.sequence > head->position.sequence)
        return catch_up(log, end, error);
    if (end->last.sequence < head->position.sequence) {
        log->recovery.is_pending = true;
        log->recovery.missing_from = end->last.sequence + 1;
        log->recovery.missing_to = head->position.sequence;
        TEXT_COPY(head->position.hash, end->last.hash);
        return true;
    }
    return strcmp(end->last.hash, head->position.hash) == 0 ||
           set_tampered(error, "the last record is not the one that was written");
}

/* A file without a record was made by a writer that a crash ended before its first one; it is named after
 * that one. With another name all that is written there would be out of place. */
static bool check_new_file(const struct audit_log *log, const struct log_end *end, struct error *error)
{
    uint64_t first;
    if (!*end->file_name || end->file_size > 0)
        return true;
    if (audit_file_name_parse(end->file_name, &first) && first > end->last.sequence &&
        first <= log->head.position.sequence + 1)
        return true;
    return error_set(error, ERROR_FAILED_PRECONDITION,
                     "\"%s\" holds no record and is not named after the next one, %llu: no writer made it",
                     end->file_name, (unsigned long long) log->head.position.sequence + 1);
}

static bool open_file(struct audit_log *log, const struct log_end *end, struct error *error)
{
    log->recovery.torn = BUFFER_INIT(end->torn.maximum);
    if (end->torn.length > 0) {
        log->recovery.is_pending = true;
        buffer_append(&log->recovery.torn, end->torn.data, end->torn.length);
        if (!buffer_check(&log->recovery.torn, error))
            return false;
    }
    return !*end->file_name || log_file_open(log->directory, end->file_name, end->file_size,
                                             log->options.file_bytes, error, &log->file);
}

static bool find_end(const struct audit_log *log, struct error *error, struct log_end *end)
{
    struct error why;
    if (log_end_find(log->options.directory, &why, end))
        return true;
    if (why.code == ERROR_INVALID)
        return set_tampered(error, why.message);
    *error = why;
    return false;
}

bool log_opening_run(struct audit_log *log, struct error *error)
{
    struct log_end end;
    if (!open_directory(log, error) || !take_lock(log, error) || !find_end(log, error, &end))
        return false;
    bool is_open = load_head(log, &end, error) && reconcile(log, &end, error) &&
                   check_new_file(log, &end, error) && open_file(log, &end, error);
    log_end_done(&end);
    if (is_open)
        TEXT_COPY(log->identity.chain, log->head.chain);
    return is_open;
}
