#include "webhook/injection/environment_edits.h"

#include "webhook/injection/container_build.h"

#include <string.h>

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Removes what `is_stranger` claims and repeats of planned names but for their first place. Tells which
 * planned variables the list has. */
static void remove_strangers(struct editor *editor, cJSON *list, const struct json_path *path,
                             const struct planned_container *planned, bool (*is_stranger)(const char *name),
                             bool is_present[static PLAN_VARIABLES])
{
    memset(is_present, 0, PLAN_VARIABLES * sizeof *is_present);
    size_t index = 0;
    cJSON *next;
    for (cJSON *variable = list ? list->child : NULL; variable && !editor->has_failed; variable = next) {
        next = variable->next;
        const char *name = json_text(variable, "name");
        const struct planned_variable *wanted = planned_find_variable(planned, name);
        bool *seen = wanted ? &is_present[wanted - planned->variables] : NULL;
        if (seen && !*seen) {
            *seen = true;
        } else if (seen || is_stranger(name)) {
            editor_remove_element(editor, list, path, index, "a variable that would steer the supervisor");
            continue;
        }
        index++;
    }
}

static void ensure_variables(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_container *planned,
                             const bool is_present[static PLAN_VARIABLES])
{
    if (planned->variable_count == 0)
        return;
    cJSON *list = editor_ensure_array(editor, container, path, "env", "holds the variables below");
    const struct json_path *list_path = JSON_MEMBER(path, "env");
    for (size_t i = 0; i < planned->variable_count; i++) {
        const struct planned_variable *wanted = &planned->variables[i];
        size_t index = 0;
        const cJSON *present = is_present[i] ? pod_find_named(list, wanted->name, &index) : NULL;
        if (!present)
            editor_append(editor, list, list_path, container_build_variable(wanted), wanted->reason);
        else if (json_member(present, "valueFrom") || strcmp(json_text(present, "value"), wanted->value) != 0)
            editor_replace_element(editor, list, list_path, index, container_build_variable(wanted),
                                   wanted->reason);
    }
}

static bool is_stranger_to_supervisor(const char *name)
{
    return has_prefix(name, "OPENSHELL_") || has_prefix(name, "LD_");
}

static bool is_stranger_to_agent(const char *name)
{
    return has_prefix(name, "OPENSHELL_") && strcmp(name, "OPENSHELL_LOG_LEVEL") != 0;
}

void environment_edits_apply(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_container *planned)
{
    bool is_present[PLAN_VARIABLES];
    remove_strangers(editor, json_member(container, "env"), JSON_MEMBER(path, "env"), planned,
                     is_stranger_to_supervisor, is_present);
    ensure_variables(editor, container, path, planned, is_present);
}

static void add_configured(struct plan *plan, struct editor *editor, const struct json_path *path)
{
    const struct string_map *added = &plan->configuration->agent_environment;
    if (added->count == 0)
        return;
    cJSON *list = editor_ensure_array(editor, plan->sandbox.agent, path, "env", "holds the variables below");
    for (size_t i = 0; i < added->count; i++) {
        const struct planned_variable variable = {.name = added->keys[i], .value = added->values[i]};
        if (!pod_find_named(list, variable.name, NULL))
            editor_append(editor, list, JSON_MEMBER(path, "env"), container_build_variable(&variable),
                          "configured for every agent (agentEnvironment)");
    }
}

void environment_edits_apply_agent(struct plan *plan, struct editor *editor, const struct json_path *path)
{
    cJSON *agent = plan->sandbox.agent;
    bool is_present[PLAN_VARIABLES];
    remove_strangers(editor, json_member(agent, "env"), JSON_MEMBER(path, "env"), &plan->agent,
                     is_stranger_to_agent, is_present);
    add_configured(plan, editor, path);
    ensure_variables(editor, agent, path, &plan->agent, is_present);
}
