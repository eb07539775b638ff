/* JSON in one canonical form, to be compared and hashed: compact, members sorted by key, and no escapes but
 * the necessary ones, as RFC 8785 has it. One difference, on purpose: a number kept as text stays that text.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>

/* Appends `value`. A null member is written like any other. Fails as the buffer does, or with
 * ERROR_NO_MEMORY. */
bool json_append_canonical(const cJSON *value, struct error *error,
                           struct buffer *buffer) _warn_unused_result_;
