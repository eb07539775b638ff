#include "common/syntax.h"

#include <stddef.h>
#include <string.h>

static bool is_lower(char character)
{
    return character >= 'a' && character <= 'z';
}

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool is_alphanumeric(char character)
{
    return is_lower(character) || is_digit(character) || (character >= 'A' && character <= 'Z');
}

/* One label of `length` bytes. */
static bool is_dns_label(const char *text, size_t length)
{
    if (length == 0 || length > SYNTAX_LABEL_BYTES || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_lower(text[i]) && !is_digit(text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

bool syntax_is_dns_label(const char *text)
{
    return is_dns_label(text, strlen(text));
}

/* Kubernetes limits the whole of a subdomain, not its labels. */
static bool is_dns_subdomain(const char *text, size_t length)
{
    if (length == 0 || length > SYNTAX_SUBDOMAIN_BYTES)
        return false;
    bool is_inside = false; /* the character before may stand next to a dot */
    for (size_t i = 0; i < length; i++) {
        if (is_lower(text[i]) || is_digit(text[i]))
            is_inside = true;
        else if (text[i] == '.' && is_inside)
            is_inside = false;
        else if (text[i] != '-' || i == 0 || text[i - 1] == '.' || i + 1 == length || text[i + 1] == '.')
            return false;
    }
    return is_inside;
}

bool syntax_is_dns_subdomain(const char *text)
{
    return is_dns_subdomain(text, strlen(text));
}

/* Letters, digits, `-_.`, beginning and ending with a letter or digit. */
static bool is_name_part(const char *text, size_t length)
{
    if (length == 0 || length > SYNTAX_LABEL_BYTES || !is_alphanumeric(text[0]) ||
        !is_alphanumeric(text[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && !memchr("-_.", text[i], 3))
            return false;
    }
    return true;
}

bool syntax_is_qualified_name(const char *text)
{
    const char *slash = strchr(text, '/');
    if (slash && !is_dns_subdomain(text, (size_t) (slash - text)))
        return false;
    const char *name = slash ? slash + 1 : text;
    return is_name_part(name, strlen(name));
}

bool syntax_is_label_value(const char *text)
{
    return !*text || is_name_part(text, strlen(text));
}

bool syntax_is_data_key(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > SYNTAX_SUBDOMAIN_BYTES || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && !memchr("-_.", text[i], 3))
            return false;
    }
    return true;
}

bool syntax_is_variable_name(const char *text)
{
    if (!*text || is_digit(*text))
        return false;
    for (const char *at = text; *at; at++) {
        if (!is_alphanumeric(*at) && *at != '_')
            return false;
    }
    return true;
}

static bool is_quantity_suffix(const char *suffix)
{
    static const char *const suffixes[] = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
                                           "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcmp(suffix, suffixes[i]) == 0)
            return true;
    }
    if (*suffix != 'e' && *suffix != 'E')
        return false;
    const char *digits = suffix + 1 + (suffix[1] == '-' || suffix[1] == '+');
    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

bool syntax_is_quantity(const char *text)
{
    const char *whole = text + (*text == '+');
    size_t digits = strspn(whole, "0123456789");
    const char *rest = whole + digits;
    if (*rest == '.') {
        size_t fraction = strspn(rest + 1, "0123456789");
        digits += fraction;
        rest += 1 + fraction;
    }
    return digits > 0 && is_quantity_suffix(rest);
}

bool syntax_is_normal_path(const char *text)
{
    const char *at = text;
    do {
        if (*at != '/')
            return false;
        const char *part = at + 1;
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && memcmp(part, "..", 2) == 0))
            return false;
        at = part + length;
    } while (*at);
    return true;
}
