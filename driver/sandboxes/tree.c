#include "driver/sandboxes/tree.h"

#include "common/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tree_init(struct tree *tree)
{
    tree->root = cJSON_CreateObject();
    tree->has_failed = !tree->root;
}

void tree_done(struct tree *tree)
{
    cJSON_Delete(take_pointer(&tree->root));
}

/* Puts `item`, which it takes over, into the object. */
static cJSON *put(struct tree *tree, cJSON *parent, const char *key, cJSON *item)
{
    if (parent && item) {
        cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
        if (cJSON_AddItemToObject(parent, key, item))
            return item;
    }
    cJSON_Delete(item);
    tree->has_failed = true;
    return NULL;
}

static cJSON *append(struct tree *tree, cJSON *array, cJSON *item)
{
    if (array && item && cJSON_AddItemToArray(array, item))
        return item;
    cJSON_Delete(item);
    tree->has_failed = true;
    return NULL;
}

cJSON *tree_add_object(struct tree *tree, cJSON *parent, const char *key)
{
    return put(tree, parent, key, cJSON_CreateObject());
}

cJSON *tree_add_array(struct tree *tree, cJSON *parent, const char *key)
{
    return put(tree, parent, key, cJSON_CreateArray());
}

void tree_add_string(struct tree *tree, cJSON *parent, const char *key, const char *value)
{
    put(tree, parent, key, cJSON_CreateString(value));
}

void tree_add_boolean(struct tree *tree, cJSON *parent, const char *key, bool value)
{
    put(tree, parent, key, cJSON_CreateBool(value));
}

void tree_add_null(struct tree *tree, cJSON *parent, const char *key)
{
    put(tree, parent, key, cJSON_CreateNull());
}

void tree_add_integer(struct tree *tree, cJSON *parent, const char *key, int64_t value)
{
    /* cJSON prints numbers through a double, which would round large ones. */
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long) value);
    put(tree, parent, key, cJSON_CreateRaw(text));
}

void tree_add_copy(struct tree *tree, cJSON *parent, const char *key, const cJSON *value)
{
    put(tree, parent, key, cJSON_Duplicate(value, true));
}

void tree_add_text(struct tree *tree, cJSON *parent, const char *key, const char *value)
{
    if (*value)
        tree_add_string(tree, parent, key, value);
}

cJSON *tree_append_object(struct tree *tree, cJSON *array)
{
    return append(tree, array, cJSON_CreateObject());
}

void tree_append_string(struct tree *tree, cJSON *array, const char *value)
{
    append(tree, array, cJSON_CreateString(value));
}

void tree_append_copy(struct tree *tree, cJSON *array, const cJSON *value)
{
    append(tree, array, cJSON_Duplicate(value, true));
}

void tree_merge(struct tree *tree, cJSON *target, const cJSON *source)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, source) tree_add_copy(tree, target, member->string, member);
}

static int compare_members(const void *left, const void *right)
{
    return strcmp((*(cJSON *const *) left)->string, (*(cJSON *const *) right)->string);
}

void tree_sort(struct tree *tree, cJSON *object)
{
    size_t count = (size_t) cJSON_GetArraySize(object), index = 0;
    if (count < 2)
        return;
    _cleanup_(freep) cJSON **members = calloc(count, sizeof(cJSON *));
    if (!members) {
        tree->has_failed = true;
        return;
    }
    for (cJSON *member = object->child; member; member = member->next)
        members[index++] = member;
    qsort(members, count, sizeof *members, compare_members);
    /* cJSON's list: `next` ends with NULL, the first one's `prev` is the last. */
    for (index = 0; index < count; index++) {
        members[index]->prev = members[index ? index - 1 : count - 1];
        members[index]->next = index + 1 < count ? members[index + 1] : NULL;
    }
    object->child = members[0];
}

bool tree_take(struct tree *tree, struct error *error, cJSON **root)
{
    if (tree->has_failed)
        return error_set_no_memory(error);
    *root = take_pointer(&tree->root);
    return true;
}
