#include "webhook/injection/editor.h"

#include "common/cleanup.h"

#include <string.h>

/* Longer than any pointer into a pod whose keys passed the body limit. */
#define POINTER_BYTES (8u * 1024 * 1024)
#define FIRST_OPERATIONS 32

static bool fail(struct editor *editor)
{
    editor->has_failed = true;
    return false;
}

static char *print_pointer(const struct json_path *path)
{
    struct buffer buffer = BUFFER_INIT(POINTER_BYTES);
    char *pointer = NULL;
    json_path_append_pointer(path, &buffer);
    if (!buffer_take(&buffer, NULL, &pointer))
        pointer = NULL;
    buffer_done(&buffer);
    return pointer;
}

static bool reserve_operation(struct editor *editor)
{
    if (editor->count < editor->reserved)
        return true;
    size_t reserved = editor->reserved ? editor->reserved * 2 : FIRST_OPERATIONS;
    struct injection_operation *operations = realloc(editor->operations, reserved * sizeof *operations);
    if (!operations)
        return fail(editor);
    editor->operations = operations;
    editor->reserved = reserved;
    return true;
}

static void operation_done(struct injection_operation *operation)
{
    free(operation->path);
    free(operation->from);
    free(operation->value);
}

/* Records one operation; `from` and `value` may be NULL. The value is printed here, so that it stays what it
 * was whatever is changed in the tree later. */
static bool record(struct editor *editor, const char *verb, const struct json_path *path,
                   const struct json_path *from, const cJSON *value, const char *reason)
{
    if (editor->has_failed || !reserve_operation(editor))
        return fail(editor);
    struct injection_operation operation = {.verb = verb, .reason = reason, .path = print_pointer(path)};
    if (from)
        operation.from = print_pointer(from);
    if (value)
        operation.value = cJSON_PrintUnformatted(value);
    if (!operation.path || (from && !operation.from) || (value && !operation.value)) {
        operation_done(&operation);
        return fail(editor);
    }
    editor->operations[editor->count++] = operation;
    return true;
}

/* The member as cJSON has it, null included. */
static cJSON *find_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

void editor_set(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                cJSON *value, const char *reason)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    if (!owned || !object || editor->has_failed) {
        fail(editor);
        return;
    }
    cJSON *present = find_member(object, key);
    const char *verb = present && !cJSON_IsNull(present) ? "replace" : "add";
    if (!record(editor, verb, JSON_MEMBER(path, key), NULL, owned, reason))
        return;
    bool is_done = present ? cJSON_ReplaceItemInObjectCaseSensitive(object, key, owned)
                           : cJSON_AddItemToObject(object, key, owned);
    if (!is_done) {
        fail(editor);
        return;
    }
    owned = NULL;
}

void editor_ensure_string(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                          const char *value, const char *reason)
{
    const cJSON *present = json_member(object, key);
    if (cJSON_IsString(present) && strcmp(present->valuestring, value) == 0)
        return;
    editor_set(editor, object, path, key, cJSON_CreateString(value), reason);
}

void editor_remove(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                   const char *reason)
{
    if (!json_member(object, key))
        return;
    if (record(editor, "remove", JSON_MEMBER(path, key), NULL, NULL, reason))
        cJSON_DeleteItemFromObjectCaseSensitive(object, key);
}

cJSON *editor_ensure_object(struct editor *editor, cJSON *object, const struct json_path *path,
                            const char *key, const char *reason)
{
    if (!json_member(object, key))
        editor_set(editor, object, path, key, cJSON_CreateObject(), reason);
    return editor->has_failed ? NULL : json_member(object, key);
}

cJSON *editor_ensure_array(struct editor *editor, cJSON *object, const struct json_path *path,
                           const char *key, const char *reason)
{
    if (!json_member(object, key))
        editor_set(editor, object, path, key, cJSON_CreateArray(), reason);
    return editor->has_failed ? NULL : json_member(object, key);
}

void editor_append(struct editor *editor, cJSON *array, const struct json_path *path, cJSON *value,
                   const char *reason)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    if (!owned || !array) {
        fail(editor);
        return;
    }
    if (record(editor, "add", JSON_MEMBER(path, "-"), NULL, owned, reason) &&
        cJSON_AddItemToArray(array, owned))
        owned = NULL;
}

/* cJSON cannot insert before the end of an array without this distinction. */
static bool insert_into(cJSON *array, size_t index, cJSON *value)
{
    if (index >= (size_t) cJSON_GetArraySize(array))
        return cJSON_AddItemToArray(array, value);
    return cJSON_InsertItemInArray(array, (int) index, value);
}

void editor_insert(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                   cJSON *value, const char *reason)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    if (!owned || !array) {
        fail(editor);
        return;
    }
    if (record(editor, "add", JSON_ELEMENT(path, index), NULL, owned, reason) &&
        insert_into(array, index, owned))
        owned = NULL;
}

void editor_replace_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                            cJSON *value, const char *reason)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    if (!owned || !array) {
        fail(editor);
        return;
    }
    if (record(editor, "replace", JSON_ELEMENT(path, index), NULL, owned, reason) &&
        cJSON_ReplaceItemInArray(array, (int) index, owned))
        owned = NULL;
}

void editor_remove_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                           const char *reason)
{
    if (record(editor, "remove", JSON_ELEMENT(path, index), NULL, NULL, reason))
        cJSON_DeleteItemFromArray(array, (int) index);
}

void editor_move_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t from,
                         size_t to, const char *reason)
{
    if (!record(editor, "move", JSON_ELEMENT(path, to), JSON_ELEMENT(path, from), NULL, reason))
        return;
    cJSON *element = cJSON_DetachItemFromArray(array, (int) from);
    if (!insert_into(array, to, element))
        cJSON_Delete(element);
}

bool editor_check(const struct editor *editor, struct error *error)
{
    return !editor->has_failed || error_set_no_memory(error);
}

void editor_done(struct editor *editor)
{
    for (size_t i = 0; i < editor->count; i++)
        operation_done(&editor->operations[i]);
    free(editor->operations);
    *editor = (struct editor){0};
}
