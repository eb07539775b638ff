#include "webhook/injection/pod_edits.h"

#include "webhook/injection/marks.h"
#include "webhook/injection/volume.h"

#include <string.h>

/* Adds the members of `map` that are not there yet. */
static void add_missing(struct plan *plan, struct editor *editor, const char *key,
                        const struct json_path *path, const struct string_map *map, const char *reason)
{
    if (map->count == 0)
        return;
    cJSON *object = editor_ensure_object(editor, plan->view.metadata, &pod_path_metadata, key, reason);
    for (size_t i = 0; i < map->count; i++) {
        if (!json_member(object, map->keys[i]))
            editor_set(editor, object, path, map->keys[i], cJSON_CreateString(map->values[i]), reason);
    }
}

/* What the annotation says would come into the supervised containers after us. Older API servers write it for
 * our own field, too, so on a second pass it stays. */
static void remove_app_armor_annotations(struct plan *plan, struct editor *editor)
{
    const size_t prefix = sizeof ANNOTATION_APP_ARMOR - 1;
    const char *agent = json_text(plan->sandbox.agent, "name");
    cJSON *annotations = plan->sandbox.is_marked ? NULL : plan->view.annotations;
    cJSON *next;
    for (cJSON *annotation = annotations ? annotations->child : NULL; annotation; annotation = next) {
        next = annotation->next;
        if (strncmp(annotation->string, ANNOTATION_APP_ARMOR, prefix) != 0)
            continue;
        const char *name = annotation->string + prefix;
        if (strcmp(name, agent) == 0 || plan_has_container(plan, name))
            editor_remove(editor, annotations, &pod_path_annotations, annotation->string,
                          "the App Armor profile of a supervised container is the configuration's");
    }
}

static void ensure_user_namespace(struct plan *plan, struct editor *editor)
{
    if (plan->sandbox.has_user_namespace && !pod_is_false(plan->view.spec, "hostUsers"))
        editor_set(editor, plan->view.spec, &pod_path_spec, "hostUsers", cJSON_CreateFalse(),
                   "the pod gets a user namespace of its own, as configured");
}

static bool lists_name(const cJSON *names, const char *name)
{
    const cJSON *found;
    cJSON_ArrayForEach(found, names)
    {
        if (cJSON_IsString(found) && strcmp(found->valuestring, name) == 0)
            return true;
    }
    return false;
}

static cJSON *find_alias(cJSON *list, const char *ip, size_t *index)
{
    *index = 0;
    cJSON *alias;
    cJSON_ArrayForEach(alias, list)
    {
        if (strcmp(json_text(alias, "ip"), ip) == 0)
            return alias;
        (*index)++;
    }
    return NULL;
}

static cJSON *build_alias(const char *ip)
{
    cJSON *alias = cJSON_CreateObject();
    if (!cJSON_AddStringToObject(alias, "ip", ip) || !cJSON_AddArrayToObject(alias, "hostnames")) {
        cJSON_Delete(alias);
        return NULL;
    }
    return alias;
}

static void ensure_host_aliases(struct plan *plan, struct editor *editor)
{
    static const char *const names[] = {"host.docker.internal", "host.openshell.internal"};
    static const char reason[] = "names under which the sandbox reaches the gateway's host";
    const char *ip = plan->configuration->host_gateway_ip;
    if (!*ip)
        return;
    const struct json_path *list_path = JSON_MEMBER(&pod_path_spec, "hostAliases");
    cJSON *list = editor_ensure_array(editor, plan->view.spec, &pod_path_spec, "hostAliases", reason);
    size_t index;
    cJSON *alias = find_alias(list, ip, &index);
    if (!alias) {
        editor_append(editor, list, list_path, build_alias(ip), reason);
        alias = find_alias(list, ip, &index);
    }
    const struct json_path *alias_path = JSON_ELEMENT(list_path, index);
    cJSON *hostnames = editor_ensure_array(editor, alias, alias_path, "hostnames", reason);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!lists_name(hostnames, names[i]))
            editor_append(editor, hostnames, JSON_MEMBER(alias_path, "hostnames"),
                          cJSON_CreateString(names[i]), reason);
    }
}

static void ensure_volumes(struct plan *plan, struct editor *editor)
{
    cJSON *list =
        editor_ensure_array(editor, plan->view.spec, &pod_path_spec, "volumes", "holds the volumes below");
    for (size_t i = 0; i < plan->volume_count; i++) {
        const struct planned_volume *volume = &plan->volumes[i];
        /* One that is there is the planned one: volume_rules_deny saw to it. */
        if (!pod_find_named(list, volume->name, NULL))
            editor_append(editor, list, &pod_path_volumes, volume_build(volume), volume->reason);
    }
}

static void ensure_pod_security(struct plan *plan, struct editor *editor)
{
    static const char reason[] =
        "mounted files belong to the sandbox's group, so that its user can reach them";
    if (plan->sets_fs_group) {
        cJSON *context =
            editor_ensure_object(editor, plan->view.spec, &pod_path_spec, "securityContext", reason);
        int64_t group;
        if (!json_get_integer(json_member(context, "fsGroup"), &group) || group != plan->sandbox.gid)
            editor_set(editor, context, JSON_MEMBER(&pod_path_spec, "securityContext"), "fsGroup",
                       cJSON_CreateNumber(plan->sandbox.gid), reason);
    }
    if (plan->shares_process_namespace && !pod_is_true(plan->view.spec, "shareProcessNamespace"))
        editor_set(editor, plan->view.spec, &pod_path_spec, "shareProcessNamespace", cJSON_CreateTrue(),
                   "the network supervisor must see which process opens a connection");
}

void pod_edits_apply(struct plan *plan, struct editor *editor)
{
    const struct configuration *configuration = plan->configuration;
    remove_app_armor_annotations(plan, editor);
    marks_apply(plan, editor);
    add_missing(plan, editor, "labels", &pod_path_labels, &configuration->pod_labels,
                "configured for every sandbox pod (podLabels)");
    add_missing(plan, editor, "annotations", &pod_path_annotations, &configuration->pod_annotations,
                "configured for every sandbox pod (podAnnotations)");
    ensure_user_namespace(plan, editor);
    ensure_host_aliases(plan, editor);
    ensure_pod_security(plan, editor);
    ensure_volumes(plan, editor);
}
