/* How one patch differs from another, for people: the operations that are in one alone, one a line, between
 * those that both begin and end with. Values of the user's variables are compared, not shown (masking.h).
 *
 * Not for: pods (tree_diff.h).
 */
#pragma once

#include "common/buffer.h"

#include <cjson/cJSON.h>

/* `before` and `after` are arrays of operations; NULL counts as empty. Appends nothing when they are equal.
 * Fails as the buffer does, or with ERROR_NO_MEMORY. */
bool patch_diff_append(const cJSON *before, const cJSON *after, bool is_coloured, struct error *error,
                       struct buffer *buffer) _warn_unused_result_;

/* Reads a patch as records have it: base64 of an array; "" is the empty one. ERROR_INVALID. The caller owns
 * `*patch`. */
bool patch_diff_read(const char *base64, size_t length, struct error *error,
                     cJSON **patch) _warn_unused_result_;
