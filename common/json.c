#include "common/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool json_get_integer(const cJSON *value, int64_t *integer)
{
    if (cJSON_IsNumber(value)) {
        if (value->valuedouble != floor(value->valuedouble) || fabs(value->valuedouble) > 9007199254740992.0)
            return false;
        *integer = (int64_t) value->valuedouble;
        return true;
    }
    if (!cJSON_IsRaw(value) || strpbrk(value->valuestring, ".eE"))
        return false;
    errno = 0;
    char *end;
    long long parsed = strtoll(value->valuestring, &end, 10);
    if (errno || *end || end == value->valuestring)
        return false;
    *integer = parsed;
    return true;
}

static size_t present_members(const cJSON *object)
{
    size_t count = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        count += !cJSON_IsNull(member);
    return count;
}

static bool objects_equal(const cJSON *left, const cJSON *right)
{
    if (present_members(left) != present_members(right))
        return false;
    for (const cJSON *member = left->child; member; member = member->next) {
        if (cJSON_IsNull(member))
            continue;
        const cJSON *other = json_member(right, member->string);
        if (!other || !json_equal(member, other))
            return false;
    }
    return true;
}

static bool arrays_equal(const cJSON *left, const cJSON *right)
{
    const cJSON *other = right->child;
    for (const cJSON *element = left->child; element; element = element->next) {
        if (!other || !json_equal(element, other))
            return false;
        other = other->next;
    }
    return !other;
}

static bool numbers_equal(const cJSON *left, const cJSON *right)
{
    int64_t left_integer, right_integer;
    if (json_get_integer(left, &left_integer) && json_get_integer(right, &right_integer))
        return left_integer == right_integer;
    if (cJSON_IsRaw(left) && cJSON_IsRaw(right))
        return strcmp(left->valuestring, right->valuestring) == 0;
    return cJSON_IsNumber(left) && cJSON_IsNumber(right) && left->valuedouble == right->valuedouble;
}

bool json_equal(const cJSON *left, const cJSON *right)
{
    bool is_left_number = cJSON_IsNumber(left) || cJSON_IsRaw(left);
    if (is_left_number)
        return (cJSON_IsNumber(right) || cJSON_IsRaw(right)) && numbers_equal(left, right);
    if ((left->type & 0xFF) != (right->type & 0xFF))
        return false;
    if (cJSON_IsString(left))
        return strcmp(left->valuestring, right->valuestring) == 0;
    if (cJSON_IsObject(left))
        return objects_equal(left, right);
    if (cJSON_IsArray(left))
        return arrays_equal(left, right);
    return true;
}

/* cJSON's lists: the first element's `prev` is the last. */
void json_insert_element(cJSON *array, size_t index, cJSON *value)
{
    cJSON *after = cJSON_GetArrayItem(array, (int) index);
    if (!after) {
        cJSON_AddItemToArray(array, value);
        return;
    }
    value->next = after;
    value->prev = after->prev;
    if (after == array->child)
        array->child = value;
    else
        after->prev->next = value;
    after->prev = value;
}
