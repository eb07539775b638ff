#include "driver/sandboxes/objects.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/fault_point.h"
#include "driver/sandboxes/pod_state.h"
#include "driver/sandboxes/record.h"
#include "kubernetes/objects.h"

#include <string.h>

/* A pod that must not run is given this long. */
#define UNSUPERVISED_GRACE_SECONDS 1

static void fill_place(const struct driver_configuration *configuration, const char *sandbox_id,
                       const char *workspace, const char *name, struct sandbox_place *place)
{
    state_copy_text(place->sandbox_id, sizeof place->sandbox_id, sandbox_id);
    name_pod(configuration, workspace, name, place->pod);
    name_record(sandbox_id, place->record);
    name_claim(sandbox_id, place->claim);
}

void place_of_document(const struct driver_configuration *configuration, const cJSON *document,
                       struct sandbox_place *place)
{
    const char *workspace = document_workspace(document);
    fill_place(configuration, document_id(document), workspace, document_name(document), place);
    name_namespace(configuration, workspace, place->namespace_name);
}

void place_of_state(const struct driver_configuration *configuration, const struct sandbox_state *state,
                    struct sandbox_place *place)
{
    fill_place(configuration, state->id, state->workspace, state->name, place);
    /* Where it is, not where one would be made today. */
    state_copy_text(place->namespace_name, sizeof place->namespace_name, state->namespace_name);
}

static struct kubernetes_target record_target(const struct sandbox_place *place)
{
    return (struct kubernetes_target){
        .resource = &kubernetes_secrets, .namespace_name = place->namespace_name, .name = place->record};
}

static struct kubernetes_target claim_target(const struct sandbox_place *place)
{
    return (struct kubernetes_target){.resource = &kubernetes_persistent_volume_claims,
                                      .namespace_name = place->namespace_name,
                                      .name = place->claim};
}

static struct kubernetes_target pod_target(const struct sandbox_place *place)
{
    return (struct kubernetes_target){
        .resource = &kubernetes_pods, .namespace_name = place->namespace_name, .name = place->pod};
}

bool object_get_record(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                       cJSON **record)
{
    const struct kubernetes_target target = record_target(place);
    return kubernetes_get(sandboxes->client, &target, NULL, error, record);
}

bool object_patch_record(struct sandboxes *sandboxes, const struct sandbox_place *place, cJSON *patch,
                         struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *taken = patch, *patched = NULL;
    const struct kubernetes_target target = record_target(place);
    return kubernetes_patch_merge(sandboxes->client, &target, taken, NULL, error, &patched) &&
           registry_put(sandboxes->registry, REGISTRY_RECORD, patched, error);
}

bool object_set_desired(struct sandboxes *sandboxes, const struct sandbox_place *place,
                        enum desired_state desired, bool is_starting, struct error *error)
{
    cJSON *patch = NULL;
    return record_patch_desired(desired, is_starting ? sandboxes->instance : "", error, &patch) &&
           object_patch_record(sandboxes, place, patch, error);
}

/* The refusals of admission are the user's to read; the gateway passes on only this status as it is. */
static void map_refusal(struct error *error)
{
    if (error->code == ERROR_PERMISSION_DENIED || error->code == ERROR_INVALID)
        error->code = ERROR_FAILED_PRECONDITION;
}

bool object_ensure_claim(struct sandboxes *sandboxes, const struct sandbox_place *place,
                         const cJSON *document, const char *record_uid, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *claim = NULL;
    const struct kubernetes_target target = claim_target(place);
    if (!bare_pod_build_claim(sandboxes->configuration, document, error, &claim))
        return false;
    if (!claim)
        return true;
    if (!bare_pod_set_owner(claim, place->record, record_uid, error))
        return false;
    if (kubernetes_create(sandboxes->client, &target, claim, NULL, error, NULL) ||
        error->code == ERROR_ALREADY_EXISTS)
        return true;
    map_refusal(error);
    return false;
}

static void set_unsupervised(const struct sandbox_place *place, struct error *error)
{
    error_set(
        error, ERROR_FAILED_PRECONDITION,
        "pod %s in namespace %s was not changed by the openshell-injector webhook, so its agent would run "
        "without a supervisor; it was removed. Is the webhook installed, and does it select this namespace?",
        place->pod, place->namespace_name);
}

/* Takes a pod that the API server has shown into the registry, or removes it when no webhook has acted. */
static bool accept_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, const cJSON *pod,
                       struct error *error)
{
    if (pod_is_supervised(pod))
        return registry_put(sandboxes->registry, REGISTRY_POD, pod, error);
    struct error removal = {0};
    const char *uid = kubernetes_object_uid(pod);
    set_unsupervised(place, error);
    if (uid && !object_delete_pod(sandboxes, place, uid, UNSUPERVISED_GRACE_SECONDS, &removal))
        error_set(error, ERROR_FAILED_PRECONDITION, "%s Removing it failed: %s", error->message,
                  removal.message);
    return false;
}

bool object_create_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, const cJSON *document,
                       const char *record_uid, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL, *created = NULL;
    const struct kubernetes_target target = pod_target(place);
    if (!bare_pod_build(sandboxes->configuration, document, error, &pod) ||
        !bare_pod_set_owner(pod, place->record, record_uid, error))
        return false;
    if (!kubernetes_create(sandboxes->client, &target, pod, NULL, error, &created)) {
        map_refusal(error);
        return false;
    }
    fault_point("pod.posted");
    return accept_pod(sandboxes, place, created, error);
}

bool object_adopt_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    return object_get_pod(sandboxes, place, error, &pod) && accept_pod(sandboxes, place, pod, error);
}

bool object_get_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                    cJSON **pod)
{
    _cleanup_(cJSON_Deletep) cJSON *found = NULL;
    const struct kubernetes_target target = pod_target(place);
    struct sandbox_state identity;
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &found))
        return false;
    if (!state_read_identity(found, &identity) || strcmp(identity.id, place->sandbox_id) != 0)
        return error_set(error, ERROR_NOT_FOUND, "pod %s belongs to another sandbox", place->pod);
    *pod = take_pointer(&found);
    return true;
}

bool object_delete_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid,
                       int grace_seconds, struct error *error)
{
    const struct kubernetes_target target = pod_target(place);
    const struct kubernetes_delete_options options = {.uid = uid, .grace_period_s = grace_seconds};
    if (kubernetes_delete(sandboxes->client, &target, &options, NULL, error))
        return true;
    /* A conflict means that another pod has the name by now: the one we meant is gone. */
    return error->code == ERROR_NOT_FOUND || error->code == ERROR_CONFLICT;
}

bool object_delete_claim(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                         bool *is_gone)
{
    _cleanup_(cJSON_Deletep) cJSON *claim = NULL;
    const struct kubernetes_target target = claim_target(place);
    *is_gone = false;
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &claim)) {
        *is_gone = error->code == ERROR_NOT_FOUND;
        return *is_gone;
    }
    if (json_member(json_member(claim, "metadata"), "deletionTimestamp"))
        return true;
    const struct kubernetes_delete_options options = {.grace_period_s = KUBERNETES_GRACE_DEFAULT};
    if (!kubernetes_delete(sandboxes->client, &target, &options, NULL, error) &&
        error->code != ERROR_NOT_FOUND)
        return false;
    claim = (cJSON_Delete(claim), NULL);
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &claim)) {
        *is_gone = error->code == ERROR_NOT_FOUND;
        return *is_gone;
    }
    return true;
}

bool object_delete_record(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid,
                          struct error *error)
{
    const struct kubernetes_target target = record_target(place);
    const struct kubernetes_delete_options options = {.uid = uid, .grace_period_s = KUBERNETES_GRACE_DEFAULT};
    if (!kubernetes_delete(sandboxes->client, &target, &options, NULL, error) &&
        error->code != ERROR_NOT_FOUND && error->code != ERROR_CONFLICT)
        return false;
    registry_remove(sandboxes->registry, REGISTRY_RECORD, place->sandbox_id, uid);
    return true;
}
