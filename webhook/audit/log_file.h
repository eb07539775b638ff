/* One file of the log, written at its end. What a failed write left is taken back before anything else is
 * written: a file holds whole records, or one torn one after a crash. Room on the disk is reserved ahead, a
 * piece at a time, where the file system can do that; it is given back when the file is closed, or gone on
 * with after a crash. Not for: reading (log_reader.h).
 */
#pragma once

#include "common/error.h"
#include "webhook/audit/record_draft.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* "audit-<20 digits>.jsonl" and the NUL. */
#define AUDIT_FILE_NAME_BYTES 33

/* The name of the file that begins with this record; text order is chain order. */
void audit_file_name(uint64_t first_sequence, char name[static AUDIT_FILE_NAME_BYTES]);

/* The sequence in such a name (no directory in front); false for any other name. */
bool audit_file_name_parse(const char *name, uint64_t *first_sequence);

struct log_file {
    int descriptor;    /* -1: none */
    uint64_t size;     /* where the next record goes */
    uint64_t limit;    /* it is going to have so many bytes, at most, as a rule */
    uint64_t reserved; /* up to where room was asked for */
    uint64_t synced;   /* up to where it is known to be on the disk */
    bool has_excess;   /* bytes may stand behind `size` */
};

/* A piece of room that is reserved at once. */
#define LOG_FILE_PIECE_BYTES (4u << 20)

#define LOG_FILE_NONE ((struct log_file){.descriptor = -1})

/* Makes a new file in the directory, mode 0600, and makes its name last. ERROR_IO, ERROR_ALREADY_EXISTS. */
bool log_file_create(int directory, uint64_t first_sequence, uint64_t limit, struct error *error,
                     struct log_file *file) _warn_unused_result_;

/* Opens a file to go on at `size`; what stands behind it is overwritten. */
bool log_file_open(int directory, const char *name, uint64_t size, uint64_t limit, struct error *error,
                   struct log_file *file) _warn_unused_result_;

/* Most records of one write. */
#define LOG_FILE_RECORDS 64

/* Writes `count` records at the end, each of RECORD_PARTS parts, with one system call. Returns how many of
 * them stand; what was written of the one after them is taken back, now or before the next write. When they
 * are not all, `error` says why. */
size_t log_file_append(struct log_file *file, const struct iovec *parts, size_t count,
                       struct error *error) _warn_unused_result_;

/* Accepts a file without descriptor. */
void log_file_close(struct log_file *file);
