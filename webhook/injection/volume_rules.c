#include "common/names.h"
#include "webhook/injection/pod_rules.h"
#include "webhook/injection/secret_rule.h"
#include "webhook/injection/volume.h"

#include <string.h>

static bool deny_token(const struct plan *plan, const cJSON *token, const struct json_path *path,
                       struct error *error, struct denial_list *denials)
{
    bool is_gateway = strcmp(json_text(token, "audience"), "openshell-gateway") == 0;
    if (!token || (plan->configuration->allow_service_account_token && !is_gateway))
        return true;
    return denial_list_add(denials, "ServiceAccountToken", path, error,
                           "a projected service account token would give the agent a credential; %s",
                           is_gateway ? "only the supervisor may have one for the gateway"
                                      : "the option allowServiceAccountToken lets it");
}

static bool deny_projected(const struct plan *plan, const cJSON *volume, const struct json_path *path,
                           struct error *error, struct denial_list *denials)
{
    const struct json_path *sources_path = JSON_MEMBER(JSON_MEMBER(path, "projected"), "sources");
    size_t index = 0;
    const cJSON *source;
    cJSON_ArrayForEach(source, json_member(json_member(volume, "projected"), "sources"))
    {
        const struct json_path *source_path = JSON_ELEMENT(sources_path, index++);
        const struct json_path *secret_path = JSON_MEMBER(source_path, "secret");
        if (!secret_rule_deny(json_text(json_member(source, "secret"), "name"),
                              JSON_MEMBER(secret_path, "name"), error, denials) ||
            !deny_token(plan, json_member(source, "serviceAccountToken"),
                        JSON_MEMBER(source_path, "serviceAccountToken"), error, denials))
            return false;
    }
    return true;
}

/* A volume of ours must be just the planned one; one of our names that is not planned is nobody's to use. */
static bool deny_reserved(const struct plan *plan, const cJSON *volume, const struct json_path *path,
                          struct error *error, struct denial_list *denials)
{
    const char *name = json_text(volume, "name");
    const struct planned_volume *planned = plan_find_volume(plan, name);
    bool matches = false;
    if (planned && !volume_matches(planned, volume, error, &matches))
        return false;
    if (matches)
        return true;
    return denial_list_add(denials, "ReservedVolume", path, error,
                           "the name %s is reserved for the webhook's own volume; use another name", name);
}

static bool deny_volume(const struct plan *plan, const cJSON *volume, const struct json_path *path,
                        struct error *error, struct denial_list *denials)
{
    const char *name = json_text(volume, "name");
    if (is_reserved_volume(name))
        return deny_reserved(plan, volume, path, error, denials);
    if (strcmp(name, VOLUME_WORKSPACE) == 0 && !json_member(volume, "persistentVolumeClaim"))
        return denial_list_add(
            denials, "ReservedVolume", path, error,
            "the name workspace is reserved for a persistent volume claim; use one, or another name");
    const struct json_path *secret_path = JSON_MEMBER(path, "secret");
    return secret_rule_deny(json_text(json_member(volume, "secret"), "secretName"),
                            JSON_MEMBER(secret_path, "secretName"), error, denials) &&
           deny_projected(plan, volume, path, error, denials);
}

bool volume_rules_deny(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    size_t index = 0;
    const cJSON *volume;
    cJSON_ArrayForEach(volume, plan->view.volumes)
    {
        if (!deny_volume(plan, volume, JSON_ELEMENT(&pod_path_volumes, index), error, denials))
            return false;
        index++;
    }
    return true;
}
