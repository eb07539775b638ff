/* Structured logs: one JSON object per line on standard error, one write per line, safe between threads.
 *
 *     struct log_entry entry;
 *     log_begin(&entry, LOG_LEVEL_INFO, "configuration reloaded");
 *     log_string(&entry, "digest", configuration->digest);
 *     log_end(&entry);
 *
 * Allocates nothing, so it also works when memory is short. Only main functions, commands, routes and the
 * gRPC adapter log; library code returns errors. Never pass a secret: no token, key, environment value or pod
 * content. Not for: audit records, which must not get lost.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Longest line with its newline: what a pipe takes in one piece (PIPE_BUF), so that lines of several
 * processes never mix. Fields that no longer fit are left out and `"cut":true` says so. */
#define LOG_LINE_BYTES 4096

/* Longest string value before escaping; the rest is cut and replaced by "...". */
#define LOG_STRING_BYTES 1024

/* One line in the making; on the stack. Its members belong to log.c. */
struct log_entry {
    char line[LOG_LINE_BYTES];
    size_t length;
    bool is_enabled;
    bool is_cut;
};

/* "debug", "info", "warn", "error". Never NULL. */
const char *log_level_name(enum log_level level);

/* Reads such a name, or OpenShell's "trace" as debug; ERROR_INVALID that lists the names otherwise. */
bool log_level_parse(const char *name, struct error *error, enum log_level *level) _warn_unused_result_;

/* Lines below this level are dropped. Default: info. */
void log_set_level(enum log_level level);
bool log_is_enabled(enum log_level level);

/* Where lines go; default: standard error. For tests. The descriptor stays the caller's. */
void log_set_descriptor(int descriptor);

/* Starts a line with time (RFC 3339, UTC, microseconds), level and message. `message` is a constant phrase;
 * what varies goes into fields. */
void log_begin(struct log_entry *entry, enum log_level level, const char *message);

/* Add a field. `key` is a plain identifier. A NULL string is written as null. Bytes that are not UTF-8 become
 * U+FFFD. */
void log_string(struct log_entry *entry, const char *key, const char *value);
void log_integer(struct log_entry *entry, const char *key, int64_t value);
void log_boolean(struct log_entry *entry, const char *key, bool value);
/* In seconds, with nanoseconds kept: `"duration_seconds":0.000123456`. */
void log_seconds(struct log_entry *entry, const char *key, uint64_t nanoseconds);
/* Two fields: "error" (the code's name) and "reason" (the message). */
void log_error(struct log_entry *entry, const struct error *error);

/* Writes the line. A failed write is ignored: there is nowhere to tell. */
void log_end(struct log_entry *entry);

/* A line without fields, and one with an error's two. */
void log_message(enum log_level level, const char *message);
void log_failure(enum log_level level, const char *message, const struct error *error);
