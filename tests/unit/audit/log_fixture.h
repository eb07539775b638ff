/* Audit logs for tests: a directory with a writer and plain records in it. Fails the test when something does
 * not work. */
#pragma once

#include "tests/support/temporary.h"
#include "webhook/audit/audit_log.h"
#include "webhook/audit/log_verification.h"

struct log_fixture {
    struct temporary parent;
    char directory[TEMPORARY_PATH_BYTES];
    struct audit_log_options options;
};

/* A directory that is not there yet, and options to open a log in it. */
void log_fixture_make(struct log_fixture *fixture);
void log_fixture_remove(struct log_fixture *fixture);

struct audit_log *log_fixture_open(const struct log_fixture *fixture);

/* Appends a record of type "note" whose `uid` is the number; returns whether that worked. */
bool log_fixture_append(struct audit_log *log, unsigned uid, struct error *error);

/* Most records that log_fixture_append_together takes. */
#define LOG_FIXTURE_TOGETHER 200

/* Appends records of type "note" together, their `uid` from `uid` on. What became of each is in `entries`,
 * whose drafts are done. */
void log_fixture_append_together(struct audit_log *log, unsigned uid, size_t count,
                                 struct audit_entry *entries);

/* Opens, appends records 1 to `count`, closes. */
void log_fixture_fill(const struct log_fixture *fixture, unsigned count);

/* What `audit verify` finds. */
struct log_verification log_fixture_verify(const struct log_fixture *fixture);

/* Writes a new signing key. */
void log_fixture_write_key(const char *path);
