/* Mappings: keys become strings, duplicates are refused, merge keys are resolved. Declared in
 * common/yaml_reader.h. */
#include "common/cleanup.h"
#include "common/yaml_reader.h"

#include <stdlib.h>
#include <string.h>

/* A member on its way into the object. */
struct entry {
    cJSON *value; /* with its key; owned until it is linked into the object */
    unsigned line;
    bool is_merged; /* came by `<<` */
    size_t position;
};

struct entries {
    struct entry *items;
    size_t count;
};

static void entries_done(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        cJSON_Delete(entries->items[i].value);
    free(entries->items);
}

/* Takes over `value` in any case. */
static bool entries_add(struct yaml_reader *reader, struct entries *entries, cJSON *value, unsigned line,
                        bool is_merged)
{
    size_t count = entries->count;
    /* The room doubles at each power of two. */
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        struct entry *items = realloc(entries->items, room * sizeof *items);
        if (!items) {
            cJSON_Delete(value);
            return error_set_no_memory(reader->error);
        }
        entries->items = items;
    }
    entries->items[entries->count++] =
        (struct entry){.value = value, .line = line, .is_merged = is_merged, .position = count};
    return true;
}

/* The current event's scalar as a key, for cJSON to free. */
static bool read_key(struct yaml_reader *reader, char **key)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return yaml_reader_fail(reader, ERROR_INVALID, "a key must be a string");
    struct yaml_scalar scalar;
    if (!yaml_reader_resolve(reader, &scalar))
        return false;
    const char *text = (const char *) reader->event.data.scalar.value;
    if (scalar.kind == YAML_NULL || scalar.kind == YAML_FLOAT)
        return yaml_reader_fail(reader, ERROR_INVALID, "the key \"%.64s\" is not a string: quote it", text);
    if (scalar.kind != YAML_STRING)
        text = scalar.kind == YAML_INTEGER ? scalar.number : scalar.kind == YAML_TRUE ? "true" : "false";
    size_t bytes = strlen(text) + 1;
    *key = cJSON_malloc(bytes);
    if (!*key)
        return error_set_no_memory(reader->error);
    memcpy(*key, text, bytes);
    return true;
}

static bool read_member(struct yaml_reader *reader, unsigned depth, struct entries *entries)
{
    unsigned line = yaml_reader_line(reader);
    char *key;
    cJSON *value;
    if (!read_key(reader, &key))
        return false;
    if (!yaml_reader_next(reader) || !yaml_read_node(reader, depth + 1, line, &value)) {
        cJSON_free(key);
        return false;
    }
    value->string = key;
    return entries_add(reader, entries, value, line, false);
}

static bool is_merge_key(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT || strcmp((const char *) event->data.scalar.value, "<<") != 0)
        return false;
    const char *tag = (const char *) event->data.scalar.tag;
    return tag ? strcmp(tag, "tag:yaml.org,2002:merge") == 0
               : event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool merge_mapping(struct yaml_reader *reader, unsigned depth, const cJSON *source, unsigned line,
                          struct entries *entries)
{
    if (!cJSON_IsObject(source))
        return yaml_reader_fail(reader, ERROR_INVALID, "<< needs a mapping or a list of mappings");
    for (const cJSON *member = source->child; member; member = member->next) {
        cJSON *copy;
        if (!yaml_reader_copy(reader, member, depth + 1, line, &copy) ||
            !entries_add(reader, entries, copy, line, true))
            return false;
    }
    return true;
}

/* `<<`: copies the members of a mapping, or of each mapping of a list. The value itself is kept aside, for
 * anchors that lead into it. */
static bool read_merge(struct yaml_reader *reader, unsigned depth, struct entries *entries)
{
    unsigned line = yaml_reader_line(reader);
    cJSON *source;
    if (!reader->merged)
        reader->merged = cJSON_CreateArray();
    if (!reader->merged)
        return error_set_no_memory(reader->error);
    if (!yaml_reader_next(reader) || !yaml_read_node(reader, depth + 1, line, &source))
        return false;
    cJSON_AddItemToArray(reader->merged, source);
    if (!cJSON_IsArray(source))
        return merge_mapping(reader, depth, source, line, entries);
    for (const cJSON *element = source->child; element; element = element->next) {
        if (!merge_mapping(reader, depth, element, line, entries))
            return false;
    }
    return true;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = *(const struct entry *const *) left, *b = *(const struct entry *const *) right;
    int order = strcmp(a->value->string, b->value->string);
    return order ? order : a->position < b->position ? -1 : 1;
}

static bool fail_at(struct yaml_reader *reader, const struct entry *entry, const char *what)
{
    return error_set(reader->error, ERROR_INVALID, "line %u: key \"%.64s\" %s", entry->line,
                     entry->value->string, what);
}

static void drop(struct entry *entry)
{
    cJSON_Delete(entry->value);
    entry->value = NULL;
}

/* `group` holds the entries of one key, in the order of the text: at most one may be written out, and stays;
 * of merged ones the first. */
static bool settle_key(struct yaml_reader *reader, struct entry **group, size_t count)
{
    struct entry *kept = group[0];
    for (size_t i = 1; i < count; i++) {
        if (!kept->is_merged && group[i]->is_merged)
            return fail_at(reader, kept, "stands before a << that brings it too: put << first");
        if (!kept->is_merged)
            return fail_at(reader, group[i], "is there twice");
        struct entry *dropped = group[i]->is_merged ? group[i] : kept;
        kept = group[i]->is_merged ? kept : group[i];
        drop(dropped);
    }
    return true;
}

static bool settle_keys(struct yaml_reader *reader, struct entries *entries)
{
    _cleanup_(freep) struct entry **sorted = malloc((entries->count + 1) * sizeof *sorted);
    if (!sorted)
        return error_set_no_memory(reader->error);
    for (size_t i = 0; i < entries->count; i++)
        sorted[i] = &entries->items[i];
    qsort(sorted, entries->count, sizeof *sorted, compare_entries);
    for (size_t start = 0, end; start < entries->count; start = end) {
        end = start + 1;
        while (end < entries->count && strcmp(sorted[start]->value->string, sorted[end]->value->string) == 0)
            end++;
        if (!settle_key(reader, &sorted[start], end - start))
            return false;
    }
    return true;
}

bool yaml_read_mapping(struct yaml_reader *reader, unsigned depth, unsigned line, cJSON **item)
{
    _cleanup_(entries_done) struct entries entries = {0};
    _cleanup_(cJSON_Deletep) cJSON *object = yaml_reader_create(reader, cJSON_Object, line);
    if (!object || !yaml_reader_next(reader))
        return false;
    bool has_merge = false;
    while (reader->event.type != YAML_MAPPING_END_EVENT) {
        bool is_merge = is_merge_key(&reader->event);
        if (is_merge && has_merge)
            return yaml_reader_fail(reader, ERROR_INVALID, "key \"<<\" is there twice: use one with a list");
        has_merge = has_merge || is_merge;
        if (!(is_merge ? read_merge(reader, depth, &entries) : read_member(reader, depth, &entries)) ||
            !yaml_reader_next(reader))
            return false;
    }
    if (!settle_keys(reader, &entries))
        return false;
    for (size_t i = 0; i < entries.count; i++) {
        cJSON *value = take_pointer(&entries.items[i].value);
        if (value)
            cJSON_AddItemToArray(object, value); /* it has its key already */
    }
    *item = take_pointer(&object);
    return true;
}
