/* Several JSON values in one text, one behind the other: `jq -c` and `kubectl get -o json` for several
 * objects write so. Lines of `---` between the values are accepted, as in a YAML stream.
 *
 * Not for: one value alone, which json_parse reads as well.
 */
#pragma once

#include "common/json.h"

#include <stddef.h>

/* Finds the next object in `text` at or behind `*at`, which is moved behind it: its braces match, its content
 * is not looked at. False when there is none: `*at` stands at the end then, or at whatever else came. */
bool json_stream_next(const char *text, size_t length, size_t *at, size_t *start);
