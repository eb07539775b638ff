/* Options by their names, and their values: numbers, durations, sizes, switches, each within bounds, with
 * messages that name the option. `name` is without dashes. All fail with ERROR_INVALID.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

/* Whether `name` is one of the words of `accepted`, which are separated by blanks: the options that a
 * subcommand takes. */
bool option_is_among(const char *accepted, const char *name);

#define OPTION_MINUTE_MS 60000u
#define OPTION_HOUR_MS (60 * OPTION_MINUTE_MS)

bool option_value_number(const char *name, const char *text, uint32_t minimum, uint32_t maximum,
                         struct error *error, uint32_t *number) _warn_unused_result_;

/* "500ms", "30s", "2m", "1h", in milliseconds. */
bool option_value_duration(const char *name, const char *text, uint32_t minimum_ms, uint32_t maximum_ms,
                           struct error *error, uint32_t *milliseconds) _warn_unused_result_;

/* "65536", "64Ki", "64Mi", "1Gi", in bytes. */
bool option_value_size(const char *name, const char *text, uint64_t minimum_bytes, uint64_t maximum_bytes,
                       struct error *error, uint64_t *bytes) _warn_unused_result_;

/* "true" or "false". */
bool option_value_switch(const char *name, const char *text, struct error *error,
                         bool *is_on) _warn_unused_result_;
