#include "webhook/injection/mount_edits.h"

#include "common/names.h"
#include "webhook/injection/container_build.h"
#include "webhook/injection/mount_path.h"

#include <string.h>

static bool overlaps_planned(const struct planned_container *planned, const char *path)
{
    for (size_t i = 0; i < planned->mount_count; i++) {
        if (mount_paths_overlap(planned->mounts[i].path, path))
            return true;
    }
    return false;
}

/* The program, and what it is loaded with: a mount there brings in code as a variable LD_* would. */
static bool overlaps_program(const struct planned_container *planned, const char *path)
{
    static const char *const loaded_from[] = {
        "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.preload", "/etc/ld.so.cache"};
    if (!planned->program)
        return false;
    for (size_t i = 0; i < sizeof loaded_from / sizeof *loaded_from; i++) {
        if (mount_paths_overlap(loaded_from[i], path))
            return true;
    }
    return mount_paths_overlap(planned->program, path);
}

bool mount_edits_take_out(const struct planned_container *planned, const char *volume, const char *path)
{
    return is_reserved_volume(volume) || overlaps_planned(planned, path) || overlaps_program(planned, path);
}

/* Exactly what we would write: no subPath, propagation or other member beside ours. */
static bool is_exact(const struct planned_mount *planned, const cJSON *mount)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, mount)
    {
        bool is_known = strcmp(member->string, "name") == 0 || strcmp(member->string, "mountPath") == 0 ||
                        strcmp(member->string, "readOnly") == 0;
        if (!is_known && !cJSON_IsNull(member))
            return false;
    }
    return pod_is_true(mount, "readOnly") == planned->is_read_only;
}

static void remove_strangers(struct editor *editor, cJSON *list, const struct json_path *path,
                             const struct planned_container *planned)
{
    bool is_seen[PLAN_MOUNTS] = {false};
    size_t index = 0;
    cJSON *next;
    for (cJSON *mount = list ? list->child : NULL; mount && !editor->has_failed; mount = next) {
        next = mount->next;
        const char *volume = json_text(mount, "name");
        const char *mount_path = json_text(mount, "mountPath");
        const struct planned_mount *wanted = planned_find_mount(planned, volume, mount_path);
        bool *seen = wanted ? &is_seen[wanted - planned->mounts] : NULL;
        if (seen && !*seen) {
            *seen = true;
        } else if (seen || mount_edits_take_out(planned, volume, mount_path)) {
            editor_remove_element(editor, list, path, index,
                                  "a mount over the supervisor's files or of its volumes");
            continue;
        }
        index++;
    }
}

static cJSON *find_mount(cJSON *list, const struct planned_mount *planned, size_t *index)
{
    *index = 0;
    cJSON *mount;
    cJSON_ArrayForEach(mount, list)
    {
        if (strcmp(json_text(mount, "name"), planned->volume) == 0 &&
            strcmp(json_text(mount, "mountPath"), planned->path) == 0)
            return mount;
        (*index)++;
    }
    return NULL;
}

void mount_edits_apply(struct editor *editor, cJSON *container, const struct json_path *path,
                       const struct planned_container *planned)
{
    const struct json_path *list_path = JSON_MEMBER(path, "volumeMounts");
    remove_strangers(editor, json_member(container, "volumeMounts"), list_path, planned);
    if (planned->mount_count == 0)
        return;
    cJSON *list = editor_ensure_array(editor, container, path, "volumeMounts", "holds the mounts below");
    for (size_t i = 0; i < planned->mount_count; i++) {
        const struct planned_mount *wanted = &planned->mounts[i];
        size_t index;
        const cJSON *present = find_mount(list, wanted, &index);
        if (!present)
            editor_append(editor, list, list_path, container_build_mount(wanted), wanted->reason);
        else if (!is_exact(wanted, present))
            editor_replace_element(editor, list, list_path, index, container_build_mount(wanted),
                                   wanted->reason);
    }
}
