#include "common/json.h"

#include "common/cleanup.h"
#include "common/json_scan.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Up to here duplicate keys are looked for pair by pair; larger objects are sorted. */
#define PAIRWISE_KEYS 24

static int compare_keys(const void *left, const void *right)
{
    return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static bool set_duplicate(struct error *error, const char *key)
{
    return error_set(error, ERROR_INVALID, "JSON: duplicate member name \"%.64s\"", key);
}

static bool check_many_keys(const cJSON *object, size_t count, struct error *error)
{
    _cleanup_(freep) const char **keys = malloc(count * sizeof *keys);
    if (!keys)
        return error_set_no_memory(error);
    size_t at = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        keys[at++] = member->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return set_duplicate(error, keys[i]);
    }
    return true;
}

static bool check_keys(const cJSON *object, struct error *error)
{
    size_t count = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        count++;
    if (count > PAIRWISE_KEYS)
        return check_many_keys(object, count, error);
    for (const cJSON *member = object->child; member; member = member->next) {
        for (const cJSON *other = member->next; other; other = other->next) {
            if (member->string[0] == other->string[0] && strcmp(member->string, other->string) == 0)
                return set_duplicate(error, member->string);
        }
    }
    return true;
}

/* A number whose text matters becomes a raw item holding that text. */
static bool keep_number_text(cJSON *number, const struct json_number *kept, struct error *error)
{
    char *text = cJSON_malloc(kept->length + 1);
    if (!text)
        return error_set_no_memory(error);
    memcpy(text, kept->text, kept->length);
    text[kept->length] = '\0';
    number->valuestring = text;
    number->type = cJSON_Raw;
    return true;
}

struct finishing {
    const struct json_scan *scan;
    size_t numbers_seen;
    size_t numbers_kept;
};

/* Walks the tree in the order of the text. Recursion is bounded by the depth limit of the scan. */
static bool finish_tree(cJSON *value, struct finishing *finishing, struct error *error)
{
    if (cJSON_IsNumber(value)) {
        const struct json_scan *scan = finishing->scan;
        size_t ordinal = finishing->numbers_seen++;
        if (finishing->numbers_kept < scan->number_count &&
            scan->numbers[finishing->numbers_kept].ordinal == ordinal)
            return keep_number_text(value, &scan->numbers[finishing->numbers_kept++], error);
        return true;
    }
    if (cJSON_IsObject(value) && !check_keys(value, error))
        return false;
    for (cJSON *child = value->child; child; child = child->next) {
        if (!finish_tree(child, finishing, error))
            return false;
    }
    return true;
}

bool json_parse(const char *text, size_t length, const struct json_limits *limits, struct error *error,
                cJSON **value)
{
    struct json_scan scan;
    if (!json_scan_text(text, length, limits, error, &scan))
        return false;
    _cleanup_(freep) struct json_number *numbers = scan.numbers;
    _cleanup_(cJSON_Deletep) cJSON *tree = cJSON_ParseWithLength(text, length);
    if (!tree) /* the scan accepted the text, so only memory can be missing */
        return error_set_no_memory(error);
    struct finishing finishing = {.scan = &scan};
    if (!finish_tree(tree, &finishing, error))
        return false;
    (void) numbers;
    *value = take_pointer(&tree);
    return true;
}

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
