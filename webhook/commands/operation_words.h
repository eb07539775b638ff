/* What an operation of a patch does, in a few words: `OPENSHELL_SANDBOX=demo`, `/bin/sh -c true -> ...`.
 * For explain and verify; exact values are in the patch. Values of OPENSHELL_USER_ENVIRONMENT are not shown
 * (masking.h).
 */
#pragma once

#include "common/buffer.h"
#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* Longest text of one value; longer ones are cut and end in "...". */
#define OPERATION_WORDS_BYTES 160u

/* What was there and what comes in its place; NULL: nothing. Owned. */
struct operation_words {
    char *before;
    char *after;
};

/* Does the operation on `pod`, a masked copy of the pod as it was before it, and says both values. What moves
 * is in `before`. Fails as patch_replay does. The caller owns `*words` (operation_words_done). */
bool operation_words_read(cJSON *pod, const struct injection_operation *operation, struct error *error,
                          struct operation_words *words) _warn_unused_result_;
void operation_words_done(struct operation_words *words);

/* Does the operation on `pod`, a masked copy of the pod as it was before it, and appends the words. Fails as
 * patch_replay does. */
bool operation_words_append(cJSON *pod, const struct injection_operation *operation, struct error *error,
                            struct buffer *buffer) _warn_unused_result_;
