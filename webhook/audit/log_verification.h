/* Verifies a whole audit log: every record against the chain, file names, signatures, configurations, the end
 * of the log against its head, and what an auditor knows from elsewhere. Reads only; a writer may go on
 * meanwhile.
 *
 * Not for: how the result is shown (commands/audit_verify.c).
 */
#pragma once

#include "webhook/audit/chain_check.h"

/* What somebody else keeps of a record: the `audit-record` annotation in the API server's audit log. */
struct audit_anchor {
    struct audit_position position;
    bool is_met;
};

/* Reads "<sequence>:<hash>". ERROR_INVALID. */
bool audit_anchor_parse(const char *text, struct error *error,
                        struct audit_anchor *anchor) _warn_unused_result_;

struct log_verification_options {
    const char *directory;
    struct chain_keys trusted;    /* with any, an unsigned log is not intact */
    struct audit_anchor *anchors; /* their `is_met` is set */
    size_t anchor_count;
    bool may_begin_late; /* the oldest files were put away */
};

struct log_verification {
    struct chain_check check; /* its problem and loss are the result */
    uint64_t torn_bytes;      /* of a last record whose writing did not end: the next writer closes it */
};

/* Fails when the log cannot be read: ERROR_NOT_FOUND (no directory, or no log in it), ERROR_IO,
 * ERROR_PERMISSION_DENIED, ERROR_NO_MEMORY. A log that is not intact is a result. */
bool log_verification_run(const struct log_verification_options *options, struct error *error,
                          struct log_verification *result) _warn_unused_result_;
