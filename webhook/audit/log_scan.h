/* Goes through the records of a log, one call of a visitor each. Lines that are no records are told to the
 * caller and passed over: a log with one bad line can still be read.
 *
 * Not for: finding out whether the log can be trusted (`audit verify`).
 */
#pragma once

#include "webhook/audit/decision_record.h"
#include "webhook/audit/log_reader.h"

/* One record. The trees live in an arena (common/json_arena.h) that ends with the visit: copy what is to
 * stay. */
struct audit_visit {
    const struct audit_log_line *line;
    cJSON *tree;
    struct audit_record record;
    struct audit_decision decision; /* zeroed unless the record is a decision */
    bool is_decision;
};

struct audit_visitor {
    /* False ends the scan with the error. */
    bool (*visit)(void *context, struct audit_visit *visit, struct error *error);
    /* A line that is no record, and why; `is_torn` as in struct audit_log_line. NULL: not told. */
    void (*pass_over)(void *context, const struct error *why, bool is_torn);
    void *context;
};

/* Visits all records of `directory` in their order. Fails as audit_log_reader_* do, or as the visitor;
 * ERROR_NOT_FOUND for a directory that holds no log, not even an empty one. */
bool audit_log_scan(const char *directory, const struct audit_visitor *visitor,
                    struct error *error) _warn_unused_result_;
