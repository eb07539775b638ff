/* Lists and maps of strings. Declared in configuration_value.h and configuration.h. */
#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/injection/configuration_value.h"

#include <stdlib.h>
#include <string.h>

void string_list_done(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

void string_map_done(struct string_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->keys[i]);
        free(map->values[i]);
    }
    free(map->keys);
    free(map->values);
    *map = (struct string_map){0};
}

/* Hand over what is held, leaving nothing. */
static struct string_list take_list(struct string_list *list)
{
    struct string_list taken = *list;
    *list = (struct string_list){0};
    return taken;
}

static struct string_map take_map(struct string_map *map)
{
    struct string_map taken = *map;
    *map = (struct string_map){0};
    return taken;
}

static bool check_item(const struct option *option, const cJSON *item, struct error *error)
{
    if (!cJSON_IsString(item))
        return error_set(error, ERROR_INVALID, "must be a string");
    if (!*item->valuestring)
        return error_set(error, ERROR_INVALID, "must not be empty");
    return check_text(item->valuestring, CONFIGURATION_STRING_BYTES, error) &&
           option->check(item->valuestring, error);
}

bool string_list_read(const struct option *option, const cJSON *array, struct error *error,
                      const cJSON **culprit, struct string_list *list)
{
    if (!cJSON_IsArray(array))
        return set_wrong_type(option, "a list of strings", error);
    size_t count = (size_t) cJSON_GetArraySize(array);
    if (count > CONFIGURATION_LIST_ITEMS)
        return error_set(error, ERROR_INVALID, "%s: must have at most %d items", option->key,
                         CONFIGURATION_LIST_ITEMS);
    _cleanup_(string_list_done) struct string_list read = {.items = calloc(count + 1, sizeof *read.items)};
    if (!read.items)
        return error_set_no_memory(error);
    for (const cJSON *item = array->child; item; item = item->next) {
        *culprit = item;
        if (!check_item(option, item, error))
            return error_prefix(error, "%s[%zu]", option->key, read.count);
        read.items[read.count] = strdup(item->valuestring);
        if (!read.items[read.count])
            return error_set_no_memory(error);
        read.count++;
    }
    *list = take_list(&read);
    return true;
}

static bool check_member(const struct option *option, const cJSON *member, struct error *error)
{
    if (!cJSON_IsString(member))
        return error_set(error, ERROR_INVALID, "must be a string");
    return check_text(member->string, CONFIGURATION_STRING_BYTES, error) &&
           (option->takes_lines ? check_lines : check_text)(member->valuestring, CONFIGURATION_MAP_BYTES,
                                                            error) &&
           option->check_entry(member->string, member->valuestring, error);
}

static int compare_keys(const void *left, const void *right)
{
    return strcmp((*(const cJSON *const *) left)->string, (*(const cJSON *const *) right)->string);
}

/* The members in the order of their keys. */
static const cJSON **sort_members(const cJSON *object, size_t count)
{
    const cJSON **members = malloc((count + 1) * sizeof *members);
    size_t filled = 0;
    for (const cJSON *member = members ? object->child : NULL; member; member = member->next)
        members[filled++] = member;
    if (members)
        qsort(members, count, sizeof *members, compare_keys);
    return members;
}

static bool copy_member(const cJSON *member, struct error *error, struct string_map *map)
{
    map->keys[map->count] = strdup(member->string);
    map->values[map->count] = strdup(member->valuestring);
    /* Counted in any case: string_map_done takes one that is half there. */
    map->count++;
    return (map->keys[map->count - 1] && map->values[map->count - 1]) || error_set_no_memory(error);
}

/* Entry by entry; `map` has room for all of them. */
static bool read_members(const struct option *option, const cJSON *const *members, size_t count,
                         struct error *error, const cJSON **culprit, struct string_map *map)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        *culprit = members[i];
        if (!check_member(option, members[i], error))
            return error_prefix(error, "%s[%s]", option->key, members[i]->string);
        bytes += strlen(members[i]->string) + strlen(members[i]->valuestring);
        if (bytes > CONFIGURATION_MAP_BYTES)
            return error_set(error, ERROR_INVALID, "%s: keys and values must have at most %d bytes together",
                             option->key, CONFIGURATION_MAP_BYTES);
        if (!copy_member(members[i], error, map))
            return false;
    }
    return true;
}

bool string_map_read(const struct option *option, const cJSON *object, struct error *error,
                     const cJSON **culprit, struct string_map *map)
{
    if (!cJSON_IsObject(object))
        return set_wrong_type(option, "a map of strings", error);
    size_t count = (size_t) cJSON_GetArraySize(object);
    if (count > CONFIGURATION_MAP_ENTRIES)
        return error_set(error, ERROR_INVALID, "%s: must have at most %d entries", option->key,
                         CONFIGURATION_MAP_ENTRIES);
    _cleanup_(freep) const cJSON **members = sort_members(object, count);
    _cleanup_(string_map_done) struct string_map read = {
        .keys = calloc(count + 1, sizeof *read.keys),
        .values = calloc(count + 1, sizeof *read.values),
    };
    if (!members || !read.keys || !read.values)
        return error_set_no_memory(error);
    if (!read_members(option, members, count, error, culprit, &read))
        return false;
    *map = take_map(&read);
    return true;
}
