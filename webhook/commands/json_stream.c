#include "webhook/commands/json_stream.h"

#include <string.h>

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Moves over white space and lines of `---`. */
static size_t skip_between(const char *text, size_t length, size_t at)
{
    while (at < length) {
        bool is_line_start = at == 0 || text[at - 1] == '\n';
        if (is_space(text[at]))
            at++;
        else if (is_line_start && length - at >= 3 && memcmp(text + at, "---", 3) == 0 &&
                 (at + 3 == length || is_space(text[at + 3])))
            at += 3;
        else
            break;
    }
    return at;
}

/* The offset behind the string that begins at `at`; `length` when it does not end. */
static size_t skip_string(const char *text, size_t length, size_t at)
{
    for (at++; at < length; at++) {
        if (text[at] == '\\')
            at++;
        else if (text[at] == '"')
            return at + 1;
    }
    return length;
}

bool json_stream_next(const char *text, size_t length, size_t *at, size_t *start)
{
    size_t here = skip_between(text, length, *at);
    *at = here;
    if (here == length || text[here] != '{')
        return false;
    size_t depth = 0;
    size_t end = here;
    while (end < length) {
        if (text[end] == '"') {
            end = skip_string(text, length, end);
            continue;
        }
        depth += text[end] == '{';
        depth -= text[end] == '}';
        end++;
        if (depth == 0) {
            *start = here;
            *at = end;
            return true;
        }
    }
    return false;
}
