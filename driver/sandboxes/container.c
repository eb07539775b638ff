#include "driver/sandboxes/container.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/driver_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_RESOURCE "nvidia.com/gpu"

/* The kubelet replaces $(NAME) and $$ in commands and values; doubling each $ hands the text on as it is. */
static char *escape_dollars(const char *text)
{
    size_t dollars = 0;
    for (const char *at = text; *at; at++)
        dollars += *at == '$';
    char *escaped = malloc(strlen(text) + dollars + 1);
    if (!escaped)
        return NULL;
    char *to = escaped;
    for (; *text; text++) {
        if (*text == '$')
            *to++ = '$';
        *to++ = *text;
    }
    *to = '\0';
    return escaped;
}

static void add_command(struct tree *tree, cJSON *container, const cJSON *document)
{
    const cJSON *given = json_member(document, "command");
    cJSON *command = tree_add_array(tree, container, "command");
    if (!given) { /* a shell, as the gateway does it */
        tree_append_string(tree, command, "/bin/bash");
        tree_append_string(tree, command, "-l");
    }
    const cJSON *word;
    cJSON_ArrayForEach(word, given)
    {
        _cleanup_(freep) char *escaped = escape_dollars(word->valuestring);
        if (escaped)
            tree_append_string(tree, command, escaped);
        else
            tree->has_failed = true;
    }
    if (!given || cJSON_IsTrue(json_member(document, "tty")))
        tree_add_boolean(tree, container, "tty", true);
}

static void add_environment(struct tree *tree, cJSON *container, const cJSON *environment)
{
    cJSON *list = tree_add_array(tree, container, "env");
    const cJSON *variable;
    cJSON_ArrayForEach(variable, environment)
    {
        _cleanup_(freep) char *escaped = escape_dollars(variable->valuestring);
        cJSON *entry = tree_append_object(tree, list);
        tree_add_string(tree, entry, "name", variable->string);
        if (escaped)
            tree_add_string(tree, entry, "value", escaped);
        else
            tree->has_failed = true;
    }
}

/* The list `requests` or `limits` of a resources object that is being built, made when it is missing. */
static cJSON *resource_list(struct tree *tree, cJSON *resources, const char *name)
{
    cJSON *list = json_member(resources, name);
    return list ? list : tree_add_object(tree, resources, name);
}

static void add_typed_resource(struct tree *tree, cJSON *resources, const cJSON *typed, const char *name,
                               const char *request_key, const char *limit_key)
{
    const cJSON *request = json_member(typed, request_key), *limit = json_member(typed, limit_key);
    if (limit)
        tree_add_copy(tree, resource_list(tree, resources, "limits"), name, limit);
    if (request || limit)
        tree_add_copy(tree, resource_list(tree, resources, "requests"), name, request ? request : limit);
}

/* What the driver's configuration names and nothing else has set. */
static void add_missing_resources(struct tree *tree, cJSON *resources, const cJSON *config, const char *name)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, json_member(config, name))
    {
        cJSON *list = resource_list(tree, resources, name);
        if (!json_member(list, member->string))
            tree_add_copy(tree, list, member->string, member);
    }
}

static void add_gpu(struct tree *tree, cJSON *resources, const cJSON *gpu)
{
    int64_t count = 1;
    char text[24];
    if (!gpu)
        return;
    (void) json_get_integer(json_member(gpu, "count"), &count);
    snprintf(text, sizeof text, "%lld", (long long) count);
    tree_add_string(tree, resource_list(tree, resources, "limits"), GPU_RESOURCE, text);
}

/* Contract F.4: the raw resources are the base, the typed ones win over all. */
static void add_resources(struct tree *tree, cJSON *container, const cJSON *document)
{
    static const char *const configured[] = {"containers", "agent", "resources", NULL};
    const cJSON *template = json_member(document, "template");
    const cJSON *typed = json_member(template, "resources");
    const cJSON *config = driver_config_find(driver_config_of(document), configured);
    cJSON *resources = tree_add_object(tree, container, "resources");
    tree_merge(tree, resources, json_member(json_member(template, "platform_config"), "resources_raw"));
    add_typed_resource(tree, resources, typed, "cpu", "cpu_request", "cpu_limit");
    add_typed_resource(tree, resources, typed, "memory", "memory_request", "memory_limit");
    add_missing_resources(tree, resources, config, "requests");
    add_missing_resources(tree, resources, config, "limits");
    add_gpu(tree, resources, json_member(document, "gpu"));
}

static void add_mounts(struct tree *tree, cJSON *container, const cJSON *document)
{
    static const char *const configured[] = {"containers", "agent", "volume_mounts", NULL};
    const cJSON *config = driver_config_of(document);
    cJSON *mounts = tree_add_array(tree, container, "volumeMounts");
    const cJSON *mount;
    cJSON_ArrayForEach(mount, driver_config_find(config, configured))
    {
        const cJSON *sub_path = json_member(mount, "sub_path");
        cJSON *added = tree_append_object(tree, mounts);
        tree_add_copy(tree, added, "name", json_member(mount, "name"));
        tree_add_copy(tree, added, "mountPath", json_member(mount, "mount_path"));
        tree_add_boolean(tree, added, "readOnly", !cJSON_IsFalse(json_member(mount, "read_only")));
        if (sub_path)
            tree_add_copy(tree, added, "subPath", sub_path);
    }
    if (!driver_config_replaces_workspace(config)) {
        cJSON *added = tree_append_object(tree, mounts);
        tree_add_string(tree, added, "name", VOLUME_WORKSPACE);
        tree_add_string(tree, added, "mountPath", WORKSPACE_MOUNT_PATH);
    }
}

void container_add_agent(struct tree *tree, cJSON *containers,
                         const struct driver_configuration *configuration, const cJSON *document,
                         const cJSON *environment)
{
    const cJSON *image = json_member(json_member(document, "template"), "image");
    cJSON *container = tree_append_object(tree, containers);
    tree_add_string(tree, container, "name", CONTAINER_AGENT);
    tree_add_string(tree, container, "image", image ? image->valuestring : configuration->default_image);
    tree_add_text(tree, container, "imagePullPolicy", configuration->image_pull_policy);
    add_command(tree, container, document);
    add_environment(tree, container, environment);
    add_resources(tree, container, document);
    add_mounts(tree, container, document);
}
