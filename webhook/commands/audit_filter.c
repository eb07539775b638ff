#include "webhook/commands/audit_filter.h"

#include "webhook/commands/certs_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A time with all that may be left out; digits stand for any digit. */
static const char earliest[AUDIT_TIME_BYTES] = "0000-01-01T00:00:00.000000Z";

static bool has_form_of_time(const char *text)
{
    size_t length = strlen(text);
    if (length > strlen(earliest) || length < strlen("0000"))
        return false;
    for (size_t i = 0; i < length; i++) {
        bool is_digit = isdigit((unsigned char) earliest[i]);
        if (is_digit ? !isdigit((unsigned char) text[i]) : text[i] != earliest[i])
            return false;
    }
    return true;
}

/* A whole time, in whatever precision, ends in Z; a date or a time cut short does not. */
static bool complete_time(const char *text, char time_text[AUDIT_TIME_BYTES])
{
    char given[AUDIT_TIME_BYTES];
    size_t length = strlen(text);
    if (length == 0 || length >= sizeof given)
        return false;
    memcpy(given, text, length + 1);
    bool has_clock = strchr(given, ':');
    if (has_clock && given[length - 1] == 'Z')
        given[--length] = '\0';
    if (!has_form_of_time(given))
        return false;
    memcpy(time_text, earliest, AUDIT_TIME_BYTES);
    memcpy(time_text, given, length);
    return true;
}

static bool read_time(const char *option, const char *text, time_t now, struct error *error,
                      char time_text[AUDIT_TIME_BYTES])
{
    time_t seconds;
    struct tm moment;
    struct error ignored;
    *time_text = '\0';
    if (!text || complete_time(text, time_text))
        return true;
    if (!certs_options_parse_life(text, 0, &ignored, &seconds))
        return error_set(error, ERROR_INVALID,
                         "--%s: \"%.60s\" is no time such as 2026-11-23T18:57:50Z, 2026-11-23 or 12h", option,
                         text);
    now -= seconds;
    if (!gmtime_r(&now, &moment) ||
        strftime(time_text, AUDIT_TIME_BYTES, "%Y-%m-%dT%H:%M:%S.000000Z", &moment) == 0)
        return error_set(error, ERROR_INVALID, "--%s: \"%.60s\" is out of range", option, text);
    return true;
}

static bool check_decision(const char *decision, struct error *error)
{
    static const char *const words[] = {"injected", "unchanged", "skipped", "denied", "error"};
    if (!decision)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], decision) == 0)
            return true;
    return error_set(error, ERROR_INVALID,
                     "--decision: \"%.60s\" is none of injected, unchanged, skipped, denied, error",
                     decision);
}

bool audit_filter_init(const struct audit_line *line, time_t now, struct error *error,
                       struct audit_filter *filter)
{
    struct audit_filter read = {.line = line};
    if (!read_time("since", line->since, now, error, read.since) ||
        !read_time("until", line->until, now, error, read.until) || !check_decision(line->decision, error))
        return false;
    *filter = read;
    return true;
}

static bool is_asked(const char *wanted, const char *value)
{
    return !wanted || strcmp(wanted, value) == 0;
}

static bool asks_for_decisions(const struct audit_line *line)
{
    return line->namespace_name || line->pod || line->sandbox || line->decision || line->user;
}

bool audit_filter_accepts(const struct audit_filter *filter, const struct audit_record *record,
                          const struct audit_decision *decision)
{
    const struct audit_line *line = filter->line;
    if (*filter->since && strcmp(record->time, filter->since) < 0)
        return false;
    if (*filter->until && strcmp(record->time, filter->until) >= 0)
        return false;
    if (!decision)
        return !asks_for_decisions(line);
    return is_asked(line->namespace_name, decision->namespace_name) &&
           is_asked(line->pod, audit_decision_pod_name(decision)) &&
           (is_asked(line->sandbox, decision->sandbox_id) ||
            is_asked(line->sandbox, decision->sandbox_name)) &&
           is_asked(line->decision, decision->decision) && is_asked(line->user, decision->user);
}
