#include "webhook/commands/option_value.h"

#include <stddef.h>
#include <string.h>

bool option_is_among(const char *accepted, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = accepted; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, name, word) == 0)
            return true;
        at += word;
    }
    return false;
}

/* A suffix and how much it stands for. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Digits at the start of `text`; false without any, or past `maximum`. */
static bool parse_digits(const char *text, uint64_t maximum, uint64_t *number, const char **rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t) (*at - '0');
        if (value > maximum)
            return false;
    }
    *number = value;
    *rest = at;
    return at != text;
}

/* A number with one of the suffixes, which end with a NULL one. */
static bool parse_unit(const char *text, const struct unit *units, uint64_t minimum, uint64_t maximum,
                       uint64_t *result)
{
    uint64_t value = 0;
    const char *rest = "";
    if (!parse_digits(text, UINT32_MAX, &value, &rest))
        return false;
    while (units->suffix && strcmp(rest, units->suffix) != 0)
        units++;
    if (!units->suffix || value * units->factor < minimum || value * units->factor > maximum)
        return false;
    *result = value * units->factor;
    return true;
}

bool option_value_number(const char *name, const char *text, uint32_t minimum, uint32_t maximum,
                         struct error *error, uint32_t *number)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    uint64_t value;
    if (!parse_unit(text, units, minimum, maximum, &value))
        return error_set(error, ERROR_INVALID, "--%s: \"%.60s\" must be a number from %u to %u", name, text,
                         minimum, maximum);
    *number = (uint32_t) value;
    return true;
}

bool option_value_duration(const char *name, const char *text, uint32_t minimum_ms, uint32_t maximum_ms,
                           struct error *error, uint32_t *milliseconds)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", OPTION_MINUTE_MS}, {"h", OPTION_HOUR_MS}, {NULL, 0}};
    uint64_t value;
    if (!parse_unit(text, units, minimum_ms, maximum_ms, &value))
        return error_set(error, ERROR_INVALID,
                         "--%s: \"%.60s\" must be a duration from %ums to %us, such as 500ms, 30s, 2m", name,
                         text, minimum_ms, maximum_ms / 1000);
    *milliseconds = (uint32_t) value;
    return true;
}

bool option_value_size(const char *name, const char *text, uint64_t minimum_bytes, uint64_t maximum_bytes,
                       struct error *error, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"Ki", 1024}, {"Mi", 1024 * 1024}, {"Gi", 1024 * 1024 * 1024}, {NULL, 0}};
    if (!parse_unit(text, units, minimum_bytes, maximum_bytes, bytes))
        return error_set(error, ERROR_INVALID,
                         "--%s: \"%.60s\" must be a size from %llu to %llu bytes, such as 65536, 64Ki, 64Mi",
                         name, text, (unsigned long long) minimum_bytes, (unsigned long long) maximum_bytes);
    return true;
}

bool option_value_switch(const char *name, const char *text, struct error *error, bool *is_on)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return error_set(error, ERROR_INVALID, "--%s: \"%.60s\" must be true or false", name, text);
    *is_on = strcmp(text, "true") == 0;
    return true;
}
