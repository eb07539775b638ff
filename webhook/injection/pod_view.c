#include "webhook/injection/pod_view.h"

#include <string.h>

static const struct json_path root = {0};
const struct json_path pod_path_metadata = {.parent = &root, .key = "metadata"};
const struct json_path pod_path_labels = {.parent = &pod_path_metadata, .key = "labels"};
const struct json_path pod_path_annotations = {.parent = &pod_path_metadata, .key = "annotations"};
const struct json_path pod_path_spec = {.parent = &root, .key = "spec"};
const struct json_path pod_path_containers = {.parent = &pod_path_spec, .key = "containers"};
const struct json_path pod_path_init_containers = {.parent = &pod_path_spec, .key = "initContainers"};
const struct json_path pod_path_volumes = {.parent = &pod_path_spec, .key = "volumes"};

cJSON *pod_find_named(const cJSON *list, const char *name, size_t *index)
{
    size_t at = 0;
    cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        if (strcmp(json_text(element, "name"), name) == 0) {
            if (index)
                *index = at;
            return element;
        }
        at++;
    }
    return NULL;
}

bool pod_is_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(json_member(object, key));
}

bool pod_is_false(const cJSON *object, const char *key)
{
    return cJSON_IsFalse(json_member(object, key));
}

/* Labels and annotations: an object whose members are strings. */
static bool check_string_map(const cJSON *map, const struct json_path *path, struct error *error)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, map)
    {
        if (!cJSON_IsString(member))
            return json_set_invalid(error, JSON_MEMBER(path, member->string), "must be a string");
    }
    return true;
}

static bool set_too_long(struct error *error, const struct json_path *path)
{
    json_set_invalid(error, path, "more than %d elements", POD_LIST_ELEMENTS);
    error->code = ERROR_TOO_LARGE;
    return false;
}

/* A list of objects, each with a non-empty string `key`. */
static bool check_keyed_list(const cJSON *list, const struct json_path *path, const char *key,
                             struct error *error)
{
    size_t index = 0;
    const cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        const struct json_path *element_path = JSON_ELEMENT(path, index++);
        const char *value;
        if (index > POD_LIST_ELEMENTS)
            return set_too_long(error, path);
        if (!cJSON_IsObject(element))
            return json_set_invalid(error, element_path, "must be an object");
        if (!json_require_string(element, element_path, key, error, &value))
            return false;
    }
    return true;
}

static bool read_keyed_list(const cJSON *object, const struct json_path *path, const char *list_key,
                            const char *element_key, struct error *error, cJSON **list)
{
    cJSON *found;
    if (!json_read_array(object, path, list_key, error, &found) ||
        !check_keyed_list(found, JSON_MEMBER(path, list_key), element_key, error))
        return false;
    *list = found;
    return true;
}

static bool check_string_list(const cJSON *object, const struct json_path *path, const char *key,
                              struct error *error)
{
    cJSON *list;
    if (!json_read_array(object, path, key, error, &list))
        return false;
    const struct json_path *list_path = JSON_MEMBER(path, key);
    size_t index = 0;
    const cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        if (!cJSON_IsString(element))
            return json_set_invalid(error, JSON_ELEMENT(list_path, index), "must be a string");
        index++;
    }
    return true;
}

static bool check_security_context(const cJSON *object, const struct json_path *path, struct error *error)
{
    cJSON *context, *capabilities;
    if (!json_read_object(object, path, "securityContext", error, &context))
        return false;
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    if (!json_read_object(context, context_path, "capabilities", error, &capabilities))
        return false;
    const struct json_path *capabilities_path = JSON_MEMBER(context_path, "capabilities");
    return check_string_list(capabilities, capabilities_path, "add", error) &&
           check_string_list(capabilities, capabilities_path, "drop", error);
}

static bool check_environment(const cJSON *container, const struct json_path *path, struct error *error)
{
    cJSON *list;
    if (!read_keyed_list(container, path, "env", "name", error, &list))
        return false;
    const struct json_path *list_path = JSON_MEMBER(path, "env");
    size_t index = 0;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, list)
    {
        const struct json_path *variable_path = JSON_ELEMENT(list_path, index++);
        const char *value;
        cJSON *source;
        if (!json_read_string(variable, variable_path, "value", error, &value) ||
            !json_read_object(variable, variable_path, "valueFrom", error, &source))
            return false;
    }
    return true;
}

static bool check_mounts(const cJSON *container, const struct json_path *path, struct error *error)
{
    cJSON *list;
    return read_keyed_list(container, path, "volumeMounts", "name", error, &list) &&
           check_keyed_list(list, JSON_MEMBER(path, "volumeMounts"), "mountPath", error);
}

static bool check_containers(const cJSON *list, const struct json_path *path, struct error *error)
{
    size_t index = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, list)
    {
        const struct json_path *container_path = JSON_ELEMENT(path, index++);
        if (!check_string_list(container, container_path, "command", error) ||
            !check_string_list(container, container_path, "args", error) ||
            !check_environment(container, container_path, error) ||
            !check_mounts(container, container_path, error) ||
            !check_security_context(container, container_path, error))
            return false;
    }
    return true;
}

static bool check_host_aliases(const cJSON *spec, struct error *error)
{
    const struct json_path *list_path = JSON_MEMBER(&pod_path_spec, "hostAliases");
    cJSON *list;
    if (!json_read_array(spec, &pod_path_spec, "hostAliases", error, &list))
        return false;
    size_t index = 0;
    const cJSON *alias;
    cJSON_ArrayForEach(alias, list)
    {
        const struct json_path *alias_path = JSON_ELEMENT(list_path, index++);
        if (index > POD_LIST_ELEMENTS)
            return set_too_long(error, list_path);
        if (!cJSON_IsObject(alias))
            return json_set_invalid(error, alias_path, "must be an object");
        if (!check_string_list(alias, alias_path, "hostnames", error))
            return false;
    }
    return true;
}

static bool open_metadata(struct pod_view *view, struct error *error)
{
    return json_read_object(view->pod, &root, "metadata", error, &view->metadata) &&
           json_read_object(view->metadata, &pod_path_metadata, "labels", error, &view->labels) &&
           json_read_object(view->metadata, &pod_path_metadata, "annotations", error, &view->annotations) &&
           check_string_map(view->labels, &pod_path_labels, error) &&
           check_string_map(view->annotations, &pod_path_annotations, error);
}

static bool open_spec(struct pod_view *view, struct error *error)
{
    if (!json_require_object(view->pod, &root, "spec", error, &view->spec) ||
        !read_keyed_list(view->spec, &pod_path_spec, "containers", "name", error, &view->containers) ||
        !read_keyed_list(view->spec, &pod_path_spec, "initContainers", "name", error,
                         &view->init_containers) ||
        !read_keyed_list(view->spec, &pod_path_spec, "volumes", "name", error, &view->volumes))
        return false;
    if (cJSON_GetArraySize(view->containers) == 0)
        return json_set_invalid(error, &pod_path_containers, "must have at least one container");
    return check_containers(view->containers, &pod_path_containers, error) &&
           check_containers(view->init_containers, &pod_path_init_containers, error) &&
           check_security_context(view->spec, &pod_path_spec, error) && check_host_aliases(view->spec, error);
}

bool pod_view_open(cJSON *pod, struct error *error, struct pod_view *view)
{
    struct pod_view opened = {.pod = pod};
    if (!cJSON_IsObject(pod))
        return json_set_invalid(error, &root, "a pod must be an object");
    if (!open_metadata(&opened, error) || !open_spec(&opened, error))
        return false;
    *view = opened;
    return true;
}
