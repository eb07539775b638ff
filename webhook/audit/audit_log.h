/* The audit log of one writer: a chain of records in a directory, written so that a record stands before its
 * answer leaves (docs/auditing.md). Safe between threads; a directory has one writer at a time.
 *
 * Not for: what the records say (recorder.h), reading them (log_reader.h), judging them (verification.h).
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"
#include "webhook/audit/head.h"
#include "webhook/audit/record_draft.h"

#include <stdint.h>

/* When written records are forced to the disk; killing the process loses nothing in any case. */
enum audit_sync {
    AUDIT_SYNC_INTERVAL, /* every AUDIT_SYNC_INTERVAL_MS */
    AUDIT_SYNC_ALWAYS,   /* before the answer leaves; requests at the same time share one */
    AUDIT_SYNC_NEVER,    /* left to the system */
};

#define AUDIT_SYNC_INTERVAL_MS 1000

struct audit_log_options {
    const char *directory; /* made if it is missing; its parent is not */
    uint64_t file_bytes;   /* a file is ended before it grows past this */
    uint32_t file_age_ms;  /* and by the first record after this */
    enum audit_sync sync;
    const char *signing_key;          /* PEM, Ed25519; NULL: no checkpoints */
    const char *previous_signing_key; /* the key before, when it was changed while nobody wrote; or NULL */
    uint32_t checkpoint_records;      /* a checkpoint after so many records */
    uint32_t checkpoint_interval_ms;  /* and after this time, when there are new ones */
    bool is_required;                 /* what cannot be recorded is refused, so it leaves no gap */
    uint32_t lock_wait_ms;            /* how long to wait for another writer */
};

struct audit_log_statistics {
    uint64_t records, bytes; /* written by this process, of every type */
    uint64_t dropped;        /* decisions that could not be written, and were not refused */
    uint64_t refused;        /* decisions refused because they could not be written */
    uint64_t checkpoint_failures;
    uint64_t head_failures; /* the head could not be written, and tells of an earlier record */
    uint64_t sync_failures;
    uint64_t unsynced_ms;                  /* how long the oldest record waits for the disk; 0: none does */
    char loss_reason[ERROR_MESSAGE_BYTES]; /* why the last one was dropped or refused; "" for none */
};

struct audit_log;

/* A record on its way into the log, and what became of it. */
struct audit_entry {
    struct record_draft draft;      /* sealed */
    struct audit_entry *next;       /* what is appended with it, behind it; NULL: nothing */
    struct error *error;            /* why it was not written; the caller's, set unless `is_written` */
    bool is_written;                /* with AUDIT_SYNC_ALWAYS: on the disk */
    struct audit_position position; /* where it stands; sequence 0: nowhere */
};

/* Opens the log, waits for another writer to end, and looks where the chain goes on. A torn last record, or
 * records that a loss of power took, are told of by the next record. Strings of `options` outlive the log.
 * Fails with ERROR_FAILED_PRECONDITION when the directory is not as a writer left it, so that evidence is not
 * written over; ERROR_TIMEOUT when another writer stays; ERROR_IO; ERROR_INVALID for a key; ERROR_NO_MEMORY.
 * The caller owns `*log`. */
bool audit_log_open(const struct audit_log_options *options, struct error *error,
                    struct audit_log **log) _warn_unused_result_;

/* Starts the thread that syncs and signs by time. Once, and before other threads write. */
bool audit_log_start(struct audit_log *log, struct error *error) _warn_unused_result_;

/* Writes a last checkpoint, syncs and closes. False when some of that failed: the log is closed all the same.
 */
bool audit_log_close(struct audit_log *log, struct error *error) _warn_unused_result_;

/* What record_draft_begin needs. Lives as long as the log. */
const struct audit_identity *audit_log_identity(const struct audit_log *log);

/* Appends the entries in their order, many of them in one write, and then brings head.json up to the log,
 * once. Each is written or not by itself: one that is not leaves no trace but for being counted as refused or
 * dropped. When only the sync fails, the record stands all the same and has its position; it is counted when
 * it is refused for that. */
void audit_log_append(struct audit_log *log, struct audit_entry *first);

/* Counts a decision of which no draft could be made, as audit_log_append does. */
void audit_log_drop(struct audit_log *log, const struct error *why);

/* Reads the signing key again. A new one is introduced by a record that both sign. On failure the old one
 * stays in use. */
bool audit_log_reload_key(struct audit_log *log, struct error *error) _warn_unused_result_;

void audit_log_read_statistics(struct audit_log *log, struct audit_log_statistics *statistics);
