#include "common/yaml_scalar.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum yaml_scalar_kind kind;
} words[] = {
    {"y", YAML_TRUE},        {"Y", YAML_TRUE},        {"yes", YAML_TRUE},      {"Yes", YAML_TRUE},
    {"YES", YAML_TRUE},      {"true", YAML_TRUE},     {"True", YAML_TRUE},     {"TRUE", YAML_TRUE},
    {"on", YAML_TRUE},       {"On", YAML_TRUE},       {"ON", YAML_TRUE},       {"n", YAML_FALSE},
    {"N", YAML_FALSE},       {"no", YAML_FALSE},      {"No", YAML_FALSE},      {"NO", YAML_FALSE},
    {"false", YAML_FALSE},   {"False", YAML_FALSE},   {"FALSE", YAML_FALSE},   {"off", YAML_FALSE},
    {"Off", YAML_FALSE},     {"OFF", YAML_FALSE},     {"", YAML_NULL},         {"~", YAML_NULL},
    {"null", YAML_NULL},     {"Null", YAML_NULL},     {"NULL", YAML_NULL},     {".nan", YAML_NOT_JSON},
    {".NaN", YAML_NOT_JSON}, {".NAN", YAML_NOT_JSON}, {".inf", YAML_NOT_JSON}, {".Inf", YAML_NOT_JSON},
    {".INF", YAML_NOT_JSON},
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool resolve_word(const char *text, enum yaml_scalar_kind *kind)
{
    /* Only infinity may have a sign. */
    const char *word = (*text == '+' || *text == '-') && text[1] == '.' ? text + 1 : text;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].text) == 0 && (word == text || (word[1] | 0x20) == 'i')) {
            *kind = words[i].kind;
            return true;
        }
    }
    return false;
}

/* Copies a number without its underscores. In a number that begins with a point each must stand between
 * digits (Go's rule there); elsewhere they may stand anywhere. False when the text cannot be a number. */
static bool copy_number(const char *text, size_t length, char *copy)
{
    size_t copied = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '_')
            copy[copied++] = text[i];
        else if (text[0] == '.' && !(is_digit(text[i - 1]) && is_digit(text[i + 1])))
            return false;
    }
    copy[copied] = '\0';
    return true;
}

static int digit_value(char character)
{
    if (is_digit(character))
        return character - '0';
    char lower = (char) (character | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : INT8_MAX;
}

/* Reads the base's prefix: `0x`, `0o`, `0b`, or a leading 0, which is octal too. */
static int read_base(const char **digits)
{
    const char *text = *digits;
    if (text[0] != '0' || text[1] == '\0')
        return 10;
    char mark = (char) (text[1] | 0x20);
    int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    *digits += base ? 2 : 1;
    return base ? base : 8;
}

/* A whole number in Go's syntax. Decimal ones keep all their digits, others must fit 64 bits. */
static bool resolve_integer(const char *text, struct yaml_scalar *scalar)
{
    bool is_negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    int base = read_base(&digits);
    uint64_t value = 0;
    bool is_exact = true;
    const char *at = digits;
    for (; *at; at++) {
        int digit = digit_value(*at);
        if (digit >= base)
            return false;
        is_exact = is_exact && !__builtin_mul_overflow(value, (uint64_t) base, &value) &&
                   !__builtin_add_overflow(value, (uint64_t) digit, &value);
    }
    if (at == digits || (!is_exact && base != 10))
        return false;
    scalar->kind = YAML_INTEGER;
    const char *sign = is_negative && value != 0 ? "-" : "";
    if (is_exact)
        snprintf(scalar->number, sizeof scalar->number, "%s%" PRIu64, sign, value);
    else
        snprintf(scalar->number, sizeof scalar->number, "%s%s", is_negative ? "-" : "", digits);
    return true;
}

static const char *skip_digits(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

/* [-+]? ( .digits | digits [.digits] ) [ e[-+]?digits ], with `1.` allowed as well. */
static bool has_float_syntax(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const char *at = skip_digits(digits);
    bool has_whole = at > digits;
    if (*at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction);
        if (!has_whole && at == fraction)
            return false;
    } else if (!has_whole) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1;
        exponent += *exponent == '-' || *exponent == '+';
        at = skip_digits(exponent);
        if (at == exponent)
            return false;
    }
    return *at == '\0';
}

static bool resolve_float(const char *text, struct yaml_scalar *scalar)
{
    if (!has_float_syntax(text))
        return false;
    double value = strtod(text, NULL);
    if (!isfinite(value))
        return false; /* out of range: Kubernetes' reader leaves it a string */
    scalar->kind = YAML_FLOAT;
    /* The shortest text that brings the same number back. */
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(scalar->number, sizeof scalar->number, "%.*g", precision, value);
        if (strtod(scalar->number, NULL) == value)
            break;
    }
    return true;
}

static bool may_begin_number(const char *text)
{
    return is_digit(*text) || *text == '-' || *text == '+' || *text == '.';
}

void yaml_resolve_plain(const char *text, size_t length, struct yaml_scalar *scalar)
{
    scalar->kind = YAML_STRING;
    if (resolve_word(text, &scalar->kind) || !may_begin_number(text))
        return;
    if (length > YAML_NUMBER_CHARACTERS) {
        if (strspn(text, "0123456789+-._eE") == length)
            scalar->kind = YAML_NOT_JSON;
        return;
    }
    char number[YAML_NUMBER_CHARACTERS + 1];
    if (!copy_number(text, length, number))
        return;
    if (*number == '.' || !resolve_integer(number, scalar))
        (void) resolve_float(number, scalar);
}

/* 1:30 and 190:20:30.15 are base 60 in YAML 1.1. */
static bool is_base_60(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    return is_digit(*at) && strchr(at, ':') && strspn(at, "0123456789_:.") == strlen(at);
}

/* 2001-12-14, and what follows such a date, is a timestamp in YAML 1.1. */
static bool is_date(const char *text)
{
    return skip_digits(text) == text + 4 && text[4] == '-' && is_digit(text[5]);
}

/* Whatever any reader might call a number, out of range or not: 1e400, .1__5, 0x_. */
static bool looks_numeric(const char *text, size_t length)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (digits[0] == '0' && digits[1] && strchr("xXoObB", digits[1]))
        return true;
    char number[YAML_NUMBER_CHARACTERS + 1];
    size_t copied = 0;
    for (size_t i = 0; i < length && copied < YAML_NUMBER_CHARACTERS; i++) {
        if (text[i] != '_')
            number[copied++] = text[i];
    }
    number[copied] = '\0';
    return has_float_syntax(number);
}

bool yaml_is_string_when_plain(const char *text, size_t length)
{
    struct yaml_scalar scalar;
    yaml_resolve_plain(text, length, &scalar);
    if (scalar.kind != YAML_STRING)
        return false;
    if (strcmp(text, "=") == 0 || strcmp(text, "<<") == 0)
        return false;
    return !looks_numeric(text, length) && !is_base_60(text) && !is_date(text);
}
