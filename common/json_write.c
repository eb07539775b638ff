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

/* Goes on with a string of which `written` bytes stand behind the content, not counted yet. The next one is
 * not plain. */
static bool finish_string(struct buffer *buffer, size_t written, const char *text, size_t length)
{
    buffer->length += written;
    buffer->data[buffer->length] = '\0';
    const char *end = text + length;
    while (text < end) {
        text += append_special(buffer, text, (size_t) (end - text));
        size_t plain = json_plain_count(text, (size_t) (end - text));
        buffer_append(buffer, text, plain);
        text += plain;
    }
    return buffer_append_character(buffer, '"');
}

/* Most strings are plain: room for such a one is made at once, and it is copied as it is looked through. */
bool json_append_string(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    if (!buffer_reserve(buffer, length + strlen("\"\"")))
        return false;
    char *to = buffer->data + buffer->length;
    *to++ = '"';
    size_t plain = json_plain_copy(text, length, to);
    if (plain < length)
        return finish_string(buffer, 1 + plain, text + plain, length - plain);
    memcpy(to + length, "\"", sizeof "\"");
    buffer->length += length + strlen("\"\"");
    return true;
}

bool json_append_key(struct buffer *buffer, char before, const char *key)
{
    size_t length = strlen(key);
    if (!buffer_reserve(buffer, length + strlen("{\"\":")))
        return false;
    char *to = buffer->data + buffer->length;
    *to++ = before;
    *to++ = '"';
    size_t plain = json_plain_copy(key, length, to);
    if (plain < length)
        return finish_string(buffer, 2 + plain, key + plain, length - plain) &&
               buffer_append_character(buffer, ':');
    memcpy(to + length, "\":", sizeof "\":");
    buffer->length += length + strlen("{\"\":");
    return true;
}

bool json_append_name(struct buffer *buffer, const char *name)
{
    return json_append_key(buffer, ',', name);
}

bool json_append_member(struct buffer *buffer, const char *name, const char *text)
{
    return json_append_name(buffer, name) && json_append_string(buffer, text);
}

/* Not inlined, so that values of other types do without its text on the stack. */
static __attribute__((noinline)) bool append_number(struct buffer *buffer, const cJSON *number)
{
    double value = number->valuedouble;
    if (fabs(value) < EXACT_INTEGER && value == (double) (int64_t) value)
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

static bool append_object(struct buffer *buffer, const cJSON *object)
{
    char before = '{';
    for (const cJSON *member = object->child; member; member = member->next) {
        if (!json_append_key(buffer, before, member->string) || !json_append(buffer, member))
            return false;
        before = ',';
    }
    if (!object->child)
        buffer_append_character(buffer, before);
    return buffer_append_character(buffer, '}');
}

static bool append_array(struct buffer *buffer, const cJSON *array)
{
    buffer_append_character(buffer, '[');
    for (const cJSON *element = array->child; element; element = element->next) {
        if (element != array->child)
            buffer_append_character(buffer, ',');
        if (!json_append(buffer, element))
            return false;
    }
    return buffer_append_character(buffer, ']');
}

bool json_append(struct buffer *buffer, const cJSON *value)
{
    switch (value->type & 0xFF) {
    case cJSON_Object:
        return append_object(buffer, value);
    case cJSON_Array:
        return append_array(buffer, value);
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
