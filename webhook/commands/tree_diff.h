/* How one JSON tree differs from another, for people: field by field, in YAML, each change under the path of
 * the object that it is in.
 *
 *     @@ spec.containers[agent] @@
 *     - command:
 *     - - /bin/sh
 *     + command:
 *     + - /opt/openshell/bin/openshell-sandbox
 *     @@ spec.containers[agent].env @@
 *     + - name: OPENSHELL_SANDBOX
 *     +   value: demo
 *
 * Elements of a list are known by their `mountPath`, `name` or `ip`; a list whose elements have none is one
 * value. The same trees always give the same bytes.
 *
 * Not for: patches, which are exact (webhook/injection).
 */
#pragma once

#include "common/buffer.h"

#include <cjson/cJSON.h>

/* Appends nothing when the trees are equal. Fails as the buffer does, or with ERROR_NO_MEMORY. */
bool tree_diff_append(const cJSON *before, const cJSON *after, bool is_coloured, struct error *error,
                      struct buffer *buffer) _warn_unused_result_;
