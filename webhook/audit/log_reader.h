/* The records of an audit log: a directory of .jsonl files whose names are in the order of the chain, one
 * JSON object a line (docs/auditing.md). Constant memory, whatever the size of the log.
 *
 * Not for: judging what is read. Whether the chain holds is for `audit verify`; hash and sequence numbers are
 * not looked at here.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* Longest record, without its newline. */
#define AUDIT_RECORD_BYTES (4u * 1024 * 1024)
#define AUDIT_RECORD_DEPTH 160
/* Most files of one log. */
#define AUDIT_LOG_FILES 100000u

struct audit_log_reader;

/* One line of the log, as it stands. Strings are valid until the next call. */
struct audit_log_line {
    const char *file; /* path, the directory in front */
    size_t number;    /* in the file, from 1 */
    uint64_t offset;  /* of its first byte in the file */
    const char *text; /* without the newline; not terminated */
    size_t length;
    bool is_torn; /* its file ends before the newline: a record whose writing did not end */
};

/* Lists the .jsonl files of `directory`; one that has none is an empty log. `directory` outlives the reader.
 * ERROR_NOT_FOUND, ERROR_PERMISSION_DENIED, ERROR_IO naming it, ERROR_TOO_LARGE, ERROR_NO_MEMORY. The caller
 * owns `*reader`. */
bool audit_log_reader_open(const char *directory, struct error *error,
                           struct audit_log_reader **reader) _warn_unused_result_;

/* Before the first line: begins with the file that holds record `sequence`, going by the names of the files.
 */
void audit_log_reader_skip_to(struct audit_log_reader *reader, uint64_t sequence);

/* The next line; `*has_line` is false at the end of the last file. Fails as line_reader_next does: a line of
 * more than AUDIT_RECORD_BYTES is ERROR_TOO_LARGE that names file and line. A directory, a pipe or a link to
 * nothing in a file's place is ERROR_INVALID naming it. After either the reader is of no more use, and
 * `line` has the file and the number of what could not be read (0: the file itself). */
bool audit_log_reader_next(struct audit_log_reader *reader, struct error *error, struct audit_log_line *line,
                           bool *has_line) _warn_unused_result_;

/* Accepts NULL. */
void audit_log_reader_free(struct audit_log_reader *reader);
DEFINE_POINTER_CLEANUP(struct audit_log_reader *, audit_log_reader_free)

/* The line as JSON, which must be one object: ERROR_INVALID naming file and line else. The caller owns
 * `*record`. */
bool audit_log_line_parse(const struct audit_log_line *line, struct error *error,
                          cJSON **record) _warn_unused_result_;

/* The paths of a directory's .jsonl files in their order, for who reads them otherwise; the caller releases
 * them by audit_log_files_done. Errors as for audit_log_reader_open. */
struct audit_log_files {
    char **paths;
    size_t count;
};
bool audit_log_files_list(const char *directory, struct error *error,
                          struct audit_log_files *files) _warn_unused_result_;
void audit_log_files_done(struct audit_log_files *files);
