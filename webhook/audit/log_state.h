/* The inside of an open audit log, and what its files share. Private to webhook/audit/: audit_log.c,
 * log_opening.c, log_writer.c, log_sync.c, log_records.c and log_keeper.c.
 *
 * All of it is under `mutex`, but for options and identity, which do not change, and `synced`,
 * which is under `sync_mutex` (taken first).
 */
#pragma once

#include "webhook/audit/audit_log.h"
#include "webhook/audit/log_file.h"

#include <pthread.h>

/* What the next record must tell of first. */
struct pending_recovery {
    bool is_pending;
    struct buffer torn;                /* bytes of a record whose writing did not end */
    uint64_t missing_from, missing_to; /* records that the head knew and the log does not have; or 0 */
};

struct audit_log {
    struct audit_log_options options;
    struct audit_identity identity;
    pthread_mutex_t mutex;
    int directory; /* descriptors */
    int lock;
    int head_file;
    struct audit_head head;
    bool is_head_due; /* head.json does not have the newest record yet */
    struct log_file file;
    uint64_t files;        /* begun by this process */
    struct audit_key *key; /* NULL: unsigned */
    struct pending_recovery recovery;
    uint64_t unsigned_records; /* since the last checkpoint */
    uint64_t checkpoint_ns;    /* when that was written, or the log opened */
    uint64_t unsynced_ns;      /* since when a record waits for the disk; 0: none */
    struct audit_log_statistics statistics;

    pthread_mutex_t sync_mutex;
    uint64_t synced; /* sequence up to which all is on the disk */

    pthread_t keeper;
    pthread_cond_t keeper_wakes;
    bool has_keeper, is_ending;
    bool must_sync;        /* the keeper, at once */
    bool was_synced_early; /* the newest file, before it is full */
};

/* log_opening.c: everything but the keys. The log is zeroed but for options and descriptors of -1. */
bool log_opening_run(struct audit_log *log, struct error *error) _warn_unused_result_;

/* log_writer.c, with the mutex held. Gives entries their places and writes them, as many of the first `limit`
 * as go together, in a new file when the newest one is full or old. Returns how many were tried, at least
 * one: those that stand have their position; those that do not come last, have sequence 0, and `error` says
 * why. */
size_t log_writer_append(struct audit_log *log, struct audit_entry *first, size_t limit,
                         struct error *error) _warn_unused_result_;
/* Writes the head over itself. A failure is counted: the next one tries again. */
void log_writer_save_head(struct audit_log *log);

/* log_sync.c: what the disk must have. */

/* With no mutex held: forces everything up to `sequence` to the disk. */
bool log_sync_run(struct audit_log *log, uint64_t sequence, struct error *error) _warn_unused_result_;
/* With the mutex held, before another file begins: all of the old one goes to the disk, so that a loss of
 * power leaves no hole, and from then on only the new one must. */
bool log_sync_full_file(struct audit_log *log, struct error *error) _warn_unused_result_;
/* With the mutex held, after records were written: lets the keeper sync a file that is nearly full. */
void log_sync_wish_early(struct audit_log *log);

/* log_records.c: records that the log writes by itself, with the mutex held. */

/* What must be told before anything else: a recovery, a gap. */
bool log_records_settle(struct audit_log *log, struct error *error) _warn_unused_result_;
/* Keeps in the head that one more record was lost. The caller saves it, in place, so that works on a full
 * disk: even a killed process leaves the count. */
void log_records_note_gap(struct audit_log *log, const struct error *why);
/* Nothing without a key. */
bool log_records_checkpoint(struct audit_log *log, struct error *error) _warn_unused_result_;
/* Introduces `next` by a record that `old` signs too. */
bool log_records_rotate_key(struct audit_log *log, const struct audit_key *old, const struct audit_key *next,
                            struct error *error) _warn_unused_result_;

/* log_keeper.c */
bool log_keeper_start(struct audit_log *log, struct error *error) _warn_unused_result_;
void log_keeper_stop(struct audit_log *log);
