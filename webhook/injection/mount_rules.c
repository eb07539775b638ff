#include "common/names.h"
#include "webhook/injection/mount_edits.h"
#include "webhook/injection/mount_path.h"
#include "webhook/injection/pod_rules.h"

#include <string.h>

/* Directories that the supervisor trusts (F.3), and where its credentials lie. */
static const char *const control_roots[] = {
    "/opt/openshell",         "/etc/openshell", "/etc/openshell-tls", "/run/openshell",
    "/run/openshell-sidecar", "/run/netns",     CREDENTIAL_DIRECTORY,
};

/* The control root that the path overlaps, or NULL. */
static const char *find_control_root(const struct plan *plan, const char *path)
{
    for (size_t i = 0; i < sizeof control_roots / sizeof *control_roots; i++) {
        if (mount_paths_overlap(path, control_roots[i]))
            return control_roots[i];
    }
    if (mount_paths_overlap(path, plan->configuration->supervisor_mount_path))
        return plan->configuration->supervisor_mount_path;
    for (size_t i = 0; i < plan->agent.mount_count; i++) {
        if (mount_paths_overlap(path, plan->agent.mounts[i].path))
            return plan->agent.mounts[i].path;
    }
    const char *spiffe = plan->spiffe_directory;
    return spiffe && mount_paths_overlap(path, spiffe) ? spiffe : NULL;
}

static bool has_sub_path(const cJSON *mount)
{
    return *json_text(mount, "subPath") || *json_text(mount, "subPathExpr");
}

static bool deny_mount(const struct plan *plan, const cJSON *mount, const struct json_path *path,
                       struct error *error, struct denial_list *denials)
{
    const char *volume = json_text(mount, "name");
    const char *mount_path = json_text(mount, "mountPath");
    bool is_workspace = strcmp(volume, VOLUME_WORKSPACE) == 0;
    if ((is_reserved_volume(volume) || is_workspace) && has_sub_path(mount))
        return denial_list_add(denials, "ReservedVolumeSubPath", JSON_MEMBER(path, "subPath"), error,
                               "the volume %s is mounted whole or not at all", volume);
    if (is_reserved_volume(volume))
        return denial_list_add(denials, "ReservedVolume", JSON_MEMBER(path, "name"), error,
                               "the volume %s is the webhook's and is mounted by it alone", volume);
    const char *root = find_control_root(plan, mount_path);
    if (root)
        return denial_list_add(
            denials, "ControlPathMount", JSON_MEMBER(path, "mountPath"), error,
            "\"%.120s\" lies over, under or above %s, which belongs to the supervisor; mount "
            "elsewhere",
            mount_path, root);
    return true;
}

/* On a second pass what another webhook put into the agent over our mounts is taken out by the edits instead.
 */
static bool is_left_to_edits(const struct plan *plan, const cJSON *container, const cJSON *mount)
{
    const char *volume = json_text(mount, "name");
    const char *path = json_text(mount, "mountPath");
    if (container != plan->sandbox.agent)
        return false;
    if (planned_find_mount(&plan->agent, volume, path) && !has_sub_path(mount))
        return true;
    return plan->sandbox.is_marked && mount_edits_take_out(&plan->agent, volume, path);
}

static bool deny_container(const struct plan *plan, const cJSON *container, const struct json_path *path,
                           struct error *error, struct denial_list *denials)
{
    const struct json_path *mounts_path = JSON_MEMBER(path, "volumeMounts");
    size_t index = 0;
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_member(container, "volumeMounts"))
    {
        const struct json_path *mount_path = JSON_ELEMENT(mounts_path, index++);
        if (!is_left_to_edits(plan, container, mount) && !deny_mount(plan, mount, mount_path, error, denials))
            return false;
    }
    return true;
}

static bool deny_list(const struct plan *plan, const cJSON *list, const struct json_path *path,
                      struct error *error, struct denial_list *denials)
{
    size_t index = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, list)
    {
        const struct json_path *container_path = JSON_ELEMENT(path, index++);
        if (!plan_owns_container(plan, container) &&
            !deny_container(plan, container, container_path, error, denials))
            return false;
    }
    return true;
}

bool mount_rules_deny(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    return deny_list(plan, plan->view.containers, &pod_path_containers, error, denials) &&
           deny_list(plan, plan->view.init_containers, &pod_path_init_containers, error, denials);
}
