/* Where a log ends: its last whole record, and what a crash left behind that. Looks at the end of the newest
 * file alone, whatever the size of the log.
 *
 * Not for: judging the rest of the chain (verification.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "webhook/audit/head.h"
#include "webhook/audit/log_file.h"

struct log_end {
    struct audit_position last;    /* of the last whole record; zero and AUDIT_NO_HASH without any */
    char chain[AUDIT_CHAIN_BYTES]; /* of that record; "" without any */
    bool has_files;
    char file_name[AUDIT_FILE_NAME_BYTES]; /* the newest file; "" without files */
    uint64_t file_size;                    /* of its whole records */
    struct buffer torn;                    /* what follows them */
};

/* Reads the end of the log in `path`. Fails when there is no telling it: ERROR_INVALID for a file or a last
 * record that no writer made, ERROR_IO, ERROR_NO_MEMORY. Needs log_end_done on success. */
bool log_end_find(const char *path, struct error *error, struct log_end *end) _warn_unused_result_;
void log_end_done(struct log_end *end);
