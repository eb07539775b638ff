#include "webhook/injection/pod_rules.h"

#include "common/names.h"

#include <fnmatch.h>
#include <string.h>

static bool deny_restart_policy(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    const char *policy = json_text(plan->view.spec, "restartPolicy");
    if (strcmp(policy, "Never") == 0)
        return true;
    return denial_list_add(denials, "RestartPolicy", JSON_MEMBER(&pod_path_spec, "restartPolicy"), error,
                           "\"%.40s\" is not accepted: a sandbox runs once, so it must be \"Never\"",
                           *policy ? policy : "Always");
}

/* Kubernetes lets a container have a policy of its own (ContainerRestartRules). */
static bool deny_agent_restart(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    const cJSON *agent = plan->sandbox.agent;
    const struct json_path *path = JSON_ELEMENT(&pod_path_containers, plan->sandbox.agent_index);
    const char *policy = json_text(agent, "restartPolicy");
    const cJSON *rules = json_member(agent, "restartPolicyRules");
    bool has_rules = rules && rules->child;
    if (!has_rules && (!*policy || strcmp(policy, "Never") == 0))
        return true;
    return denial_list_add(denials, "RestartPolicy",
                           JSON_MEMBER(path, has_rules ? "restartPolicyRules" : "restartPolicy"), error,
                           "would start the agent's container again, but a sandbox runs once; leave it out");
}

static bool deny_service_account_token(const struct plan *plan, struct error *error,
                                       struct denial_list *denials)
{
    if (plan->configuration->allow_service_account_token ||
        pod_is_false(plan->view.spec, "automountServiceAccountToken"))
        return true;
    return denial_list_add(denials, "ServiceAccountToken",
                           JSON_MEMBER(&pod_path_spec, "automountServiceAccountToken"), error,
                           "must be false: the agent gets no credential for the Kubernetes API (the option "
                           "allowServiceAccountToken lets it)");
}

static bool deny_annotation(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    const cJSON *annotation = json_member(plan->view.annotations, ANNOTATION_SANDBOX_ID);
    if (!annotation || strcmp(annotation->valuestring, plan->sandbox.id) == 0)
        return true;
    return denial_list_add(
        denials, "SandboxAnnotationMismatch", JSON_MEMBER(&pod_path_annotations, ANNOTATION_SANDBOX_ID),
        error, "\"%.80s\" differs from the label " LABEL_SANDBOX_ID "; leave it out or repeat the label",
        annotation->valuestring);
}

static bool deny_ephemeral_containers(const struct plan *plan, struct error *error,
                                      struct denial_list *denials)
{
    const cJSON *list = json_member(plan->view.spec, "ephemeralContainers");
    if (!list || !list->child)
        return true;
    return denial_list_add(
        denials, "EphemeralContainers", JSON_MEMBER(&pod_path_spec, "ephemeralContainers"), error,
        "an ephemeral container would run beside the supervisor, outside the fence; a sandbox pod "
        "accepts none");
}

static bool lists_string(const struct string_list *list, const char *string)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], string) == 0)
            return true;
    }
    return false;
}

static bool is_allowed_creator(const struct configuration *configuration,
                               const struct injection_request *request)
{
    if (lists_string(&configuration->allowed_creator_users, request->user_name))
        return true;
    const cJSON *group;
    cJSON_ArrayForEach(group, request->user_groups)
    {
        if (cJSON_IsString(group) && lists_string(&configuration->allowed_creator_groups, group->valuestring))
            return true;
    }
    return false;
}

static bool deny_creator(const struct plan *plan, const struct injection_request *request,
                         struct error *error, struct denial_list *denials)
{
    const struct configuration *configuration = plan->configuration;
    bool is_restricted =
        configuration->allowed_creator_users.count || configuration->allowed_creator_groups.count;
    if (!is_restricted || !request->user_name || is_allowed_creator(configuration, request))
        return true;
    return denial_list_add(
        denials, "CreatorNotAllowed", &pod_path_metadata, error,
        "%.200s may not create sandbox pods: allowedCreators names neither the user nor one of its "
        "groups",
        request->user_name);
}

/* A pattern is a glob on the image as it is written, or a digest that the image must be pinned to. */
static bool matches_image(const char *pattern, const char *image)
{
    if (strncmp(pattern, "sha256:", 7) == 0) {
        const char *digest = strrchr(image, '@');
        return digest && strcmp(digest + 1, pattern) == 0;
    }
    return fnmatch(pattern, image, 0) == 0;
}

static bool deny_image(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    const struct string_list *allowed = &plan->configuration->allowed_images;
    const char *image = json_text(plan->sandbox.agent, "image");
    for (size_t i = 0; i < allowed->count; i++) {
        if (matches_image(allowed->items[i], image))
            return true;
    }
    if (allowed->count == 0)
        return true;
    const struct json_path *agent_path = JSON_ELEMENT(&pod_path_containers, plan->sandbox.agent_index);
    return denial_list_add(denials, "ImageNotAllowed", JSON_MEMBER(agent_path, "image"), error,
                           "\"%.200s\" matches no entry of allowedImages", image);
}

bool pod_rules_deny(const struct plan *plan, const struct injection_request *request, struct error *error,
                    struct denial_list *denials)
{
    return deny_creator(plan, request, error, denials) && deny_restart_policy(plan, error, denials) &&
           deny_agent_restart(plan, error, denials) && deny_service_account_token(plan, error, denials) &&
           deny_annotation(plan, error, denials) && deny_ephemeral_containers(plan, error, denials) &&
           deny_image(plan, error, denials);
}
