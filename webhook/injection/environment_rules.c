#include "webhook/injection/pod_rules.h"
#include "webhook/injection/secret_rule.h"

#include <string.h>

/* The agent may already have one of ours, with the value we would give it. */
static bool is_planned(const struct plan *plan, const cJSON *variable)
{
    const struct planned_variable *planned = planned_find_variable(&plan->agent, json_text(variable, "name"));
    return planned && !json_member(variable, "valueFrom") &&
           strcmp(planned->value, json_text(variable, "value")) == 0;
}

static bool is_protected(const char *name)
{
    return strncmp(name, "OPENSHELL_", 10) == 0 && strcmp(name, "OPENSHELL_LOG_LEVEL") != 0;
}

static bool deny_variable(const struct plan *plan, const cJSON *container, const cJSON *variable,
                          const struct json_path *path, struct error *error, struct denial_list *denials)
{
    const char *name = json_text(variable, "name");
    const struct json_path *source_path = JSON_MEMBER(path, "valueFrom");
    const cJSON *secret = json_member(json_member(variable, "valueFrom"), "secretKeyRef");
    if (!secret_rule_deny(json_text(secret, "name"),
                          JSON_MEMBER(JSON_MEMBER(source_path, "secretKeyRef"), "name"), error, denials))
        return false;
    bool is_agent = container == plan->sandbox.agent;
    if (!is_protected(name) || (is_agent && (plan->sandbox.is_marked || is_planned(plan, variable))) ||
        plan_owns_container(plan, container))
        return true;
    return denial_list_add(denials, "ProtectedEnvironment", path, error,
                           "%.120s would steer the supervisor; of the OPENSHELL_ names a pod may bring "
                           "OPENSHELL_LOG_LEVEL alone",
                           name);
}

static bool deny_environment_from(const struct plan *plan, const cJSON *container,
                                  const struct json_path *path, struct error *error,
                                  struct denial_list *denials)
{
    const cJSON *list = json_member(container, "envFrom");
    const struct json_path *list_path = JSON_MEMBER(path, "envFrom");
    if (!list || plan_owns_container(plan, container)) /* from ours the edits take it out */
        return true;
    if (list->child && container == plan->sandbox.agent)
        return denial_list_add(denials, "EnvironmentFrom", list_path, error,
                               "could bring OPENSHELL_ names unseen; list the variables one by one in env");
    size_t index = 0;
    const cJSON *source;
    cJSON_ArrayForEach(source, list)
    {
        const struct json_path *source_path = JSON_MEMBER(JSON_ELEMENT(list_path, index), "secretRef");
        index++;
        if (!secret_rule_deny(json_text(json_member(source, "secretRef"), "name"),
                              JSON_MEMBER(source_path, "name"), error, denials))
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
        if (!deny_environment_from(plan, container, container_path, error, denials))
            return false;
        const struct json_path *variables_path = JSON_MEMBER(container_path, "env");
        size_t variable_index = 0;
        const cJSON *variable;
        cJSON_ArrayForEach(variable, json_member(container, "env"))
        {
            const struct json_path *variable_path = JSON_ELEMENT(variables_path, variable_index++);
            if (!deny_variable(plan, container, variable, variable_path, error, denials))
                return false;
        }
    }
    return true;
}

bool environment_rules_deny(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    return deny_list(plan, plan->view.containers, &pod_path_containers, error, denials) &&
           deny_list(plan, plan->view.init_containers, &pod_path_init_containers, error, denials);
}
