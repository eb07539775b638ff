/* The pod editor: changes the pod and records the RFC 6902 operation with its reason, in one call, so that
 * the two cannot differ. Members and elements are given by their owner in the tree and that owner's path.
 *
 * The first failure (only memory can fail) is remembered; later calls do nothing, and editor_check tells. So
 * a sequence of edits is checked once. Values handed over are owned by the editor even then. Not for:
 * deciding what to change.
 */
#pragma once

#include "common/error.h"
#include "common/json.h"
#include "webhook/injection/injection.h"

/* Longer than the texts of all operations on a pod that passed the body limit. */
#define EDITOR_TEXT_BYTES (64u * 1024 * 1024)

struct editor {
    struct recorded_operation *operations; /* owned */
    size_t count;
    size_t reserved;
    struct buffer text; /* the texts of all operations, one after the other */
    bool has_failed;
};

#define EDITOR_INIT ((struct editor){.text = BUFFER_INIT(EDITOR_TEXT_BYTES)})

/* Sets a member: "add" when it is absent (or null), else "replace". Takes `value` (NULL: its making failed).
 */
void editor_set(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                cJSON *value, const char *reason);

/* editor_set with a string, only when the member is not this string already. */
void editor_ensure_string(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                          const char *value, const char *reason);

/* Removes a member that is there (and not null). Absent: does nothing. */
void editor_remove(struct editor *editor, cJSON *object, const struct json_path *path, const char *key,
                   const char *reason);

/* The member `key`, made as an empty object / array (with an "add") when absent. NULL after a failure. */
cJSON *editor_ensure_object(struct editor *editor, cJSON *object, const struct json_path *path,
                            const char *key, const char *reason);
cJSON *editor_ensure_array(struct editor *editor, cJSON *object, const struct json_path *path,
                           const char *key, const char *reason);

/* Adds an element at the end. Takes `value`. */
void editor_append(struct editor *editor, cJSON *array, const struct json_path *path, cJSON *value,
                   const char *reason);

/* Adds an element before the one at `index`. Takes `value`. */
void editor_insert(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                   cJSON *value, const char *reason);

/* Replaces / removes the element at `index`, which exists. */
void editor_replace_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                            cJSON *value, const char *reason);
void editor_remove_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t index,
                           const char *reason);

/* Moves the element at `from` so that it ends up at `to`. */
void editor_move_element(struct editor *editor, cJSON *array, const struct json_path *path, size_t from,
                         size_t to, const char *reason);

/* True when nothing failed; else ERROR_NO_MEMORY. */
bool editor_check(const struct editor *editor, struct error *error) _warn_unused_result_;

/* Hands over the operations recorded, as `operations`, `operation_count` and `text` of the result; fails as
 * editor_check does. */
bool editor_finish(struct editor *editor, struct error *error,
                   struct injection_result *result) _warn_unused_result_;

void editor_done(struct editor *editor);
