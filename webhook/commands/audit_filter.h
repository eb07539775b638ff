/* Which decisions a person wants to see: time, namespace, pod, sandbox, decision, user. */
#pragma once

#include "webhook/audit/decision_record.h"
#include "webhook/commands/audit_line.h"

#include <time.h>

/* "2026-11-23T18:57:50.000000Z" and the terminating NUL. */
#define AUDIT_TIME_BYTES 28

struct audit_filter {
    const struct audit_line *line;
    char since[AUDIT_TIME_BYTES]; /* "": from the beginning */
    char until[AUDIT_TIME_BYTES]; /* "": to the end; itself not included */
};

/* The options' names, for audit_line_parse. */
#define AUDIT_FILTER_OPTIONS "since until namespace pod sandbox decision user "

/* Checks the options of `line`, which outlives the filter. Times are RFC 3339 in UTC, cut anywhere
 * ("2026-11-23", "2026-11-23T18:57"), or a time before `now` ("30m", "12h", "7d"). ERROR_INVALID names the
 * option. */
bool audit_filter_init(const struct audit_line *line, time_t now, struct error *error,
                       struct audit_filter *filter) _warn_unused_result_;

/* Whether a record is wanted. `decision` is NULL for records that are no decisions: they are wanted by time
 * alone, and not at all where a decision's properties are asked for. */
bool audit_filter_accepts(const struct audit_filter *filter, const struct audit_record *record,
                          const struct audit_decision *decision);
