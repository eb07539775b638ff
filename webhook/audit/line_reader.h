/* The lines of one file, one after the other, whatever the file's size: memory is that of the longest line.
 * Logs are read so, our own and the API server's.
 *
 * Not for: streams that arrive piece by piece (kubernetes/line_splitter.h).
 */
#pragma once

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

struct line_reader {
    int descriptor;
    const char *name; /* for messages; the caller's */
    size_t maximum;   /* longest line, without its newline */
    char *data;       /* owned */
    size_t reserved;
    size_t begin, end; /* what was read and not yet handed out */
    size_t line;       /* of the line handed out last, from 1 */
    uint64_t offset;   /* of `begin` in the file */
    bool is_at_end;
};

/* One line. `text` is not terminated and is valid until the next call. */
struct line {
    const char *text;
    size_t length;
    size_t number;     /* from 1 */
    uint64_t offset;   /* of its first byte in the file */
    bool is_cut_short; /* the file ended before the newline */
};

/* Opens `path`, which outlives the reader. ERROR_NOT_FOUND, ERROR_PERMISSION_DENIED or ERROR_IO naming it.
 * The caller owes line_reader_close. */
bool line_reader_open(const char *path, size_t maximum_bytes, struct error *error,
                      struct line_reader *reader) _warn_unused_result_;

/* Hands out the next line; at the end of the file `*has_line` is false. ERROR_TOO_LARGE for a line of more
 * than the maximum, ERROR_IO, ERROR_NO_MEMORY; each names file and line, and the reader is of no more use. */
bool line_reader_next(struct line_reader *reader, struct error *error, struct line *line,
                      bool *has_line) _warn_unused_result_;

/* Accepts a zeroed struct. */
void line_reader_close(struct line_reader *reader);
