#include "common/json_scan.h"

#include "common/cleanup.h"

#include <string.h>

/* Integers of up to 15 digits are exact in a double and printed by cJSON as they came. */
#define EXACT_DIGITS 15

struct scanner {
    const char *start;
    const char *end;
    const char *at;
    unsigned depth_limit;
    struct error *error;
    size_t numbers_seen;
    struct json_scan found;
};

static bool fail(struct scanner *scanner, enum error_code code, const char *what)
{
    size_t line = 1;
    const char *line_start = scanner->start;
    for (const char *at = scanner->start; at < scanner->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    size_t column = (size_t) (scanner->at - line_start) + 1;
    return error_set(scanner->error, code, "JSON line %zu column %zu: %s", line, column, what);
}

static bool invalid(struct scanner *scanner, const char *what)
{
    return fail(scanner, ERROR_INVALID, what);
}

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end &&
           (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\n' || *scanner->at == '\r'))
        scanner->at++;
}

static bool is_digit(const struct scanner *scanner)
{
    return scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
}

/* Length of the well-formed UTF-8 sequence that starts here (Unicode table 3-7), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || left < length)
        return 0;
    unsigned char low = 0x80, high = 0xBF;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F; /* no surrogates */
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    }
    return length;
}

static bool scan_hex4(struct scanner *scanner, unsigned *value)
{
    if (scanner->end - scanner->at < 4)
        return invalid(scanner, "truncated \\u escape");
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        char digit = *scanner->at;
        unsigned part;
        if (digit >= '0' && digit <= '9')
            part = (unsigned) (digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            part = (unsigned) (digit - 'a') + 10;
        else if (digit >= 'A' && digit <= 'F')
            part = (unsigned) (digit - 'A') + 10;
        else
            return invalid(scanner, "\\u needs four hexadecimal digits");
        result = result * 16 + part;
        scanner->at++;
    }
    *value = result;
    return true;
}

static bool scan_unicode_escape(struct scanner *scanner)
{
    unsigned unit, low;
    if (!scan_hex4(scanner, &unit))
        return false;
    if (unit == 0)
        return invalid(scanner, "\\u0000 is not accepted in a string");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return invalid(scanner, "low surrogate without its high one");
    if (unit < 0xD800 || unit > 0xDBFF)
        return true;
    if (scanner->end - scanner->at < 2 || scanner->at[0] != '\\' || scanner->at[1] != 'u')
        return invalid(scanner, "high surrogate without its low one");
    scanner->at += 2;
    if (!scan_hex4(scanner, &low))
        return false;
    if (low < 0xDC00 || low > 0xDFFF)
        return invalid(scanner, "high surrogate without its low one");
    return true;
}

static bool scan_escape(struct scanner *scanner)
{
    scanner->at++;
    if (scanner->at == scanner->end)
        return invalid(scanner, "unterminated string");
    char kind = *scanner->at++;
    if (kind == 'u')
        return scan_unicode_escape(scanner);
    if (kind == '\0' || !strchr("\"\\/bfnrt", kind))
        return invalid(scanner, "unknown escape in a string");
    return true;
}

static bool scan_string(struct scanner *scanner)
{
    scanner->at++;
    while (scanner->at < scanner->end) {
        unsigned char byte = (unsigned char) *scanner->at;
        if (byte == '"') {
            scanner->at++;
            return true;
        }
        if (byte == '\\') {
            if (!scan_escape(scanner))
                return false;
        } else if (byte < 0x20) {
            return invalid(scanner, "control character in a string");
        } else if (byte < 0x80) {
            scanner->at++;
        } else {
            size_t length =
                utf8_sequence((const unsigned char *) scanner->at, (size_t) (scanner->end - scanner->at));
            if (length == 0)
                return invalid(scanner, "invalid UTF-8");
            scanner->at += length;
        }
    }
    return invalid(scanner, "unterminated string");
}

static bool keep_number(struct scanner *scanner, const char *text, size_t length)
{
    struct json_scan *found = &scanner->found;
    /* Capacity doubles at each power of two. */
    if ((found->number_count & (found->number_count - 1)) == 0) {
        size_t capacity = found->number_count ? found->number_count * 2 : 1;
        struct json_number *numbers = realloc(found->numbers, capacity * sizeof *numbers);
        if (!numbers)
            return error_set_no_memory(scanner->error);
        found->numbers = numbers;
    }
    found->numbers[found->number_count++] =
        (struct json_number){.ordinal = scanner->numbers_seen, .text = text, .length = length};
    return true;
}

static bool scan_digits(struct scanner *scanner)
{
    if (!is_digit(scanner))
        return invalid(scanner, "a digit is missing in a number");
    while (is_digit(scanner))
        scanner->at++;
    return true;
}

static bool scan_number(struct scanner *scanner)
{
    const char *start = scanner->at;
    bool is_plain = true;
    if (*scanner->at == '-')
        scanner->at++;
    const char *digits = scanner->at;
    if (is_digit(scanner) && *scanner->at == '0')
        scanner->at++;
    else if (!scan_digits(scanner))
        return false;
    if (is_digit(scanner))
        return invalid(scanner, "a number must not begin with 0");
    size_t digit_count = (size_t) (scanner->at - digits);
    if (scanner->at < scanner->end && *scanner->at == '.') {
        is_plain = false;
        scanner->at++;
        if (!scan_digits(scanner))
            return false;
    }
    if (scanner->at < scanner->end && (*scanner->at == 'e' || *scanner->at == 'E')) {
        is_plain = false;
        scanner->at++;
        if (scanner->at < scanner->end && (*scanner->at == '+' || *scanner->at == '-'))
            scanner->at++;
        if (!scan_digits(scanner))
            return false;
    }
    bool is_negative_zero = digits != start && *digits == '0';
    bool is_kept = !is_plain || digit_count > EXACT_DIGITS || is_negative_zero;
    if (is_kept && !keep_number(scanner, start, (size_t) (scanner->at - start)))
        return false;
    scanner->numbers_seen++;
    return true;
}

static bool scan_word(struct scanner *scanner, const char *word)
{
    size_t length = strlen(word);
    if ((size_t) (scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0)
        return invalid(scanner, "unexpected character");
    scanner->at += length;
    return true;
}

static bool scan_scalar(struct scanner *scanner)
{
    switch (*scanner->at) {
    case '"':
        return scan_string(scanner);
    case 't':
        return scan_word(scanner, "true");
    case 'f':
        return scan_word(scanner, "false");
    case 'n':
        return scan_word(scanner, "null");
    default:
        if (*scanner->at == '-' || is_digit(scanner))
            return scan_number(scanner);
        return invalid(scanner, "unexpected character");
    }
}

static bool scan_key(struct scanner *scanner)
{
    skip_space(scanner);
    if (scanner->at == scanner->end || *scanner->at != '"')
        return invalid(scanner, "a member name is missing");
    if (!scan_string(scanner))
        return false;
    skip_space(scanner);
    if (scanner->at == scanner->end || *scanner->at != ':')
        return invalid(scanner, "\":\" is missing after a member name");
    scanner->at++;
    return true;
}

/* The open containers, innermost last: '{' or '['. Iterative, so that depth costs no stack. */
struct nesting {
    char kinds[JSON_DEPTH_MAXIMUM];
    unsigned depth;
};

static bool open_container(struct scanner *scanner, struct nesting *nesting, bool *is_value_next)
{
    if (nesting->depth == scanner->depth_limit)
        return fail(scanner, ERROR_TOO_LARGE, "nested too deeply");
    char kind = *scanner->at++;
    nesting->kinds[nesting->depth++] = kind;
    skip_space(scanner);
    char closing = kind == '{' ? '}' : ']';
    if (scanner->at < scanner->end && *scanner->at == closing) {
        *is_value_next = false;
        return true;
    }
    *is_value_next = true;
    return kind == '[' || scan_key(scanner);
}

/* After a value: closes what ends here and stops before the next value, or at the end of the text. */
static bool close_containers(struct scanner *scanner, struct nesting *nesting)
{
    while (nesting->depth > 0) {
        char kind = nesting->kinds[nesting->depth - 1];
        skip_space(scanner);
        if (scanner->at == scanner->end)
            return invalid(scanner, "unexpected end");
        char next = *scanner->at;
        if (next == ',') {
            scanner->at++;
            return kind == '[' || scan_key(scanner);
        }
        if (next != (kind == '{' ? '}' : ']'))
            return invalid(scanner, "\",\" or a closing bracket is missing");
        scanner->at++;
        nesting->depth--;
    }
    return true;
}

static bool scan_value(struct scanner *scanner)
{
    struct nesting nesting = {.depth = 0};
    do {
        skip_space(scanner);
        if (scanner->at == scanner->end)
            return invalid(scanner, "unexpected end");
        bool is_value_next = false;
        if (*scanner->at == '{' || *scanner->at == '[') {
            if (!open_container(scanner, &nesting, &is_value_next))
                return false;
        } else if (!scan_scalar(scanner)) {
            return false;
        }
        if (!is_value_next && !close_containers(scanner, &nesting))
            return false;
    } while (nesting.depth > 0);
    skip_space(scanner);
    if (scanner->at != scanner->end)
        return invalid(scanner, "unexpected text after the value");
    return true;
}

bool json_scan_text(const char *text, size_t length, const struct json_limits *limits, struct error *error,
                    struct json_scan *scan)
{
    if (length > limits->bytes)
        return error_set(error, ERROR_TOO_LARGE, "JSON text of %zu bytes: more than %zu", length,
                         limits->bytes);
    struct scanner scanner = {
        .start = text,
        .end = text + length,
        .at = text,
        .depth_limit = limits->depth < JSON_DEPTH_MAXIMUM ? limits->depth : JSON_DEPTH_MAXIMUM,
        .error = error,
    };
    if (!scan_value(&scanner)) {
        free(scanner.found.numbers);
        return false;
    }
    *scan = scanner.found;
    return true;
}
