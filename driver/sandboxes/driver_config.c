#include "driver/sandboxes/driver_config.h"

#include "common/names.h"
#include "common/syntax.h"
#include "driver/sandboxes/mount_path.h"

#include <string.h>

/* Volumes that the webhook adds, and the workspace. */
static const char *const reserved_volumes[] = {
    "openshell-client-tls",     "openshell-upstream-proxy-auth",
    "openshell-sa-token",       "spiffe-workload-api",
    VOLUME_SUPERVISOR,          VOLUME_WORKSPACE,
    "openshell-sandbox-token",  "openshell-sidecar-state",
    "openshell-supervisor-tls",
};

const cJSON *driver_config_find(const cJSON *config, const char *const *keys)
{
    for (; config && *keys; keys++)
        config = json_member(config, *keys);
    return config;
}

const cJSON *driver_config_of(const cJSON *document)
{
    const cJSON *config =
        driver_config_find(document, (const char *const[]){"template", "driver_config", NULL});
    const cJSON *only = config && cJSON_GetArraySize(config) == 1 ? config->child : NULL;
    if (only && cJSON_IsObject(only) &&
        (strcmp(only->string, "pods") == 0 || strcmp(only->string, "kubernetes") == 0))
        return only;
    return config;
}

static bool check_keys(const cJSON *object, const struct json_path *path, const char *const *known,
                       struct error *error)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        const char *const *key = known;
        while (*key && strcmp(*key, member->string) != 0)
            key++;
        if (!*key)
            return json_set_invalid(error, JSON_MEMBER(path, member->string), "unknown key");
    }
    return true;
}

static bool check_strings(const cJSON *map, const struct json_path *path, struct error *error)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, map)
    {
        if (!cJSON_IsString(member))
            return json_set_invalid(error, JSON_MEMBER(path, member->string), "must be a string");
    }
    return true;
}

static bool check_name(const cJSON *object, const struct json_path *path, const char *key,
                       struct error *error)
{
    const char *name;
    if (!json_read_string(object, path, key, error, &name))
        return false;
    if (name && !syntax_is_dns_subdomain(name))
        return json_set_invalid(error, JSON_MEMBER(path, key), "must be a DNS subdomain");
    return true;
}

static bool check_node_selector(const cJSON *pod, const struct json_path *path, struct error *error)
{
    cJSON *selector;
    const struct json_path *selector_path = JSON_MEMBER(path, "node_selector");
    if (!json_read_object(pod, path, "node_selector", error, &selector) ||
        !check_strings(selector, selector_path, error))
        return false;
    const cJSON *member;
    cJSON_ArrayForEach(member, selector)
    {
        if (!syntax_is_qualified_name(member->string) || !syntax_is_label_value(member->valuestring))
            return json_set_invalid(error, JSON_MEMBER(selector_path, member->string),
                                    "must be a label's key with a label's value");
    }
    return true;
}

static bool check_pod(const cJSON *config, const struct json_path *path, struct error *error)
{
    static const char *const keys[] = {"node_selector", "runtime_class_name", "tolerations",
                                       "priority_class_name", NULL};
    const struct json_path *pod_path = JSON_MEMBER(path, "pod");
    cJSON *pod, *tolerations;
    if (!json_read_object(config, path, "pod", error, &pod) || !check_keys(pod, pod_path, keys, error) ||
        !check_node_selector(pod, pod_path, error) ||
        !check_name(pod, pod_path, "runtime_class_name", error) ||
        !check_name(pod, pod_path, "priority_class_name", error) ||
        !json_read_array(pod, pod_path, "tolerations", error, &tolerations))
        return false;
    const struct json_path *list_path = JSON_MEMBER(pod_path, "tolerations");
    const cJSON *toleration;
    size_t index = 0;
    cJSON_ArrayForEach(toleration, tolerations)
    {
        if (!cJSON_IsObject(toleration))
            return json_set_invalid(error, JSON_ELEMENT(list_path, index), "must be an object");
        index++;
    }
    return true;
}

static bool check_claim(const cJSON *volume, const struct json_path *path, struct error *error)
{
    static const char *const keys[] = {"claim_name", "read_only", NULL};
    const struct json_path *claim_path = JSON_MEMBER(path, "persistent_volume_claim");
    cJSON *claim;
    const char *name;
    bool ignored;
    if (!json_require_object(volume, path, "persistent_volume_claim", error, &claim) ||
        !check_keys(claim, claim_path, keys, error) ||
        !json_require_string(claim, claim_path, "claim_name", error, &name) ||
        !json_read_boolean(claim, claim_path, "read_only", true, error, &ignored))
        return false;
    if (!syntax_is_dns_subdomain(name))
        return json_set_invalid(error, JSON_MEMBER(claim_path, "claim_name"),
                                "must be a DNS subdomain of at most 253 characters");
    return true;
}

/* The volume of that name before `end` (NULL: in the whole list). */
static const cJSON *find_volume(const cJSON *volumes, const cJSON *end, const char *name)
{
    for (const cJSON *volume = volumes ? volumes->child : NULL; volume && volume != end;
         volume = volume->next) {
        const cJSON *member = json_member(volume, "name");
        if (cJSON_IsString(member) && strcmp(member->valuestring, name) == 0)
            return volume;
    }
    return NULL;
}

static bool check_volume(const cJSON *volumes, const cJSON *volume, const struct json_path *path,
                         struct error *error)
{
    static const char *const keys[] = {"name", "persistent_volume_claim", NULL};
    const char *name;
    if (!cJSON_IsObject(volume))
        return json_set_invalid(error, path, "must be an object");
    if (!check_keys(volume, path, keys, error) || !json_require_string(volume, path, "name", error, &name))
        return false;
    const struct json_path *name_path = JSON_MEMBER(path, "name");
    if (!syntax_is_dns_label(name))
        return json_set_invalid(error, name_path, "must be a DNS label");
    for (size_t index = 0; index < sizeof reserved_volumes / sizeof *reserved_volumes; index++) {
        if (strcmp(name, reserved_volumes[index]) == 0)
            return json_set_invalid(error, name_path, "\"%s\" is reserved", name);
    }
    if (find_volume(volumes, volume, name))
        return json_set_invalid(error, name_path, "\"%s\" is declared twice", name);
    return check_claim(volume, path, error);
}

static bool is_claim_read_only(const cJSON *volume)
{
    return !cJSON_IsFalse(
        driver_config_find(volume, (const char *const[]){"persistent_volume_claim", "read_only", NULL}));
}

static bool check_mount_place(const cJSON *mounts, const cJSON *mount, const struct json_path *path,
                              struct error *error)
{
    const char *mount_path, *sub_path;
    if (!json_require_string(mount, path, "mount_path", error, &mount_path) ||
        !json_read_string(mount, path, "sub_path", error, &sub_path))
        return false;
    const char *problem = mount_path_problem(mount_path);
    if (problem)
        return json_set_invalid(error, JSON_MEMBER(path, "mount_path"), "%s", problem);
    for (const cJSON *other = mounts->child; other != mount; other = other->next) {
        if (mount_path_equals(json_member(other, "mount_path")->valuestring, mount_path))
            return json_set_invalid(error, JSON_MEMBER(path, "mount_path"), "\"%s\" is used twice",
                                    mount_path);
    }
    problem = sub_path ? sub_path_problem(sub_path) : NULL;
    if (problem)
        return json_set_invalid(error, JSON_MEMBER(path, "sub_path"), "%s", problem);
    return true;
}

static bool check_mount(const cJSON *volumes, const cJSON *mounts, const cJSON *mount,
                        const struct json_path *path, struct error *error)
{
    static const char *const keys[] = {"name", "mount_path", "sub_path", "read_only", NULL};
    const char *name;
    bool is_read_only;
    if (!cJSON_IsObject(mount))
        return json_set_invalid(error, path, "must be an object");
    if (!check_keys(mount, path, keys, error) || !json_require_string(mount, path, "name", error, &name) ||
        !json_read_boolean(mount, path, "read_only", true, error, &is_read_only))
        return false;
    const cJSON *volume = find_volume(volumes, NULL, name);
    if (!volume)
        return json_set_invalid(error, JSON_MEMBER(path, "name"), "no volume \"%s\" is declared", name);
    if (!is_read_only && is_claim_read_only(volume))
        return json_set_invalid(error, JSON_MEMBER(path, "read_only"),
                                "the volume \"%s\" itself is read-only; set its read_only to false", name);
    return check_mount_place(mounts, mount, path, error);
}

static bool check_resources(const cJSON *agent, const struct json_path *path, struct error *error)
{
    static const char *const keys[] = {"requests", "limits", NULL};
    const struct json_path *resources_path = JSON_MEMBER(path, "resources");
    cJSON *resources;
    if (!json_read_object(agent, path, "resources", error, &resources) ||
        !check_keys(resources, resources_path, keys, error))
        return false;
    for (const char *const *key = keys; *key; key++) {
        const struct json_path *list_path = JSON_MEMBER(resources_path, *key);
        cJSON *list;
        if (!json_read_object(resources, resources_path, *key, error, &list) ||
            !check_strings(list, list_path, error))
            return false;
        const cJSON *member;
        cJSON_ArrayForEach(member, list)
        {
            if (!syntax_is_quantity(member->valuestring))
                return json_set_invalid(error, JSON_MEMBER(list_path, member->string),
                                        "must be a quantity such as 500m or 4Gi");
        }
    }
    return true;
}

static bool check_agent(const cJSON *config, const cJSON *volumes, const struct json_path *path,
                        struct error *error)
{
    static const char *const container_keys[] = {"agent", NULL};
    static const char *const agent_keys[] = {"resources", "volume_mounts", NULL};
    const struct json_path *containers_path = JSON_MEMBER(path, "containers");
    const struct json_path *agent_path = JSON_MEMBER(containers_path, "agent");
    cJSON *containers, *agent, *mounts;
    if (!json_read_object(config, path, "containers", error, &containers) ||
        !check_keys(containers, containers_path, container_keys, error) ||
        !json_read_object(containers, containers_path, "agent", error, &agent) ||
        !check_keys(agent, agent_path, agent_keys, error) || !check_resources(agent, agent_path, error) ||
        !json_read_array(agent, agent_path, "volume_mounts", error, &mounts))
        return false;
    const struct json_path *mounts_path = JSON_MEMBER(agent_path, "volume_mounts");
    const cJSON *mount;
    size_t index = 0;
    cJSON_ArrayForEach(mount, mounts)
    {
        if (!check_mount(volumes, mounts, mount, JSON_ELEMENT(mounts_path, index), error))
            return false;
        index++;
    }
    return true;
}

bool driver_config_check(const cJSON *config, const struct json_path *path, struct error *error)
{
    static const char *const keys[] = {"pod", "containers", "volumes", NULL};
    cJSON *volumes;
    if (!config)
        return true;
    if (!check_keys(config, path, keys, error) || !check_pod(config, path, error) ||
        !json_read_array(config, path, "volumes", error, &volumes))
        return false;
    const struct json_path *volumes_path = JSON_MEMBER(path, "volumes");
    const cJSON *volume;
    size_t index = 0;
    cJSON_ArrayForEach(volume, volumes)
    {
        if (!check_volume(volumes, volume, JSON_ELEMENT(volumes_path, index), error))
            return false;
        index++;
    }
    return check_agent(config, volumes, path, error);
}

bool driver_config_replaces_workspace(const cJSON *config)
{
    static const char *const keys[] = {"containers", "agent", "volume_mounts", NULL};
    const cJSON *mount;
    cJSON_ArrayForEach(mount, driver_config_find(config, keys))
    {
        const cJSON *path = json_member(mount, "mount_path");
        if (cJSON_IsString(path) && mount_path_is_below_workspace(path->valuestring))
            return true;
    }
    return false;
}
