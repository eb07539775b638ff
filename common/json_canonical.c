#include "common/json_canonical.h"

#include "common/cleanup.h"

#include <string.h>

/* Enough for every double that cJSON prints. */
#define NUMBER_BYTES 64

static void append_character(unsigned char character, struct buffer *buffer)
{
    static const char short_escaped[] = "\b\t\n\f\r\"\\";
    static const char short_escapes[] = "btnfr\"\\";
    const char *found = character ? strchr(short_escaped, character) : NULL;
    if (found)
        buffer_append_format(buffer, "\\%c", short_escapes[found - short_escaped]);
    else if (character < 0x20)
        buffer_append_format(buffer, "\\u%04x", (unsigned) character);
    else
        buffer_append_character(buffer, (char) character);
}

static void append_string(const char *text, struct buffer *buffer)
{
    buffer_append_character(buffer, '"');
    for (const char *at = text; *at; at++)
        append_character((unsigned char) *at, buffer);
    buffer_append_character(buffer, '"');
}

static bool append_value(const cJSON *value, struct error *error, struct buffer *buffer);

static bool append_array(const cJSON *array, struct error *error, struct buffer *buffer)
{
    buffer_append_character(buffer, '[');
    for (const cJSON *element = array->child; element; element = element->next) {
        if (element != array->child)
            buffer_append_character(buffer, ',');
        if (!append_value(element, error, buffer))
            return false;
    }
    buffer_append_character(buffer, ']');
    return true;
}

static int compare_members(const void *left, const void *right)
{
    return strcmp((*(const cJSON *const *) left)->string, (*(const cJSON *const *) right)->string);
}

static bool append_object(const cJSON *object, struct error *error, struct buffer *buffer)
{
    size_t count = (size_t) cJSON_GetArraySize(object), filled = 0;
    _cleanup_(freep) const cJSON **members = malloc((count + 1) * sizeof *members);
    if (!members)
        return error_set_no_memory(error);
    for (const cJSON *member = object->child; member; member = member->next)
        members[filled++] = member;
    qsort(members, count, sizeof *members, compare_members);
    buffer_append_character(buffer, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_character(buffer, ',');
        append_string(members[i]->string, buffer);
        buffer_append_character(buffer, ':');
        if (!append_value(members[i], error, buffer))
            return false;
    }
    buffer_append_character(buffer, '}');
    return true;
}

/* Recursion is bounded by the depth limit of whoever parsed the tree. */
static bool append_value(const cJSON *value, struct error *error, struct buffer *buffer)
{
    if (cJSON_IsObject(value))
        return append_object(value, error, buffer);
    if (cJSON_IsArray(value))
        return append_array(value, error, buffer);
    if (cJSON_IsString(value)) {
        append_string(value->valuestring, buffer);
    } else if (cJSON_IsRaw(value)) {
        buffer_append_string(buffer, value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        char number[NUMBER_BYTES];
        if (!cJSON_PrintPreallocated((cJSON *) value, number, sizeof number, false))
            return error_set(error, ERROR_INTERNAL, "a number that cannot be printed");
        buffer_append_string(buffer, number);
    } else {
        buffer_append_string(buffer, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
    }
    return true;
}

bool json_append_canonical(const cJSON *value, struct error *error, struct buffer *buffer)
{
    return append_value(value, error, buffer) && buffer_check(buffer, error);
}
