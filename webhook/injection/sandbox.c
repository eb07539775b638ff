#include "webhook/injection/sandbox.h"

#include "common/names.h"
#include "webhook/injection/marks.h"
#include "webhook/injection/mount_path.h"

#include <string.h>

#define SANDBOX_ID_BYTES 63
#define SANDBOX_NAME_BYTES 19

bool sandbox_is_selected(const cJSON *pod)
{
    const cJSON *labels = json_member(json_member(pod, "metadata"), "labels");
    return strcmp(json_text(labels, LABEL_MANAGED_BY), LABEL_MANAGED_BY_VALUE) == 0;
}

static bool is_lower_alphanumeric(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

/* Lower-case letters, digits and dashes, no dash at either end, 1 to `limit` bytes. */
static bool is_dns_label(const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (length == 0 || length > limit || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (const char *at = text; *at; at++) {
        if (!is_lower_alphanumeric(*at) && *at != '-')
            return false;
    }
    return true;
}

bool sandbox_id_is_valid(const char *id)
{
    return is_dns_label(id, SANDBOX_ID_BYTES);
}

bool sandbox_name_is_valid(const char *name)
{
    return is_dns_label(name, SANDBOX_NAME_BYTES) && !strstr(name, "--");
}

/* Denies the pod when the label is missing or malformed; returns false only without memory. */
static bool check_label(const struct plan *plan, const char *label, bool is_required,
                        bool (*is_valid)(const char *), const char *accepted, struct error *error,
                        struct denial_list *denials)
{
    const cJSON *value = json_member(plan->view.labels, label);
    const struct json_path *path = JSON_MEMBER(&pod_path_labels, label);
    if (!value)
        return !is_required || denial_list_add(denials, "SandboxLabelMissing", path, error,
                                               "a sandbox pod must carry this label: %s", accepted);
    if (is_valid(value->valuestring))
        return true;
    return denial_list_add(denials, "SandboxLabelInvalid", path, error, "\"%.80s\" is not accepted: %s",
                           value->valuestring, accepted);
}

static bool check_labels(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    static const char accepted_id[] = "1 to 63 lower-case letters, digits and dashes, no dash at either end";
    static const char accepted_name[] =
        "1 to 19 lower-case letters, digits and dashes, no dash at either end, no two dashes in a row";
    return check_label(plan, LABEL_SANDBOX_ID, true, sandbox_id_is_valid, accepted_id, error, denials) &&
           check_label(plan, LABEL_SANDBOX_NAME, true, sandbox_name_is_valid, accepted_name, error,
                       denials) &&
           check_label(plan, LABEL_SANDBOX_WORKSPACE, false, sandbox_name_is_valid, accepted_name, error,
                       denials);
}

static enum credential choose_credential(const struct plan *plan)
{
    if (plan->configuration->credential != CREDENTIAL_AUTO)
        return plan->configuration->credential;
    static const char group[] = "agents.x-k8s.io/";
    const cJSON *owner;
    cJSON_ArrayForEach(owner, json_member(plan->view.metadata, "ownerReferences"))
    {
        if (pod_is_true(owner, "controller") && strcmp(json_text(owner, "kind"), "Sandbox") == 0 &&
            strncmp(json_text(owner, "apiVersion"), group, sizeof group - 1) == 0)
            return CREDENTIAL_SERVICE_ACCOUNT;
    }
    return CREDENTIAL_SANDBOX_TOKEN;
}

static bool has_workspace(const struct plan *plan)
{
    if (!pod_find_named(plan->view.volumes, VOLUME_WORKSPACE, NULL))
        return false;
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_member(plan->sandbox.agent, "volumeMounts"))
    {
        if (strcmp(json_text(mount, "name"), VOLUME_WORKSPACE) == 0 &&
            mount_paths_are_same(json_text(mount, "mountPath"), WORKSPACE_MOUNT_PATH))
            return true;
    }
    return false;
}

/* An effective hostUsers: false, asked for by the pod or by the configuration where the pod says nothing. */
static bool has_user_namespace(const struct plan *plan)
{
    if (json_member(plan->view.spec, "hostUsers"))
        return pod_is_false(plan->view.spec, "hostUsers");
    return plan->configuration->user_namespaces;
}

/* The last literal value, as the kubelet resolves repeated names. */
static const char *find_log_level(const cJSON *agent)
{
    const char *level = NULL;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, json_member(agent, "env"))
    {
        if (strcmp(json_text(variable, "name"), "OPENSHELL_LOG_LEVEL") == 0 &&
            !json_member(variable, "valueFrom"))
            level = json_text(variable, "value");
    }
    return level && *level ? level : NULL;
}

bool sandbox_identify(struct plan *plan, struct error *error, struct denial_list *denials)
{
    struct sandbox *sandbox = &plan->sandbox;
    if (!check_labels(plan, error, denials))
        return false;
    sandbox->id = json_text(plan->view.labels, LABEL_SANDBOX_ID);
    sandbox->name = json_text(plan->view.labels, LABEL_SANDBOX_NAME);
    sandbox->agent = pod_find_named(plan->view.containers, CONTAINER_AGENT, &sandbox->agent_index);
    if (!sandbox->agent) {
        sandbox->agent_index = 0;
        sandbox->agent = plan->view.containers->child;
    }
    sandbox->credential = choose_credential(plan);
    sandbox->has_user_namespace = has_user_namespace(plan);
    sandbox->has_workspace = has_workspace(plan);
    sandbox->log_level = find_log_level(sandbox->agent);
    sandbox->has_our_command = plan->is_stored || marks_has_command(plan);
    sandbox->is_marked = plan->is_stored || (sandbox->has_our_command && marks_are_present(plan));
    return true;
}
