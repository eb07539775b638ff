#include "common/json_lexer.h"

#include "common/json_plain.h"
#include "common/utf8.h"

#include <string.h>

/* Integers of up to 15 digits are exact in a double and printed as they came. */
#define EXACT_DIGITS 15

bool json_lexer_fail(const struct json_lexer *lexer, enum error_code code, const char *what)
{
    size_t line = 1;
    const char *line_start = lexer->start;
    for (const char *at = lexer->start; at < lexer->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    size_t column = (size_t) (lexer->at - line_start) + 1;
    return error_set(lexer->error, code, "JSON line %zu column %zu: %s", line, column, what);
}

bool json_lexer_invalid(const struct json_lexer *lexer, const char *what)
{
    return json_lexer_fail(lexer, ERROR_INVALID, what);
}

bool json_lexer_is_at(const struct json_lexer *lexer, char character)
{
    return lexer->at < lexer->end && *lexer->at == character;
}

void json_lexer_skip_space(struct json_lexer *lexer)
{
    while (lexer->at < lexer->end &&
           (*lexer->at == ' ' || *lexer->at == '\t' || *lexer->at == '\n' || *lexer->at == '\r'))
        lexer->at++;
}

static bool is_digit(const struct json_lexer *lexer)
{
    return lexer->at < lexer->end && *lexer->at >= '0' && *lexer->at <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Four digits, which are there and valid. */
static unsigned decode_unit(const char *digits)
{
    unsigned unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit * 16 + (unsigned) hex_value(digits[i]);
    return unit;
}

static bool is_high_surrogate(unsigned unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(unsigned unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

static bool read_unit(struct json_lexer *lexer, unsigned *unit)
{
    if (lexer->end - lexer->at < 4)
        return json_lexer_invalid(lexer, "truncated \\u escape");
    for (int i = 0; i < 4; i++) {
        if (hex_value(lexer->at[i]) < 0)
            return json_lexer_invalid(lexer, "\\u needs four hexadecimal digits");
    }
    *unit = decode_unit(lexer->at);
    lexer->at += 4;
    return true;
}

static bool check_unicode_escape(struct json_lexer *lexer)
{
    unsigned unit, low;
    if (!read_unit(lexer, &unit))
        return false;
    if (unit == 0)
        return json_lexer_invalid(lexer, "\\u0000 is not accepted in a string");
    if (is_low_surrogate(unit))
        return json_lexer_invalid(lexer, "low surrogate without its high one");
    if (!is_high_surrogate(unit))
        return true;
    if (lexer->end - lexer->at < 2 || lexer->at[0] != '\\' || lexer->at[1] != 'u')
        return json_lexer_invalid(lexer, "high surrogate without its low one");
    lexer->at += 2;
    if (!read_unit(lexer, &low))
        return false;
    return is_low_surrogate(low) || json_lexer_invalid(lexer, "high surrogate without its low one");
}

static bool check_escape(struct json_lexer *lexer)
{
    lexer->at++;
    if (lexer->at == lexer->end)
        return json_lexer_invalid(lexer, "unterminated string");
    char kind = *lexer->at++;
    if (kind == 'u')
        return check_unicode_escape(lexer);
    if (kind == '\0' || !strchr("\"\\/bfnrt", kind))
        return json_lexer_invalid(lexer, "unknown escape in a string");
    return true;
}

bool json_lexer_read_string(struct json_lexer *lexer, struct json_quoted *string)
{
    struct json_quoted found = {.text = ++lexer->at};
    for (;;) {
        lexer->at += json_plain_count(lexer->at, (size_t) (lexer->end - lexer->at));
        if (lexer->at == lexer->end)
            return json_lexer_invalid(lexer, "unterminated string");
        unsigned char byte = (unsigned char) *lexer->at;
        if (byte == '"')
            break;
        if (byte < 0x20)
            return json_lexer_invalid(lexer, "control character in a string");
        if (byte == '\\') {
            found.has_escapes = true;
            if (!check_escape(lexer))
                return false;
        } else {
            size_t length = utf8_sequence_length(lexer->at, (size_t) (lexer->end - lexer->at));
            if (length == 0)
                return json_lexer_invalid(lexer, "invalid UTF-8");
            lexer->at += length;
        }
    }
    found.length = (size_t) (lexer->at++ - found.text);
    *string = found;
    return true;
}

static char *put_utf8(char *to, unsigned point)
{
    if (point < 0x80) {
        *to++ = (char) point;
        return to;
    }
    if (point < 0x800) {
        *to++ = (char) (0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *to++ = (char) (0xE0 | point >> 12);
        } else {
            *to++ = (char) (0xF0 | point >> 18);
            *to++ = (char) (0x80 | (point >> 12 & 0x3F));
        }
        *to++ = (char) (0x80 | (point >> 6 & 0x3F));
    }
    *to++ = (char) (0x80 | (point & 0x3F));
    return to;
}

/* `*from` stands behind the u of a checked escape, and is moved behind its digits. */
static char *put_unicode_escape(char *to, const char **from)
{
    unsigned point = decode_unit(*from);
    *from += 4;
    if (is_high_surrogate(point)) {
        unsigned low = decode_unit(*from + 2);
        *from += 6;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_utf8(to, point);
}

static char unescaped(char kind)
{
    switch (kind) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    }
    return kind;
}

void json_quoted_copy(const struct json_quoted *string, char *target)
{
    const char *from = string->text;
    const char *end = from + string->length;
    if (!string->has_escapes) {
        memcpy(target, from, string->length);
        target[string->length] = '\0';
        return;
    }
    char *to = target;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        char kind = from[1];
        from += 2;
        if (kind == 'u')
            to = put_unicode_escape(to, &from);
        else
            *to++ = unescaped(kind);
    }
    *to = '\0';
}

static bool skip_digits(struct json_lexer *lexer)
{
    if (!is_digit(lexer))
        return json_lexer_invalid(lexer, "a digit is missing in a number");
    while (is_digit(lexer))
        lexer->at++;
    return true;
}

static bool skip_fraction_and_exponent(struct json_lexer *lexer)
{
    if (json_lexer_is_at(lexer, '.')) {
        lexer->at++;
        if (!skip_digits(lexer))
            return false;
    }
    if (json_lexer_is_at(lexer, 'e') || json_lexer_is_at(lexer, 'E')) {
        lexer->at++;
        if (json_lexer_is_at(lexer, '+') || json_lexer_is_at(lexer, '-'))
            lexer->at++;
        return skip_digits(lexer);
    }
    return true;
}

static int64_t decode_integer(const char *digits, const char *end)
{
    int64_t integer = 0;
    for (const char *at = digits; at < end; at++)
        integer = integer * 10 + (*at - '0');
    return integer;
}

bool json_lexer_read_number(struct json_lexer *lexer, struct json_digits *number)
{
    const char *start = lexer->at;
    if (*start == '-')
        lexer->at++;
    const char *digits = lexer->at;
    if (json_lexer_is_at(lexer, '0'))
        lexer->at++;
    else if (!skip_digits(lexer))
        return false;
    if (is_digit(lexer))
        return json_lexer_invalid(lexer, "a number must not begin with 0");
    const char *integer_end = lexer->at;
    if (!skip_fraction_and_exponent(lexer))
        return false;
    struct json_digits found = {.text = start, .length = (size_t) (lexer->at - start)};
    bool is_negative_zero = digits != start && *digits == '0';
    found.is_exact = integer_end == lexer->at && integer_end - digits <= EXACT_DIGITS && !is_negative_zero;
    if (found.is_exact)
        found.integer = (digits == start ? 1 : -1) * decode_integer(digits, integer_end);
    *number = found;
    return true;
}

bool json_lexer_read_word(struct json_lexer *lexer, const char *word)
{
    size_t length = strlen(word);
    if ((size_t) (lexer->end - lexer->at) < length || memcmp(lexer->at, word, length) != 0)
        return json_lexer_invalid(lexer, "unexpected character");
    lexer->at += length;
    return true;
}
