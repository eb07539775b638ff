#include "driver/sandboxes/quantity.h"

#include <stddef.h>
#include <string.h>

static const char *skip_digits(const char *text, bool *has_nonzero)
{
    for (; *text >= '0' && *text <= '9'; text++)
        *has_nonzero = *has_nonzero || *text != '0';
    return text;
}

static bool is_suffix(const char *text)
{
    static const char *const suffixes[] = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
                                           "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    for (size_t index = 0; index < sizeof suffixes / sizeof *suffixes; index++) {
        if (strcmp(text, suffixes[index]) == 0)
            return true;
    }
    if (*text != 'e' && *text != 'E')
        return false;
    text++;
    if (*text == '+' || *text == '-')
        text++;
    bool ignored = false;
    const char *end = skip_digits(text, &ignored);
    return end > text && *end == '\0';
}

static bool parse(const char *text, bool *is_positive)
{
    bool is_negative = *text == '-', has_nonzero = false;
    if (*text == '+' || *text == '-')
        text++;
    const char *end = skip_digits(text, &has_nonzero);
    size_t digits = (size_t) (end - text);
    if (*end == '.') {
        const char *fraction = end + 1;
        end = skip_digits(fraction, &has_nonzero);
        digits += (size_t) (end - fraction);
    }
    *is_positive = has_nonzero && !is_negative;
    return digits > 0 && is_suffix(end);
}

bool quantity_is_valid(const char *text)
{
    bool ignored;
    return parse(text, &ignored);
}

bool quantity_is_positive(const char *text)
{
    bool is_positive;
    return parse(text, &is_positive) && is_positive;
}
