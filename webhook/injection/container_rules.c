#include "webhook/injection/container_rules.h"

#include <inttypes.h>
#include <string.h>

/* Calls `rule` for each container and init container that is the user's, the agent included. */
typedef bool container_rule(const struct plan *plan, const cJSON *container, const struct json_path *path,
                            struct error *error, struct denial_list *denials);

static bool for_each_in(const struct plan *plan, const cJSON *list, const struct json_path *path,
                        container_rule *rule, struct error *error, struct denial_list *denials)
{
    size_t index = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, list)
    {
        const struct json_path *container_path = JSON_ELEMENT(path, index++);
        if (!rule(plan, container, container_path, error, denials))
            return false;
    }
    return true;
}

static bool for_each_container(const struct plan *plan, container_rule *rule, struct error *error,
                               struct denial_list *denials)
{
    return for_each_in(plan, plan->view.containers, &pod_path_containers, rule, error, denials) &&
           for_each_in(plan, plan->view.init_containers, &pod_path_init_containers, rule, error, denials);
}

static bool deny_reserved_name(const struct plan *plan, const cJSON *container, const struct json_path *path,
                               struct error *error, struct denial_list *denials)
{
    const char *name = json_text(container, "name");
    if (!is_reserved_container(name) || (plan->sandbox.is_marked && plan_owns_container(plan, container)))
        return true;
    return denial_list_add(denials, "ReservedContainer", JSON_MEMBER(path, "name"), error,
                           "the name %s is reserved for the webhook's own container; use another name", name);
}

static bool deny_pod_non_root(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    if (!pod_is_true(json_member(plan->view.spec, "securityContext"), "runAsNonRoot"))
        return true;
    const struct json_path *path = JSON_MEMBER(&pod_path_spec, "securityContext");
    return denial_list_add(
        denials, "RunAsNonRoot", JSON_MEMBER(path, "runAsNonRoot"), error,
        "containers of the supervisor start as root, so the kubelet would refuse the pod; set it on "
        "your own containers instead");
}

bool container_rules_deny(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    return for_each_container(plan, deny_reserved_name, error, denials) &&
           deny_pod_non_root(plan, error, denials);
}

/* A container of the user's beside the agent, which the configuration does not exempt. */
static bool is_other(const struct plan *plan, const cJSON *container)
{
    const char *name = json_text(container, "name");
    if (container == plan->sandbox.agent || plan_owns_container(plan, container))
        return false;
    const struct string_list *allowed = &plan->configuration->allowed_containers;
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcmp(allowed->items[i], name) == 0)
            return false;
    }
    return true;
}

static bool deny_unfenced(const struct plan *plan, const cJSON *container, const struct json_path *path,
                          struct error *error, struct denial_list *denials)
{
    if (!is_other(plan, container))
        return true;
    return denial_list_add(
        denials, "UnsupervisedContainer", path, error,
        "container %.80s would have the network to itself: in the combined topology the fence wraps "
        "the agent alone; remove it, name it in allowedContainers, or use the sidecar topology",
        json_text(container, "name"));
}

static bool deny_exec(const cJSON *handler, const struct json_path *path, struct error *error,
                      struct denial_list *denials)
{
    if (!json_member(handler, "exec"))
        return true;
    return denial_list_add(
        denials, "ExecHandler", JSON_MEMBER(path, "exec"), error,
        "runs beside the supervisor, outside the fence, with its capabilities; use a probe over the "
        "network, or the sidecar topology");
}

static bool deny_agent_handlers(const struct plan *plan, const struct json_path *path, struct error *error,
                                struct denial_list *denials)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    static const char *const hooks[] = {"postStart", "preStop"};
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        if (!deny_exec(json_member(plan->sandbox.agent, probes[i]), JSON_MEMBER(path, probes[i]), error,
                       denials))
            return false;
    }
    const cJSON *lifecycle = json_member(plan->sandbox.agent, "lifecycle");
    const struct json_path *lifecycle_path = JSON_MEMBER(path, "lifecycle");
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        if (!deny_exec(json_member(lifecycle, hooks[i]), JSON_MEMBER(lifecycle_path, hooks[i]), error,
                       denials))
            return false;
    }
    return true;
}

/* A uid of the user's choice on the agent, or on the pod for it. */
static bool deny_own_user(const cJSON *owner, const struct json_path *path, struct error *error,
                          struct denial_list *denials)
{
    int64_t uid;
    const cJSON *user = json_member(json_member(owner, "securityContext"), "runAsUser");
    if (!user || (json_get_integer(user, &uid) && uid == 0))
        return true;
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    return denial_list_add(
        denials, "RunAsUser", JSON_MEMBER(context_path, "runAsUser"), error,
        "the supervisor starts as root and drops to the sandbox's own user; leave it out and "
        "configure sandbox.uid, or use the sidecar topology");
}

static bool deny_agent_security(const struct plan *plan, const struct json_path *path, struct error *error,
                                struct denial_list *denials)
{
    if (plan->sandbox.is_marked) /* then the edits restore it */
        return true;
    const cJSON *context = json_member(plan->sandbox.agent, "securityContext");
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    if (pod_is_true(context, "runAsNonRoot") &&
        !denial_list_add(
            denials, "RunAsNonRoot", JSON_MEMBER(context_path, "runAsNonRoot"), error,
            "the supervisor starts as root and drops to the sandbox's own user; leave it out, or use the "
            "sidecar topology"))
        return false;
    if (pod_is_true(context, "readOnlyRootFilesystem") &&
        !denial_list_add(
            denials, "ReadOnlyRootFilesystem", JSON_MEMBER(context_path, "readOnlyRootFilesystem"), error,
            "the supervisor writes to its root file system; leave it out, or use the sidecar topology"))
        return false;
    return deny_own_user(plan->sandbox.agent, path, error, denials);
}

bool container_rules_deny_combined(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    const struct json_path *agent_path = JSON_ELEMENT(&pod_path_containers, plan->sandbox.agent_index);
    return for_each_container(plan, deny_unfenced, error, denials) &&
           deny_agent_handlers(plan, agent_path, error, denials) &&
           deny_agent_security(plan, agent_path, error, denials) &&
           deny_own_user(plan->view.spec, &pod_path_spec, error, denials);
}

static bool deny_exempt_user(const struct plan *plan, const cJSON *container, const struct json_path *path,
                             struct error *error, struct denial_list *denials)
{
    const cJSON *user = json_member(json_member(container, "securityContext"), "runAsUser");
    if (!user)
        user = json_member(json_member(plan->view.spec, "securityContext"), "runAsUser");
    const struct json_path *user_path = JSON_MEMBER(JSON_MEMBER(path, "securityContext"), "runAsUser");
    int64_t uid;
    if (!json_get_integer(user, &uid))
        return denial_list_add(denials, "ContainerUser", user_path, error,
                               "must be set: the image could run as uid %" PRIu32
                               ", which the network fence lets out; "
                               "give another uid than 0 and %" PRIu32,
                               plan->sandbox.proxy_uid, plan->sandbox.proxy_uid);
    if (uid != 0 && uid != plan->sandbox.proxy_uid)
        return true;
    return denial_list_add(denials, "ContainerUser", user_path, error,
                           "uid %" PRId64
                           " is not accepted beside the agent: the network fence lets uid %" PRIu32
                           " out, and root can become it; give another uid",
                           uid, plan->sandbox.proxy_uid);
}

static bool deny_sidecar_container(const struct plan *plan, const cJSON *container,
                                   const struct json_path *path, struct error *error,
                                   struct denial_list *denials)
{
    if (!is_other(plan, container))
        return true;
    if (!deny_exempt_user(plan, container, path, error, denials))
        return false;
    const cJSON *context = json_member(container, "securityContext");
    if (pod_is_false(context, "allowPrivilegeEscalation"))
        return true;
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    return denial_list_add(
        denials, "PrivilegeEscalation", JSON_MEMBER(context_path, "allowPrivilegeEscalation"), error,
        "must be false: a setuid binary would regain uid 0, which the network fence lets out");
}

bool container_rules_deny_sidecar(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    return for_each_container(plan, deny_sidecar_container, error, denials);
}
