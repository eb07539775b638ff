#include "driver/sandboxes/document.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_DEPTH 128

/* Integers up to here are exact in the doubles that a Struct carries. */
#define EXACT_INTEGER_MAXIMUM 9007199254740992.0

/* Struct, Value and ListValue nest three message levels per level of JSON, which the guard bounds. */
struct conversion {
    struct tree *tree;
    struct error *error;
};

static bool add_value(struct conversion *conversion, cJSON *parent, const char *key,
                      const Google__Protobuf__Value *value);

/* Protobuf maps are lists on the wire. Sorting makes the document independent of their order; entries of the
 * same key stay in theirs, so that adding them in turn lets the last one win. */
struct map_item {
    const char *key;
    size_t position;
};

static int compare_items(const void *left, const void *right)
{
    const struct map_item *first = left, *second = right;
    int order = strcmp(first->key, second->key);
    if (order)
        return order;
    return first->position < second->position ? -1 : 1;
}

static bool is_last_of_key(const struct map_item *items, size_t count, size_t index)
{
    return index + 1 == count || strcmp(items[index].key, items[index + 1].key) != 0;
}

static bool add_struct_fields(struct conversion *conversion, cJSON *object,
                              const Google__Protobuf__Struct *map)
{
    _cleanup_(freep) struct map_item *items = calloc(map->n_fields + 1, sizeof *items);
    if (!items)
        return error_set_no_memory(conversion->error);
    for (size_t index = 0; index < map->n_fields; index++)
        items[index] = (struct map_item){map->fields[index]->key, index};
    qsort(items, map->n_fields, sizeof *items, compare_items);
    for (size_t index = 0; index < map->n_fields; index++) {
        if (is_last_of_key(items, map->n_fields, index) &&
            !add_value(conversion, object, items[index].key, map->fields[items[index].position]->value))
            return false;
    }
    return true;
}

static bool add_number(struct conversion *conversion, cJSON *parent, const char *key, double number)
{
    if (!isfinite(number))
        return error_set(conversion->error, ERROR_INVALID, "a number that is not finite");
    if (number == floor(number) && fabs(number) <= EXACT_INTEGER_MAXIMUM) {
        tree_add_integer(conversion->tree, parent, key, (int64_t) number);
        return true;
    }
    _cleanup_(cJSON_Deletep) cJSON *value = cJSON_CreateNumber(number);
    if (!value)
        return error_set_no_memory(conversion->error);
    tree_add_copy(conversion->tree, parent, key, value);
    return true;
}

/* Elements are built as the member of a scratch object and then moved into the array. */
static bool add_list(struct conversion *conversion, cJSON *parent, const char *key,
                     const Google__Protobuf__ListValue *list)
{
    cJSON *array = tree_add_array(conversion->tree, parent, key);
    for (size_t index = 0; index < list->n_values; index++) {
        _cleanup_(cJSON_Deletep) cJSON *scratch = cJSON_CreateObject();
        if (!scratch)
            return error_set_no_memory(conversion->error);
        if (!add_value(conversion, scratch, "element", list->values[index]))
            return false;
        cJSON *element = cJSON_DetachItemFromObjectCaseSensitive(scratch, "element");
        if (!element || !array || !cJSON_AddItemToArray(array, element)) {
            cJSON_Delete(element);
            return error_set_no_memory(conversion->error);
        }
    }
    return true;
}

static bool add_value(struct conversion *conversion, cJSON *parent, const char *key,
                      const Google__Protobuf__Value *value)
{
    struct tree *tree = conversion->tree;

    switch (value->kind_case) {
    case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
        tree_add_string(tree, parent, key, value->string_value);
        return true;
    case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
        tree_add_boolean(tree, parent, key, value->bool_value);
        return true;
    case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
        return add_number(conversion, parent, key, value->number_value);
    case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
        return add_struct_fields(conversion, tree_add_object(tree, parent, key), value->struct_value);
    case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
        return add_list(conversion, parent, key, value->list_value);
    default:
        tree_add_null(tree, parent, key);
        return true;
    }
}

static bool add_struct(struct conversion *conversion, cJSON *parent, const char *key,
                       const Google__Protobuf__Struct *map)
{
    if (!map || map->n_fields == 0)
        return true;
    if (add_struct_fields(conversion, tree_add_object(conversion->tree, parent, key), map))
        return true;
    return error_prefix(conversion->error, "spec.template.%s", key);
}

/* All `map<string, string>` entries are laid out alike, but are types of their own to the compiler. */
typedef Compute__DriverSandboxTemplate__LabelsEntry string_entry;
_Static_assert(sizeof(string_entry) == sizeof(Compute__DriverSandboxSpec__EnvironmentEntry) &&
                   offsetof(string_entry, value) ==
                       offsetof(Compute__DriverSandboxTemplate__EnvironmentEntry, value),
               "entries of string maps are alike");

static bool add_strings(struct conversion *conversion, cJSON *parent, const char *key, const void *entries,
                        size_t count)
{
    const string_entry *const *strings = entries;
    if (count == 0)
        return true;
    _cleanup_(freep) struct map_item *items = calloc(count, sizeof *items);
    if (!items)
        return error_set_no_memory(conversion->error);
    for (size_t index = 0; index < count; index++)
        items[index] = (struct map_item){strings[index]->key, index};
    qsort(items, count, sizeof *items, compare_items);
    cJSON *object = tree_add_object(conversion->tree, parent, key);
    for (size_t index = 0; index < count; index++) {
        if (is_last_of_key(items, count, index))
            tree_add_string(conversion->tree, object, items[index].key,
                            strings[items[index].position]->value);
    }
    return true;
}

static void add_resources(struct tree *tree, cJSON *parent,
                          const Compute__DriverResourceRequirements *resources)
{
    if (!resources)
        return;
    cJSON *object = tree_add_object(tree, parent, "resources");
    tree_add_text(tree, object, "cpu_request", resources->cpu_request);
    tree_add_text(tree, object, "cpu_limit", resources->cpu_limit);
    tree_add_text(tree, object, "memory_request", resources->memory_request);
    tree_add_text(tree, object, "memory_limit", resources->memory_limit);
}

static bool add_template(struct conversion *conversion, cJSON *root,
                         const Compute__DriverSandboxTemplate *template)
{
    if (!template)
        return true;
    cJSON *object = tree_add_object(conversion->tree, root, "template");
    tree_add_text(conversion->tree, object, "image", template->image);
    add_resources(conversion->tree, object, template->resources);
    return add_strings(conversion, object, "labels", template->labels, template->n_labels) &&
           add_strings(conversion, object, "environment", template->environment, template->n_environment) &&
           add_struct(conversion, object, "platform_config", template->platform_config) &&
           add_struct(conversion, object, "driver_config", template->driver_config);
}

static void add_gpu(struct tree *tree, cJSON *root, const Compute__ResourceRequirements *requirements)
{
    if (!requirements || !requirements->gpu)
        return;
    const Compute__GpuResourceRequirements *gpu = requirements->gpu;
    cJSON *object = tree_add_object(tree, root, "gpu");
    if (gpu->count_presence_case == COMPUTE__GPU_RESOURCE_REQUIREMENTS__COUNT_PRESENCE_COUNT)
        tree_add_integer(tree, object, "count", gpu->count);
}

static bool add_spec(struct conversion *conversion, cJSON *root, const Compute__DriverSandboxSpec *spec)
{
    if (!spec)
        return true;
    struct tree *tree = conversion->tree;
    tree_add_text(tree, root, "log_level", spec->log_level);
    if (spec->n_command > 0) {
        cJSON *command = tree_add_array(tree, root, "command");
        for (size_t index = 0; index < spec->n_command; index++)
            tree_append_string(tree, command, spec->command[index]);
    }
    tree_add_boolean(tree, root, "tty", spec->tty);
    add_gpu(tree, root, spec->resource_requirements);
    return add_strings(conversion, root, "environment", spec->environment, spec->n_environment) &&
           add_template(conversion, root, spec->template_);
}

bool document_from_message(const Compute__DriverSandbox *sandbox, struct error *error, cJSON **document)
{
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    struct conversion conversion = {&tree, error};
    tree_add_integer(&tree, tree.root, "version", DOCUMENT_VERSION);
    tree_add_string(&tree, tree.root, "id", sandbox->id);
    tree_add_string(&tree, tree.root, "name", sandbox->name);
    tree_add_string(&tree, tree.root, "workspace",
                    *sandbox->workspace ? sandbox->workspace : WORKSPACE_DEFAULT);
    return add_spec(&conversion, tree.root, sandbox->spec) && tree_take(&tree, error, document);
}

bool document_parse(const char *text, size_t length, struct error *error, cJSON **document)
{
    static const struct json_limits limits = {DOCUMENT_BYTES_MAXIMUM, DOCUMENT_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *parsed = NULL;
    const char *ignored;
    int64_t version;
    if (!json_parse(text, length, &limits, error, &parsed) ||
        !json_read_integer(parsed, JSON_ROOT, "version", 0, INT32_MAX, 0, error, &version))
        return false;
    if (version != DOCUMENT_VERSION)
        return error_set(error, ERROR_INVALID, "version: %d is understood, not %d", DOCUMENT_VERSION,
                         (int) version);
    if (!json_require_string(parsed, JSON_ROOT, "id", error, &ignored) ||
        !json_require_string(parsed, JSON_ROOT, "name", error, &ignored) ||
        !json_require_string(parsed, JSON_ROOT, "workspace", error, &ignored))
        return false;
    *document = take_pointer(&parsed);
    return true;
}

const char *document_id(const cJSON *document)
{
    return json_member(document, "id")->valuestring;
}

const char *document_name(const cJSON *document)
{
    return json_member(document, "name")->valuestring;
}

const char *document_workspace(const cJSON *document)
{
    return json_member(document, "workspace")->valuestring;
}
