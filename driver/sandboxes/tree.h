/* Writes JSON trees of Kubernetes objects: every function may be called after a failure and does nothing
 * then, so that a builder reads like the object it builds and checks once, at the end.
 *
 * Not for: reading (common/json.h).
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdint.h>

struct tree {
    cJSON *root; /* owned until tree_take */
    bool has_failed;
};

/* Starts with an empty object as the root. Needs tree_done. */
void tree_init(struct tree *tree);
void tree_done(struct tree *tree);

/* Adds to `parent`, an object of this tree, and returns what was added; NULL after a failure. NULL as the
 * parent is accepted, as the result of an earlier failure. A member of that name is replaced. */
cJSON *tree_add_object(struct tree *tree, cJSON *parent, const char *key);
cJSON *tree_add_array(struct tree *tree, cJSON *parent, const char *key);
void tree_add_string(struct tree *tree, cJSON *parent, const char *key, const char *value);
void tree_add_boolean(struct tree *tree, cJSON *parent, const char *key, bool value);
void tree_add_null(struct tree *tree, cJSON *parent, const char *key);
void tree_add_integer(struct tree *tree, cJSON *parent, const char *key, int64_t value);
void tree_add_copy(struct tree *tree, cJSON *parent, const char *key, const cJSON *value);
/* Like tree_add_string, but an empty string adds nothing. */
void tree_add_text(struct tree *tree, cJSON *parent, const char *key, const char *value);

/* Append to `array`, an array of this tree. */
cJSON *tree_append_object(struct tree *tree, cJSON *array);
void tree_append_string(struct tree *tree, cJSON *array, const char *value);
void tree_append_copy(struct tree *tree, cJSON *array, const cJSON *value);

/* Copies every member of `source` (NULL: none) into `target`, replacing those of the same name. */
void tree_merge(struct tree *tree, cJSON *target, const cJSON *source);

/* Sorts the members of an object of this tree by name. */
void tree_sort(struct tree *tree, cJSON *object);

/* Hands the root over (cJSON_Delete), or fails with ERROR_NO_MEMORY when anything failed before. */
bool tree_take(struct tree *tree, struct error *error, cJSON **root) _warn_unused_result_;
