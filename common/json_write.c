#include "common/json.h"

#include "common/json_plain.h"
#include "common/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Integers below this are exact in a double, and printed by their digits alone. */
#define EXACT_INTEGER 1e15
/* Enough for 17 digits, sign, point and exponent. */
#define NUMBER_BYTES 32
/* U+FFFD, which stands for bytes that are no character. */
#define REPLACEMENT "\xef\xbf\xbd"

/* The letter of a two-character escape, or 0. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char) byte;
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    }
    return 0;
}

static void append_escaped(struct buffer *buffer, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char letter = short_escape(byte);
    buffer_append_character(buffer, '\\');
    if (letter)
        buffer_append_character(buffer, letter);
    else
        buffer_append(buffer, (const char[]){'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 5);
}

/* Appends what is not plain at the beginning of the text and returns its length. Text that a limit has cut
 * may end in half a character: what is printed must be read again all the same. */
static size_t append_special(struct buffer *buffer, const char *text, size_t length)
{
    if ((unsigned char) *text < 0x80) {
        append_escaped(buffer, (unsigned char) *text);
        return 1;
    }
    size_t character = utf8_sequence_length(text, length);
    if (character)
        buffer_append(buffer, text, character);
    else
        buffer_append(buffer, REPLACEMENT, strlen(REPLACEMENT));
    return character ? character : 1;
}

bool json_append_string(struct buffer *buffer, const char *text)
{
    const char *end = text + strlen(text);
    buffer_append_character(buffer, '"');
    while (text < end) {
        size_t plain = json_plain_count(text, (size_t) (end - text));
        buffer_append(buffer, text, plain);
        text += plain;
        if (text < end)
            text += append_special(buffer, text, (size_t) (end - text));
    }
    return buffer_append_character(buffer, '"');
}

bool json_append_name(struct buffer *buffer, const char *name)
{
    buffer_append(buffer, ",\"", 2);
    buffer_append_string(buffer, name);
    return buffer_append(buffer, "\":", 2);
}

bool json_append_member(struct buffer *buffer, const char *name, const char *text)
{
    return json_append_name(buffer, name) && json_append_string(buffer, text);
}

static bool append_number(struct buffer *buffer, const cJSON *number)
{
    double value = number->valuedouble;
    if (fabs(value) < EXACT_INTEGER && value == trunc(value))
        return buffer_append_integer(buffer, (int64_t) value);
    if (!isfinite(value))
        return buffer_append_string(buffer, "null");
    /* 15 digits say what a person wrote; 17 say every double. */
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    return buffer_append_string(buffer, text);
}

/* An object's members or an array's elements. */
static bool append_children(struct buffer *buffer, const cJSON *parent)
{
    for (const cJSON *child = parent->child; child; child = child->next) {
        if (child != parent->child)
            buffer_append_character(buffer, ',');
        if (cJSON_IsObject(parent)) {
            json_append_string(buffer, child->string);
            buffer_append_character(buffer, ':');
        }
        if (!json_append(buffer, child))
            return false;
    }
    return true;
}

bool json_append(struct buffer *buffer, const cJSON *value)
{
    switch (value->type & 0xFF) {
    case cJSON_Object:
        buffer_append_character(buffer, '{');
        return append_children(buffer, value) && buffer_append_character(buffer, '}');
    case cJSON_Array:
        buffer_append_character(buffer, '[');
        return append_children(buffer, value) && buffer_append_character(buffer, ']');
    case cJSON_String:
        return json_append_string(buffer, value->valuestring);
    case cJSON_Raw:
        return buffer_append_string(buffer, value->valuestring);
    case cJSON_Number:
        return append_number(buffer, value);
    case cJSON_True:
        return buffer_append_string(buffer, "true");
    case cJSON_False:
        return buffer_append_string(buffer, "false");
    }
    return buffer_append_string(buffer, "null");
}

bool json_print(const cJSON *value, bool indented, struct error *error, char **text)
{
    if (indented) {
        char *printed = cJSON_Print(value);
        if (!printed)
            return error_set_no_memory(error);
        *text = printed;
        return true;
    }
    struct buffer buffer = BUFFER_INIT(SIZE_MAX / 2);
    json_append(&buffer, value);
    bool is_printed = buffer_take(&buffer, error, text);
    buffer_done(&buffer);
    return is_printed;
}
