#include "webhook/injection/container_edits.h"

#include "webhook/injection/container_build.h"
#include "webhook/injection/environment_edits.h"
#include "webhook/injection/mount_edits.h"
#include "webhook/injection/security_context.h"

#include <string.h>

static bool has_command(const struct planned_container *planned, const cJSON *container)
{
    size_t index = 0;
    const cJSON *argument;
    cJSON_ArrayForEach(argument, json_member(container, "command"))
    {
        if (index == planned->argument_count || strcmp(argument->valuestring, planned->arguments[index]) != 0)
            return false;
        index++;
    }
    return index == planned->argument_count;
}

static void ensure_command(struct editor *editor, cJSON *container, const struct json_path *path,
                           const struct planned_container *planned, const char *reason)
{
    if (!has_command(planned, container))
        editor_set(editor, container, path, "command", container_build_command(planned), reason);
}

void container_edits_apply_agent(struct plan *plan, struct editor *editor)
{
    cJSON *agent = plan->sandbox.agent;
    const struct json_path *path = JSON_ELEMENT(&pod_path_containers, plan->sandbox.agent_index);
    const char *moved_reason =
        plan->sandbox.has_our_command
            ? "not the main process's, which the specification holds: the supervisor would take it for itself"
            : "the main process's, which the supervisor starts now by its specification";
    static const char *const moved[] = {"args", "tty", "stdin", "stdinOnce"};
    ensure_command(editor, agent, path, &plan->agent,
                   "the supervisor starts first and starts the agent inside the fence");
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        editor_remove(editor, agent, path, moved[i], moved_reason);
    security_context_ensure(editor, agent, path, &plan->agent.security, true);
    environment_edits_apply_agent(plan, editor, path);
    mount_edits_apply(editor, agent, path, &plan->agent);
}

/* Members that would run something else in a container of ours, or at another time. */
static void remove_strangers(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_container *planned)
{
    static const char reason[] = "another webhook's: it would change how the supervisor runs";
    static const char *const members[] = {
        "args",           "envFrom",      "lifecycle",  "livenessProbe",
        "readinessProbe", "startupProbe", "workingDir", "volumeDevices",
        "stdin",          "stdinOnce",    "tty",        "restartPolicyRules"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        editor_remove(editor, container, path, members[i], reason);
    if (planned->is_native_sidecar)
        editor_ensure_string(editor, container, path, "restartPolicy", "Always",
                             "a native sidecar: it starts before the agent and ends after it");
    else
        editor_remove(editor, container, path, "restartPolicy", reason);
}

/* A container of ours that is there already. */
static void ensure_container(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_container *planned)
{
    if (*planned->image)
        editor_ensure_string(editor, container, path, "image", planned->image, planned->reason);
    if (*planned->pull_policy)
        editor_ensure_string(editor, container, path, "imagePullPolicy", planned->pull_policy,
                             "as configured");
    ensure_command(editor, container, path, planned, planned->reason);
    remove_strangers(editor, container, path, planned);
    security_context_ensure(editor, container, path, &planned->security, false);
    environment_edits_apply(editor, container, path, planned);
    mount_edits_apply(editor, container, path, planned);
}

void container_edits_apply_init(struct plan *plan, struct editor *editor)
{
    if (plan->init_container_count == 0)
        return;
    cJSON *list = editor_ensure_array(editor, plan->view.spec, &pod_path_spec, "initContainers",
                                      "holds the containers below, which run before the agent");
    for (size_t i = 0; i < plan->init_container_count; i++) {
        const struct planned_container *planned = &plan->init_containers[i];
        size_t index;
        cJSON *present = pod_find_named(list, planned->name, &index);
        if (!present) {
            editor_insert(editor, list, &pod_path_init_containers, i, container_build(planned),
                          planned->reason);
            continue;
        }
        if (index != i)
            editor_move_element(editor, list, &pod_path_init_containers, index, i,
                                "nothing of the user's may run before the fence stands");
        ensure_container(editor, present, JSON_ELEMENT(&pod_path_init_containers, i), planned);
    }
}

void container_edits_apply_sidecar(struct plan *plan, struct editor *editor)
{
    const struct planned_container *planned = &plan->sidecar;
    if (!planned->name)
        return;
    size_t index;
    cJSON *present = pod_find_named(plan->view.containers, planned->name, &index);
    if (present)
        ensure_container(editor, present, JSON_ELEMENT(&pod_path_containers, index), planned);
    else
        editor_append(editor, plan->view.containers, &pod_path_containers, container_build(planned),
                      planned->reason);
}
