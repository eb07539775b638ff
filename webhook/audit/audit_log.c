#include "webhook/audit/audit_log.h"

#include "common/text.h"
#include "kubernetes/clock.h"
#include "webhook/audit/log_state.h"

#include <string.h>

/* Takes over `next` as the key in use. */
static void use_key(struct audit_log *log, struct audit_key *next)
{
    audit_key_free(log->key);
    log->key = next;
}

/* The chain was signed by another key before: that one must introduce this one. */
static bool introduce_key(struct audit_log *log, struct audit_key *key, struct error *error)
{
    _cleanup_(audit_key_freep) struct audit_key *previous = NULL;
    const char *path = log->options.previous_signing_key;
    if (!path)
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "the log is signed by key %s, which must introduce the new one: give it as "
                         "--audit-previous-signing-key, or begin another directory",
                         log->head.key_id);
    if (!audit_key_load(path, error, &previous))
        return false;
    if (strcmp(previous->id, log->head.key_id) != 0)
        return error_set(error, ERROR_INVALID, "\"%s\": is not the key that signs the log, %s", path,
                         log->head.key_id);
    return log_records_settle(log, error) && log_records_rotate_key(log, previous, key, error);
}

static bool open_key(struct audit_log *log, struct error *error)
{
    _cleanup_(audit_key_freep) struct audit_key *key = NULL;
    if (!log->options.signing_key)
        return true;
    if (!audit_key_load(log->options.signing_key, error, &key))
        return false;
    if (*log->head.key_id && strcmp(log->head.key_id, key->id) != 0 && !introduce_key(log, key, error))
        return false;
    use_key(log, take_pointer(&key));
    /* What an earlier run left unsigned is signed with the next checkpoint. */
    log->unsigned_records = log->head.position.sequence - log->head.checkpoint.sequence;
    return true;
}

static void free_log(struct audit_log *log)
{
    log_file_close(&log->file);
    closep(&log->head_file);
    closep(&log->lock);
    closep(&log->directory);
    buffer_done(&log->recovery.torn);
    audit_key_free(log->key);
    pthread_cond_destroy(&log->keeper_wakes);
    pthread_mutex_destroy(&log->sync_mutex);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

/* Held for a short write or two, as a rule: waiting for it awake costs less than sleeping. */
static void init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

bool audit_log_open(const struct audit_log_options *options, struct error *error, struct audit_log **result)
{
    struct audit_log *log = calloc(1, sizeof *log);
    if (!log)
        return error_set_no_memory(error);
    log->options = *options;
    log->directory = log->lock = log->head_file = -1;
    log->file = LOG_FILE_NONE;
    init_mutex(&log->mutex);
    pthread_mutex_init(&log->sync_mutex, NULL);
    pthread_cond_init(&log->keeper_wakes, NULL);
    log->checkpoint_ns = clock_now_ns();
    if (gethostname(log->identity.replica, sizeof log->identity.replica - 1) < 0)
        TEXT_COPY(log->identity.replica, "unknown");
    if (!log_opening_run(log, error) || !open_key(log, error)) {
        free_log(log);
        return error_prefix(error, "audit directory \"%s\"", options->directory);
    }
    *result = log;
    return true;
}

bool audit_log_start(struct audit_log *log, struct error *error)
{
    return log_keeper_start(log, error);
}

/* With the mutex held. */
static void save_head_if_due(struct audit_log *log)
{
    if (log->is_head_due)
        log_writer_save_head(log);
}

/* What is left to write at the end. */
static bool conclude(struct audit_log *log, struct error *error)
{
    pthread_mutex_lock(&log->mutex);
    bool is_complete =
        log_records_settle(log, error) && (!log->unsigned_records || log_records_checkpoint(log, error));
    save_head_if_due(log);
    uint64_t sequence = log->head.position.sequence;
    bool must_sync = log->unsynced_ns != 0 && log->options.sync != AUDIT_SYNC_NEVER;
    pthread_mutex_unlock(&log->mutex);
    if (must_sync && !log_sync_run(log, sequence, error))
        is_complete = false;
    return is_complete;
}

bool audit_log_close(struct audit_log *log, struct error *error)
{
    if (!log)
        return true;
    log_keeper_stop(log);
    bool is_complete =
        conclude(log, error) || error_prefix(error, "audit directory \"%s\"", log->options.directory);
    free_log(log);
    return is_complete;
}

const struct audit_identity *audit_log_identity(const struct audit_log *log)
{
    return &log->identity;
}

/* With the mutex held. */
static void count_loss(struct audit_log *log, const struct error *why)
{
    text_copy(log->statistics.loss_reason, sizeof log->statistics.loss_reason, why->message);
    if (log->options.is_required)
        log->statistics.refused++;
    else
        log_records_note_gap(log, why);
}

void audit_log_drop(struct audit_log *log, const struct error *why)
{
    pthread_mutex_lock(&log->mutex);
    count_loss(log, why);
    save_head_if_due(log);
    pthread_mutex_unlock(&log->mutex);
}

static void sign_if_many(struct audit_log *log)
{
    struct error ignored;
    if (log->key && log->unsigned_records >= log->options.checkpoint_records &&
        !log_records_checkpoint(log, &ignored))
        log->statistics.checkpoint_failures++;
}

/* How many records may be written before something else must be. */
static size_t records_until_checkpoint(const struct audit_log *log)
{
    uint64_t limit = log->options.checkpoint_records;
    if (!log->key)
        return SIZE_MAX;
    return log->unsigned_records < limit ? limit - log->unsigned_records : 1;
}

/* With the mutex held: appends some of the entries and returns those that are left. */
static struct audit_entry *append_some(struct audit_log *log, struct audit_entry *entry)
{
    struct error why;
    size_t tried = 1, written = 0;
    if (log_records_settle(log, &why))
        tried = log_writer_append(log, entry, records_until_checkpoint(log), &why);
    for (size_t i = 0; i < tried; i++, entry = entry->next) {
        entry->is_written = entry->position.sequence != 0;
        written += entry->is_written;
        if (!entry->is_written) {
            count_loss(log, &why);
            *entry->error = why;
        }
    }
    if (written > 0)
        sign_if_many(log);
    return entry;
}

/* The records stand, but nobody can say for how long: only who must not lose them refuses. */
static void sync_records(struct audit_log *log, struct audit_entry *first)
{
    struct error why;
    uint64_t last = 0;
    for (const struct audit_entry *entry = first; entry; entry = entry->next)
        last = entry->is_written ? entry->position.sequence : last;
    if (last == 0 || log->options.sync != AUDIT_SYNC_ALWAYS || log_sync_run(log, last, &why))
        return;
    for (struct audit_entry *entry = first; entry; entry = entry->next) {
        if (!entry->is_written)
            continue;
        entry->is_written = false;
        *entry->error = why;
        if (log->options.is_required)
            audit_log_drop(log, &why);
    }
}

void audit_log_append(struct audit_log *log, struct audit_entry *first)
{
    struct audit_entry *entry;
    for (entry = first; entry; entry = entry->next)
        entry->position.sequence = 0;
    pthread_mutex_lock(&log->mutex);
    for (entry = first; entry;)
        entry = append_some(log, entry);
    save_head_if_due(log);
    pthread_mutex_unlock(&log->mutex);
    sync_records(log, first);
}

bool audit_log_reload_key(struct audit_log *log, struct error *error)
{
    _cleanup_(audit_key_freep) struct audit_key *key = NULL;
    if (!log->options.signing_key)
        return true;
    if (!audit_key_load(log->options.signing_key, error, &key))
        return false;
    pthread_mutex_lock(&log->mutex);
    bool is_used = strcmp(key->id, log->key->id) == 0;
    if (!is_used) {
        is_used = log_records_settle(log, error) && log_records_rotate_key(log, log->key, key, error);
        if (is_used)
            use_key(log, take_pointer(&key));
    }
    pthread_mutex_unlock(&log->mutex);
    return is_used;
}

void audit_log_read_statistics(struct audit_log *log, struct audit_log_statistics *statistics)
{
    pthread_mutex_lock(&log->mutex);
    *statistics = log->statistics;
    if (log->unsynced_ns)
        statistics->unsynced_ms = (clock_now_ns() - log->unsynced_ns) / NANOSECONDS_PER_MILLISECOND;
    pthread_mutex_unlock(&log->mutex);
}
