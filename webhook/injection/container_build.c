#include "webhook/injection/container_build.h"

#include "common/cleanup.h"
#include "webhook/injection/security_context.h"

cJSON *container_build_command(const struct planned_container *planned)
{
    /* The arguments outlive the pod, so references do. */
    return cJSON_CreateStringArray(planned->arguments, (int) planned->argument_count);
}

/* Adds `item` (NULL: its making failed) to an object or, with key NULL, to an array. Keys are literals, which
 * need no copy. */
static bool add(cJSON *owner, const char *key, cJSON *item)
{
    if (item && (key ? cJSON_AddItemToObjectCS(owner, key, item) : cJSON_AddItemToArray(owner, item)))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_string(cJSON *object, const char *key, const char *value)
{
    return add(object, key, cJSON_CreateString(value));
}

cJSON *container_build_variable(const struct planned_variable *variable)
{
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    if (!add_string(object, "name", variable->name) || !add_string(object, "value", variable->value))
        return NULL;
    return take_pointer(&object);
}

cJSON *container_build_mount(const struct planned_mount *mount)
{
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    if (!add_string(object, "name", mount->volume) || !add_string(object, "mountPath", mount->path) ||
        (mount->is_read_only && !add(object, "readOnly", cJSON_CreateTrue())))
        return NULL;
    return take_pointer(&object);
}

static bool add_variables(cJSON *container, const struct planned_container *planned)
{
    if (planned->variable_count == 0)
        return true;
    cJSON *list = cJSON_AddArrayToObject(container, "env");
    for (size_t i = 0; i < planned->variable_count; i++) {
        if (!add(list, NULL, container_build_variable(&planned->variables[i])))
            return false;
    }
    return true;
}

static bool add_mounts(cJSON *container, const struct planned_container *planned)
{
    cJSON *list = cJSON_AddArrayToObject(container, "volumeMounts");
    for (size_t i = 0; i < planned->mount_count; i++) {
        if (!add(list, NULL, container_build_mount(&planned->mounts[i])))
            return false;
    }
    return list;
}

cJSON *container_build(const struct planned_container *planned)
{
    _cleanup_(cJSON_Deletep) cJSON *container = cJSON_CreateObject();
    if (!add_string(container, "name", planned->name) ||
        (*planned->image && !add_string(container, "image", planned->image)) ||
        (*planned->pull_policy && !add_string(container, "imagePullPolicy", planned->pull_policy)) ||
        !add(container, "command", container_build_command(planned)) ||
        (planned->is_native_sidecar && !add_string(container, "restartPolicy", "Always")) ||
        !add_variables(container, planned) ||
        (planned->resources && !add(container, "resources", cJSON_Duplicate(planned->resources, true))) ||
        !add(container, "securityContext", security_context_build(&planned->security)) ||
        !add_mounts(container, planned))
        return NULL;
    return take_pointer(&container);
}
