#include "common/json_canonical.h"

#include "common/cleanup.h"
#include "common/json.h"

#include <stdlib.h>

/* Objects of so many members need no memory beside the stack. */
#define FEW_MEMBERS 32

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

/* The place of a byte of UTF-8 in the order of UTF-16. Both orders are the same, but that characters past
 * U+FFFF (first bytes 0xF0 to 0xF4) are surrogates there, which come before U+E000 (0xEE and 0xEF). */
static unsigned char utf16_rank(char byte)
{
    unsigned char rank = (unsigned char) byte;
    if (rank >= 0xF0)
        return (unsigned char) (rank - 2);
    return rank == 0xEE || rank == 0xEF ? (unsigned char) (rank + 0x10) : rank;
}

static int compare_keys(const char *left, const char *right)
{
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return utf16_rank(*left) - utf16_rank(*right);
}

static int compare_members(const void *left, const void *right)
{
    return compare_keys((*(const cJSON *const *) left)->string, (*(const cJSON *const *) right)->string);
}

/* Few members stand almost in order, as a rule, where this is faster than qsort. */
static void sort_members(const cJSON **members, size_t count)
{
    if (count > FEW_MEMBERS) {
        qsort(members, count, sizeof *members, compare_members);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        const cJSON *member = members[i];
        size_t place = i;
        for (; place > 0 && compare_keys(members[place - 1]->string, member->string) > 0; place--)
            members[place] = members[place - 1];
        members[place] = member;
    }
}

static bool append_members(const cJSON **members, size_t count, struct error *error, struct buffer *buffer)
{
    buffer_append_character(buffer, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_character(buffer, ',');
        json_append_string(buffer, members[i]->string);
        buffer_append_character(buffer, ':');
        if (!append_value(members[i], error, buffer))
            return false;
    }
    buffer_append_character(buffer, '}');
    return true;
}

static bool append_object(const cJSON *object, struct error *error, struct buffer *buffer)
{
    const cJSON *few[FEW_MEMBERS];
    size_t count = (size_t) cJSON_GetArraySize(object), filled = 0;
    _cleanup_(freep) const cJSON **many = NULL;
    if (count > FEW_MEMBERS) {
        many = malloc(count * sizeof *many);
        if (!many)
            return error_set_no_memory(error);
    }
    const cJSON **members = many ? many : few;
    for (const cJSON *member = object->child; member; member = member->next)
        members[filled++] = member;
    sort_members(members, count);
    return append_members(members, count, error, buffer);
}

/* Recursion is bounded by the depth limit of whoever parsed the tree. */
static bool append_value(const cJSON *value, struct error *error, struct buffer *buffer)
{
    if (cJSON_IsObject(value))
        return append_object(value, error, buffer);
    if (cJSON_IsArray(value))
        return append_array(value, error, buffer);
    json_append(buffer, value);
    return true;
}

bool json_append_canonical(const cJSON *value, struct error *error, struct buffer *buffer)
{
    return append_value(value, error, buffer) && buffer_check(buffer, error);
}
