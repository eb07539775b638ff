/* A record as it stands in the log, a line without its newline: what vouches for it.
 *
 *     {"version":1,..., "patchSha256":"...", ..., "previous":"...","patch":"..."}
 *     '------------------------ hashed -------------------------'           '-'
 *
 * The patch, most of many records, is the last member. The record's hash leaves it out, since patchSha256 in
 * front of it vouches for it already (docs/auditing.md). Not for: making lines (record_draft.h).
 */
#pragma once

#include "common/digest.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The record's hash, whatever the line holds. Fails only with ERROR_NO_MEMORY. */
bool record_line_hash(const char *line, size_t length, struct error *error,
                      char hash[static DIGEST_SHA256_HEX_BYTES]) _warn_unused_result_;

/* The sequence of a line as record_draft_finish ends it, found without parsing; 0 for any other line. */
uint64_t record_line_sequence(const char *line, size_t length);

/* Whether the record's patch is the one that its patchSha256 is of. A record may have neither, and one that
 * says that it omits the patch has patchSha256 alone. ERROR_INVALID naming the field; ERROR_NO_MEMORY. */
bool record_check_patch(const cJSON *record, struct error *error) _warn_unused_result_;
