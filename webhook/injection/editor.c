#include "webhook/injection/editor.h"

#include "common/cleanup.h"

#include <string.h>

/* Enough for an ordinary pod without growing. */
#define FIRST_OPERATIONS 48
#define FIRST_TEXT_BYTES 6144

/* An operation whose texts are places in the editor's buffer, which still moves. */
struct recorded_operation {
    const char *verb;
    const char *reason;
    size_t path;
    size_t from;  /* NO_TEXT: none */
    size_t value; /* NO_TEXT: none */
};

#define NO_TEXT SIZE_MAX

static bool fail(struct editor *editor)
{
    editor->has_failed = true;
    return false;
}

static bool reserve_operation(struct editor *editor)
{
    if (editor->count < editor->reserved)
        return true;
    size_t reserved = editor->reserved ? editor->reserved * 2 : FIRST_OPERATIONS;
    struct recorded_operation *operations = realloc(editor->operations, reserved * sizeof *operations);
    if (!operations)
        return fail(editor);
    editor->operations = operations;
    editor->reserved = reserved;
    return true;
}

static size_t print_pointer(struct buffer *text, const struct json_path *path)
{
    size_t start = text->length;
    json_path_append_pointer(path, text);
    buffer_append_character(text, '\0');
    return start;
}

/* The value is printed now, so that it stays what it was whatever is changed in the tree later. */
static size_t print_value(struct buffer *text, const cJSON *value)
{
    size_t start = text->length;
    json_append(text, value);
    buffer_append_character(text, '\0');
    return start;
}

/* Records one operation; `from` and `value` may be NULL. */
static bool record(struct editor *editor, const char *verb, const struct json_path *path,
                   const struct json_path *from, const cJSON *value, const char *reason)
{
    struct buffer *text = &editor->text;
    if (editor->has_failed || !reserve_operation(editor) ||
        (text->length == 0 && !buffer_reserve(text, FIRST_TEXT_BYTES)))
        return fail(editor);
    editor->operations[editor->count] = (struct recorded_operation){
        .verb = verb,
        .reason = reason,
        .path = print_pointer(text, path),
        .from = from ? print_pointer(text, from) : NO_TEXT,
        .value = value ? print_value(text, value) : NO_TEXT,
    };
    if (!buffer_check(text, NULL))
        return fail(editor);
    editor->count++;
    return true;
}

/* The member as cJSON has it, null included. */
static cJSON *find_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* cJSON_ReplaceItemInObject of 1.7.15 goes on without a name when there is no memory for it. */
static bool replace_member(cJSON *object, cJSON *present, const char *key, cJSON *value)
{
    char *name = cJSON_malloc(strlen(key) + 1);
    if (!name)
        return false;
    memcpy(name, key, strlen(key) + 1);
    value->string = name;
    return cJSON_ReplaceItemViaPointer(object, present, value);
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
    bool is_done =
        present ? replace_member(object, present, key, owned) : cJSON_AddItemToObject(object, key, owned);
    if (is_done)
        owned = NULL;
    else
        fail(editor);
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

void editor_insert(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                   cJSON *value, const char *reason)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    if (!owned || !array) {
        fail(editor);
        return;
    }
    if (record(editor, "add", JSON_ELEMENT(path, index), NULL, owned, reason))
        json_insert_element(array, index, take_pointer(&owned));
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
    json_insert_element(array, to, cJSON_DetachItemFromArray(array, (int) from));
}

bool editor_check(const struct editor *editor, struct error *error)
{
    return !editor->has_failed || error_set_no_memory(error);
}

bool editor_finish(struct editor *editor, struct error *error, struct injection_result *result)
{
    if (!editor_check(editor, error))
        return false;
    if (editor->count == 0)
        return true;
    struct injection_operation *operations = calloc(editor->count, sizeof *operations);
    if (!operations)
        return error_set_no_memory(error);
    char *text = take_pointer(&editor->text.data);
    for (size_t i = 0; i < editor->count; i++) {
        const struct recorded_operation *recorded = &editor->operations[i];
        operations[i] = (struct injection_operation){
            .verb = recorded->verb,
            .path = text + recorded->path,
            .from = recorded->from == NO_TEXT ? NULL : text + recorded->from,
            .value = recorded->value == NO_TEXT ? NULL : text + recorded->value,
            .reason = recorded->reason,
        };
    }
    result->operations = operations;
    result->operation_count = editor->count;
    result->text = text;
    return true;
}

void editor_done(struct editor *editor)
{
    free(editor->operations);
    buffer_done(&editor->text);
    *editor = EDITOR_INIT;
}
