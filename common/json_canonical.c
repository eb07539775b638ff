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
static int utf16_rank(unsigned char byte)
{
    if (byte >= 0xF0)
        return byte - 2;
    return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

static inline int compare_keys(const char *left, const char *right)
{
    while (*left && *left == *right) {
        left++;
        right++;
    }
    unsigned char left_byte = (unsigned char) *left, right_byte = (unsigned char) *right;
    /* One such byte is in its place: all that move stay behind it. */
    if (left_byte < 0xEE || right_byte < 0xEE)
        return left_byte - right_byte;
    return utf16_rank(left_byte) - utf16_rank(right_byte);
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

/* With the brace or comma before it. */
static bool append_member(const cJSON *member, bool is_first, struct error *error, struct buffer *buffer)
{
    json_append_key(buffer, is_first ? '{' : ',', member->string);
    return append_value(member, error, buffer);
}

static bool append_in_order(const cJSON *object, struct error *error, struct buffer *buffer)
{
    for (const cJSON *member = object->child; member; member = member->next) {
        if (!append_member(member, member == object->child, error, buffer))
            return false;
    }
    return true;
}

static size_t count_members(const cJSON *object)
{
    size_t count = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        count++;
    return count;
}

/* Not inlined, so that values of other types do without its array on the stack. */
static __attribute__((noinline)) bool append_sorted(const cJSON *object, struct error *error,
                                                    struct buffer *buffer)
{
    const cJSON *few[FEW_MEMBERS];
    size_t count = count_members(object), filled = 0;
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
    for (size_t i = 0; i < count; i++) {
        if (!append_member(members[i], i == 0, error, buffer))
            return false;
    }
    return true;
}

static bool is_sorted(const cJSON *object)
{
    for (const cJSON *member = object->child; member->next; member = member->next) {
        if (compare_keys(member->string, member->next->string) > 0)
            return false;
    }
    return true;
}

static bool append_members(const cJSON *object, struct error *error, struct buffer *buffer)
{
    return is_sorted(object) ? append_in_order(object, error, buffer) : append_sorted(object, error, buffer);
}

static bool append_object(const cJSON *object, struct error *error, struct buffer *buffer)
{
    if (!object->child)
        buffer_append_character(buffer, '{');
    else if (!append_members(object, error, buffer))
        return false;
    buffer_append_character(buffer, '}');
    return true;
}

/* Recursion is bounded by the depth limit of whoever parsed the tree. */
static bool append_value(const cJSON *value, struct error *error, struct buffer *buffer)
{
    switch (value->type & 0xFF) {
    case cJSON_Object:
        return append_object(value, error, buffer);
    case cJSON_Array:
        return append_array(value, error, buffer);
    case cJSON_String:
        json_append_string(buffer, value->valuestring);
        return true;
    }
    json_append(buffer, value);
    return true;
}

bool json_append_canonical(const cJSON *value, struct error *error, struct buffer *buffer)
{
    return append_value(value, error, buffer) && buffer_check(buffer, error);
}
