#include "webhook/commands/html.h"

#include <string.h>

static const char *escape_of(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\t':
        return " ";
    default:
        return (unsigned char) character < ' ' || character == 0x7f ? "\xef\xbf\xbd" : NULL;
    }
}

bool html_append_text(struct buffer *buffer, const char *text)
{
    for (; *text; text++) {
        const char *escape = escape_of(*text);
        if (escape)
            buffer_append_string(buffer, escape);
        else
            buffer_append_character(buffer, *text);
    }
    return buffer->failure == ERROR_NONE;
}

bool html_append_count(struct buffer *buffer, size_t count)
{
    if (count < 1000)
        return buffer_append_format(buffer, "%zu", count);
    html_append_count(buffer, count / 1000);
    return buffer_append_format(buffer, ",%03zu", count % 1000);
}

bool html_append_json(struct buffer *buffer, const char *json, size_t length)
{
    while (length > 0) {
        const char *less = memchr(json, '<', length);
        size_t plain = less ? (size_t) (less - json) : length;
        buffer_append(buffer, json, plain);
        json += plain;
        length -= plain;
        if (length > 0) {
            buffer_append_string(buffer, "\\u003c");
            json++;
            length--;
        }
    }
    return buffer->failure == ERROR_NONE;
}
