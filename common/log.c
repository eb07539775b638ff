#include "common/log.h"

#include "common/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Kept free at the end of every line. */
#define LINE_END ",\"cut\":true}\n"
#define LINE_ROOM (LOG_LINE_BYTES - (sizeof LINE_END - 1))

static atomic_int minimum_level = LOG_LEVEL_INFO;
static atomic_int log_descriptor = STDERR_FILENO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_parse(const char *name, struct error *error, enum log_level *level)
{
    /* OpenShell's finest level is below ours, and its variable is read by all in a pod. */
    if (strcmp(name, "trace") == 0)
        name = log_level_name(LOG_LEVEL_DEBUG);
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level) i;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "\"%s\": must be debug, info, warn or error", name);
}

void log_set_level(enum log_level level)
{
    atomic_store(&minimum_level, (int) level);
}

bool log_is_enabled(enum log_level level)
{
    return (int) level >= atomic_load_explicit(&minimum_level, memory_order_relaxed);
}

void log_set_descriptor(int descriptor)
{
    atomic_store(&log_descriptor, descriptor);
}

/* Appends all of `text` or nothing. */
static bool append(struct log_entry *entry, const char *text, size_t length)
{
    if (length > LINE_ROOM - entry->length)
        return false;
    memcpy(entry->line + entry->length, text, length);
    entry->length += length;
    return true;
}

/* Appends the character at `text`, escaped; returns how many bytes of it were consumed, 0 when it does not
 * fit.
 */
static size_t append_character(struct log_entry *entry, const char *text, size_t length)
{
    unsigned char first = (unsigned char) *text;
    size_t sequence = utf8_sequence_length(text, length);
    if (sequence == 0)
        return append(entry, "\xef\xbf\xbd", 3) ? 1 : 0;
    if (first == '"' || first == '\\') {
        char escaped[2] = {'\\', *text};
        return append(entry, escaped, sizeof escaped) ? 1 : 0;
    }
    if (first < 0x20 || first == 0x7f) {
        char escaped[7];
        snprintf(escaped, sizeof escaped, "\\u%04x", first);
        return append(entry, escaped, 6) ? 1 : 0;
    }
    return append(entry, text, sequence) ? sequence : 0;
}

static bool append_quoted(struct log_entry *entry, const char *value)
{
    size_t length = strnlen(value, LOG_STRING_BYTES + 4);
    size_t position = 0;
    if (!append(entry, "\"", 1))
        return false;
    while (position < length && position < LOG_STRING_BYTES) {
        size_t consumed = append_character(entry, value + position, length - position);
        if (consumed == 0)
            return false;
        position += consumed;
    }
    return append(entry, position < length ? "...\"" : "\"", position < length ? 4 : 1);
}

static bool append_key(struct log_entry *entry, const char *key)
{
    return append(entry, ",\"", 2) && append(entry, key, strlen(key)) && append(entry, "\":", 2);
}

/* Adds `,"key":value` whole or not at all. */
static void add_raw(struct log_entry *entry, const char *key, const char *value)
{
    if (!entry->is_enabled)
        return;
    size_t start = entry->length;
    if (append_key(entry, key) && append(entry, value, strlen(value)))
        return;
    entry->length = start;
    entry->is_cut = true;
}

/* The calendar changes once a second, lines come more often. */
static void append_time(struct log_entry *entry)
{
    static _Thread_local struct {
        time_t second;
        size_t length;
        char text[40];
    } start;
    struct timespec now;
    char fraction[16];
    clock_gettime(CLOCK_REALTIME, &now);
    if (start.length == 0 || start.second != now.tv_sec) {
        struct tm calendar;
        gmtime_r(&now.tv_sec, &calendar);
        start.second = now.tv_sec;
        start.length = strftime(start.text, sizeof start.text, "{\"time\":\"%FT%T", &calendar);
    }
    append(entry, start.text, start.length);
    int written = snprintf(fraction, sizeof fraction, ".%06ldZ\"", now.tv_nsec / 1000);
    append(entry, fraction, (size_t) written);
}

void log_begin(struct log_entry *entry, enum log_level level, const char *message)
{
    entry->length = 0;
    entry->is_cut = false;
    entry->is_enabled = log_is_enabled(level);
    if (!entry->is_enabled)
        return;
    append_time(entry);
    log_string(entry, "level", level_names[level]);
    log_string(entry, "message", message);
}

void log_string(struct log_entry *entry, const char *key, const char *value)
{
    if (!value) {
        add_raw(entry, key, "null");
        return;
    }
    if (!entry->is_enabled)
        return;
    size_t start = entry->length;
    if (append_key(entry, key) && append_quoted(entry, value))
        return;
    entry->length = start;
    entry->is_cut = true;
}

void log_integer(struct log_entry *entry, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_raw(entry, key, text);
}

void log_boolean(struct log_entry *entry, const char *key, bool value)
{
    add_raw(entry, key, value ? "true" : "false");
}

void log_seconds(struct log_entry *entry, const char *key, uint64_t nanoseconds)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, nanoseconds / 1000000000, nanoseconds % 1000000000);
    add_raw(entry, key, text);
}

void log_error(struct log_entry *entry, const struct error *error)
{
    log_string(entry, "error", error_code_name(error->code));
    log_string(entry, "reason", error->message);
}

void log_end(struct log_entry *entry)
{
    if (!entry->is_enabled)
        return;
    /* The room for the longest ending was kept free. */
    const char *ending = entry->is_cut ? LINE_END : "}\n";
    size_t length = strlen(ending);
    memcpy(entry->line + entry->length, ending, length);
    ssize_t written;
    do {
        written = write(atomic_load_explicit(&log_descriptor, memory_order_relaxed), entry->line,
                        entry->length + length);
    } while (written < 0 && errno == EINTR);
}

void log_message(enum log_level level, const char *message)
{
    struct log_entry entry;
    log_begin(&entry, level, message);
    log_end(&entry);
}

void log_failure(enum log_level level, const char *message, const struct error *error)
{
    struct log_entry entry;
    log_begin(&entry, level, message);
    log_error(&entry, error);
    log_end(&entry);
}
