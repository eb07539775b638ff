/* AdmissionReviews that somebody kept, found again by the uid of their request: files with one or many JSON
 * values, or folders of such files. Only where each review lies is kept in memory.
 */
#pragma once

#include "webhook/audit/key_index.h"
#include "webhook/commands/audit_line.h"

#include <stdint.h>

/* Most files, and most bytes of all uids together. */
#define REVIEW_FILES 100000u
#define REVIEW_UIDS_BYTES (256u * 1024 * 1024)

struct review_place {
    uint32_t file;
    uint32_t length;
    uint64_t offset;
};

struct review_files {
    char **paths; /* owned, as is each */
    size_t path_count;
    struct key_index uids;
    struct review_place *places; /* of the review with each uid; owned */
    size_t reserved;
    int descriptor; /* of the file read last; -1: none */
    size_t open_file;
};

/* Reads through the files, and through the .json and .jsonl files of folders. Of a
 * uid that comes twice, as when the API server asks again, the first review counts. ERROR_INVALID for a value
 * that is no AdmissionReview; errors name the file. The caller owes review_files_done, also after a failure.
 */
bool review_files_open(const struct audit_values *paths, struct error *error,
                       struct review_files *files) _warn_unused_result_;

/* Writes the text of the review whose request has this uid to `buffer`, which is cleared first and stays
 * empty when there is none. */
bool review_files_find(struct review_files *files, const char *uid, struct error *error,
                       struct buffer *buffer) _warn_unused_result_;

/* Accepts a zeroed struct. */
void review_files_done(struct review_files *files);
