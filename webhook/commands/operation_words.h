/* What an operation of a patch does, in a few words: `OPENSHELL_SANDBOX=demo`, `/bin/sh -c true -> ...`.
 * For explain; exact values are in the patch. Values of OPENSHELL_USER_ENVIRONMENT are not shown (masking.h).
 */
#pragma once

#include "common/buffer.h"
#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* Longest text of one value; longer ones are cut and end in "...". */
#define OPERATION_WORDS_BYTES 160u

/* Does the operation on `pod`, a masked copy of the pod as it was before it, and appends the words. Fails as
 * patch_replay does. */
bool operation_words_append(cJSON *pod, const struct injection_operation *operation, struct error *error,
                            struct buffer *buffer) _warn_unused_result_;
