/* Follows a chain record by record and names the first one that is not as it was written. Memory is that of
 * one record; nothing is read here, so every kind of damage can be tried in memory.
 *
 * A hash that does not fit concerns two records, the changed one or the one whose `previous` was: the record
 * after them tells which. So a verdict can come one record late, and chain_check_end must be called.
 *
 * Not for: files and their names (log_verification.h).
 */
#pragma once

#include "common/error.h"
#include "webhook/audit/head.h"
#include "webhook/audit/log_reader.h"

#include <stdint.h>

/* Longest file name in a place; of a longer one its end is kept. */
#define CHAIN_FILE_BYTES 64

/* Where a record stands. */
struct chain_place {
    uint64_t sequence;
    char file[CHAIN_FILE_BYTES]; /* without directory */
    size_t line;
    char hash[DIGEST_SHA256_HEX_BYTES];
};

struct chain_problem {
    bool is_found;
    struct chain_place place;
    char message[ERROR_MESSAGE_BYTES];
};

/* Public keys that may begin the signatures of a chain. */
struct chain_keys {
    const struct audit_key *const *items;
    size_t count; /* 0: any key may */
};

/* What was seen on the way. */
struct chain_totals {
    uint64_t records, decisions, checkpoints, rotations, gaps, dropped, recoveries, missing;
    uint64_t first;        /* sequence of the first record */
    uint64_t signed_until; /* sequence of the last checkpoint */
    char first_time[MICROTIME_BYTES], last_time[MICROTIME_BYTES];
};

struct chain_check {
    const struct chain_keys *trusted; /* the caller's */
    bool may_begin_late;              /* earlier files were put away */
    struct chain_place last;          /* the record before */
    struct chain_problem suspect;     /* `previous` of the record after `last` did not fit */
    struct chain_problem problem;     /* the first one */
    struct chain_problem loss;        /* records that a recovery says are lost: the chain goes on behind */
    char chain[AUDIT_CHAIN_BYTES];    /* "" before the first record */
    char key_id[DIGEST_SHA256_HEX_BYTES];
    struct chain_totals totals;
};

/* `trusted` outlives the check. */
void chain_check_begin(struct chain_check *check, const struct chain_keys *trusted, bool may_begin_late);

/* The next line. After a problem nothing more is looked at. Fails only with ERROR_NO_MEMORY; what is wrong
 * with the line is in `check->problem`. `*record` is the parsed line, for the caller to look at and to own,
 * or NULL. */
bool chain_check_line(struct chain_check *check, const struct audit_log_line *line, struct error *error,
                      cJSON **record) _warn_unused_result_;

/* There are no more lines. `head`: the state beside the log, NULL when it is not to be looked at. */
void chain_check_end(struct chain_check *check, const struct audit_head *head);

/* Reports a problem of the caller's finding at the record read last, unless there is one already. */
void chain_check_blame(struct chain_check *check, const char *format, ...) _printf_(2, 3);

/* The same at the record that should come next and stands at `line`, which was not given to
 * chain_check_line. */
void chain_check_blame_next(struct chain_check *check, const struct audit_log_line *line, const char *format,
                            ...) _printf_(3, 4);
