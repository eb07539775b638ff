#include "webhook/commands/patch_replay.h"

#include "common/cleanup.h"
#include "common/json.h"

#include <string.h>

/* Where a pointer leads: a member or an element of `owner`. */
struct target {
    cJSON *owner;
    char *key; /* the last part, unescaped */
};

static void unescape(char *part)
{
    char *to = part;
    for (const char *from = part; *from; from++) {
        if (*from == '~' && (from[1] == '0' || from[1] == '1'))
            *to++ = *++from == '1' ? '/' : '~';
        else
            *to++ = *from;
    }
    *to = '\0';
}

static bool is_end(const char *key)
{
    return strcmp(key, "-") == 0;
}

static int element_index(const cJSON *array, const char *key)
{
    return is_end(key) ? cJSON_GetArraySize(array) : (int) strtol(key, NULL, 10);
}

static cJSON *find(const struct target *target)
{
    if (cJSON_IsArray(target->owner))
        return cJSON_GetArrayItem(target->owner, element_index(target->owner, target->key));
    return cJSON_GetObjectItemCaseSensitive(target->owner, target->key);
}

/* Splits `pointer` in place and walks down to the owner of its last part. NULL as owner: there is none. */
static struct target resolve(cJSON *pod, char *pointer)
{
    struct target target = {.owner = pod};
    char *rest = pointer;
    strsep(&rest, "/");
    target.key = strsep(&rest, "/");
    while (target.key) {
        unescape(target.key);
        if (!rest || !target.owner)
            return target;
        target.owner = find(&target);
        target.key = strsep(&rest, "/");
    }
    return (struct target){0};
}

static cJSON *detach(const struct target *target)
{
    cJSON *found = find(target);
    return found ? cJSON_DetachItemViaPointer(target->owner, found) : NULL;
}

/* Takes over `value`. */
static bool insert(const struct target *target, cJSON *value)
{
    if (!cJSON_IsArray(target->owner))
        return cJSON_AddItemToObject(target->owner, target->key, value);
    json_insert_element(target->owner, (size_t) element_index(target->owner, target->key), value);
    return true;
}

static bool put(const struct target *target, const char *value_text, struct error *error)
{
    const struct json_limits limits = {.bytes = strlen(value_text), .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    if (!json_parse(value_text, limits.bytes, &limits, error, &value))
        return false;
    if (!insert(target, value))
        return error_set_no_memory(error);
    value = NULL;
    return true;
}

static bool set_misfit(const struct injection_operation *operation, struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "%s %.200s does not apply", operation->verb, operation->path);
}

static bool replay_move(cJSON *pod, const struct injection_operation *operation, const struct target *target,
                        struct error *error, cJSON **removed)
{
    _cleanup_(freep) char *from_text = strdup(operation->from);
    if (!from_text)
        return error_set_no_memory(error);
    const struct target from = resolve(pod, from_text);
    _cleanup_(cJSON_Deletep) cJSON *moved = from.owner ? detach(&from) : NULL;
    if (!moved)
        return set_misfit(operation, error);
    _cleanup_(cJSON_Deletep) cJSON *copy = cJSON_Duplicate(moved, true);
    if (!copy || !insert(target, moved))
        return error_set_no_memory(error);
    moved = NULL;
    *removed = take_pointer(&copy);
    return true;
}

bool patch_replay(cJSON *pod, const struct injection_operation *operation, struct error *error,
                  cJSON **removed)
{
    _cleanup_(freep) char *pointer = strdup(operation->path);
    if (!pointer)
        return error_set_no_memory(error);
    const struct target target = resolve(pod, pointer);
    *removed = NULL;
    if (!target.owner)
        return set_misfit(operation, error);
    if (operation->from)
        return replay_move(pod, operation, &target, error, removed);
    /* An "add" meets something only where the pod had null, which counts as absent. */
    bool is_insertion = strcmp(operation->verb, "add") == 0 && cJSON_IsArray(target.owner);
    _cleanup_(cJSON_Deletep) cJSON *present = is_insertion ? NULL : detach(&target);
    if (!present && strcmp(operation->verb, "add") != 0)
        return set_misfit(operation, error);
    if (operation->value && !put(&target, operation->value, error))
        return false;
    *removed = take_pointer(&present);
    return true;
}
