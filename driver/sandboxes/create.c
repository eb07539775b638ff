#include "driver/sandboxes/lifecycle.h"

#include "common/cleanup.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/fault_point.h"
#include "driver/sandboxes/gpu.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/objects.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/validation.h"
#include "driver/sandboxes/workspaces.h"
#include "kubernetes/objects.h"

#include <string.h>

#define ROLL_BACK_GRACE_SECONDS 1

/* How long a create waits for a deleted sandbox of its id to be gone. */
#define FORMER_WAIT_SECONDS 5

bool sandboxes_find(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                    struct sandbox_state *state)
{
    if (!*sandbox_id)
        return error_set(error, ERROR_INVALID, "sandbox_id: must not be empty");
    if (!registry_wait_synced(sandboxes->registry,
                              monotonic_now_ns() + SYNC_WAIT_SECONDS * MONOTONIC_SECOND_NS))
        return error_set(error, ERROR_UNAVAILABLE, "the sandboxes of the cluster have not been listed yet");
    if (!registry_find(sandboxes->registry, sandbox_id, state) || !state->record.exists ||
        state->record.is_creating)
        return error_set(error, ERROR_NOT_FOUND, "sandbox %s does not exist", sandbox_id);
    return true;
}

/* The end of a sandbox is told a moment before its record goes, and then its id may come again. Not during
 * the operation, which would keep the record. */
static void wait_for_former(struct sandboxes *sandboxes, const char *sandbox_id)
{
    struct sandbox_state former;
    if (registry_find(sandboxes->registry, sandbox_id, &former) && former.record.exists &&
        former.record.desired == DESIRED_DELETED)
        (void) !registry_wait_gone(sandboxes->registry, REGISTRY_RECORD, sandbox_id, former.record.uid,
                                   monotonic_now_ns() + FORMER_WAIT_SECONDS * MONOTONIC_SECOND_NS);
}

/* Refuses what exists already, without touching it. */
static bool check_is_new(struct sandboxes *sandboxes, const cJSON *document, struct error *error)
{
    struct sandbox_state state;
    char other[SANDBOX_ID_BYTES];
    if (!registry_wait_synced(sandboxes->registry,
                              monotonic_now_ns() + SYNC_WAIT_SECONDS * MONOTONIC_SECOND_NS))
        return error_set(error, ERROR_UNAVAILABLE, "the sandboxes of the cluster have not been listed yet");
    if (registry_find(sandboxes->registry, document_id(document), &state) && state.record.exists)
        return error_set(error, ERROR_ALREADY_EXISTS, "sandbox %s exists already", document_id(document));
    if (registry_find_name(sandboxes->registry, document_workspace(document), document_name(document),
                           document_id(document), other))
        return error_set(error, ERROR_ALREADY_EXISTS, "a sandbox named %s exists already in workspace %s",
                         document_name(document), document_workspace(document));
    return true;
}

static bool create_record(struct sandboxes *sandboxes, const struct sandbox_place *place,
                          const cJSON *document, const char *token, struct error *error, char uid[UID_BYTES])
{
    _cleanup_(cJSON_Deletep) cJSON *record = NULL, *created = NULL;
    const struct kubernetes_target target = {.resource = &kubernetes_secrets,
                                             .namespace_name = place->namespace_name};
    if (!record_build(sandboxes->configuration, document, token, sandboxes->instance, error, &record) ||
        !kubernetes_create(sandboxes->client, &target, record, NULL, error, &created))
        return false;
    const char *created_uid = kubernetes_object_uid(created);
    state_copy_text(uid, UID_BYTES, created_uid ? created_uid : "");
    return registry_put(sandboxes->registry, REGISTRY_RECORD, created, error);
}

static bool create_objects(struct sandboxes *sandboxes, const struct sandbox_place *place,
                           const cJSON *document, const char *record_uid, struct error *error)
{
    cJSON *patch = NULL;
    fault_point("create.record");
    if (!object_ensure_claim(sandboxes, place, document, record_uid, error))
        return false;
    fault_point("create.claim");
    if (!object_create_pod(sandboxes, place, document, record_uid, error))
        return false;
    fault_point("create.pod");
    if (!record_patch_created(error, &patch) || !object_patch_record(sandboxes, place, patch, error))
        return false;
    fault_point("create.created");
    return true;
}

/* The state of a sandbox that may not have been seen by the registry. */
static void state_of_document(const struct sandbox_place *place, const cJSON *document,
                              struct sandbox_state *state)
{
    *state = (struct sandbox_state){0};
    state_copy_text(state->id, sizeof state->id, document_id(document));
    state_copy_text(state->name, sizeof state->name, document_name(document));
    state_copy_text(state->workspace, sizeof state->workspace, document_workspace(document));
    state_copy_text(state->namespace_name, sizeof state->namespace_name, place->namespace_name);
}

static bool create_in_turn(struct sandboxes *sandboxes, const cJSON *document, const char *token,
                           struct error *error)
{
    struct sandbox_place place;
    char record_uid[UID_BYTES] = "";
    place_of_document(sandboxes->configuration, document, &place);
    if (!check_is_new(sandboxes, document, error))
        return false;
    if (create_record(sandboxes, &place, document, token, error, record_uid) &&
        create_objects(sandboxes, &place, document, record_uid, error))
        return true;
    /* A record of that name that was there before is another sandbox's. */
    if (!*record_uid && error->code == ERROR_ALREADY_EXISTS)
        return false;
    struct sandbox_state state;
    struct error ignored; /* the keeper tries again */
    state_of_document(&place, document, &state);
    if (!sandbox_roll_back(sandboxes, &state, *record_uid ? record_uid : NULL, &ignored))
        registry_refuse(sandboxes->registry, document_id(document), record_uid, sandboxes->instance);
    return false;
}

bool sandbox_create(struct sandboxes *sandboxes, const cJSON *document, const char *token,
                    struct error *error)
{
    if (!sandbox_validate(sandboxes->configuration, document, error))
        return false;
    if (!*token)
        return error_set(
            error, ERROR_FAILED_PRECONDITION,
            "the gateway sent no sandbox token; configure [openshell.gateway.gateway_jwt] there");
    if (strlen(token) > TOKEN_BYTES_MAXIMUM)
        return error_set(error, ERROR_INVALID, "spec.sandbox_token: longer than %u bytes",
                         TOKEN_BYTES_MAXIMUM);
    if (!gpu_check(sandboxes->client, document, error) ||
        !workspace_ensure(sandboxes, document_workspace(document), error))
        return false;
    struct operation operation;
    wait_for_former(sandboxes, document_id(document));
    operation_begin(&sandboxes->operations, document_id(document), &operation);
    bool is_created = create_in_turn(sandboxes, document, token, error);
    operation_end(&sandboxes->operations, &operation);
    if (!is_created) /* what the roll-back could not remove */
        keeper_wake(sandboxes->keeper);
    return is_created;
}

/* True when the record may be removed: ours by uid, or one whose create has not ended. */
static bool find_own_record(struct sandboxes *sandboxes, const struct sandbox_place *place,
                            struct error *error, char uid[UID_BYTES])
{
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    struct record_state read;
    uid[0] = '\0';
    if (!object_get_record(sandboxes, place, error, &record))
        return error->code == ERROR_NOT_FOUND;
    record_read(record, &read);
    if (read.is_creating)
        state_copy_text(uid, UID_BYTES, read.uid);
    return true;
}

bool sandbox_roll_back(struct sandboxes *sandboxes, const struct sandbox_state *state, const char *record_uid,
                       struct error *error)
{
    struct sandbox_place place;
    char found_uid[UID_BYTES];
    place_of_state(sandboxes->configuration, state, &place);
    if (!record_uid) {
        if (!find_own_record(sandboxes, &place, error, found_uid))
            return false;
        if (!*found_uid) /* never written, or not ours: then nothing else was written either */
            return true;
        record_uid = found_uid;
    }
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    bool is_claim_gone;
    if (object_get_pod(sandboxes, &place, error, &pod)) {
        const char *uid = kubernetes_object_uid(pod);
        if (!uid || !object_delete_pod(sandboxes, &place, uid, ROLL_BACK_GRACE_SECONDS, error))
            return false;
    } else if (error->code != ERROR_NOT_FOUND) {
        return false;
    }
    /* The claim may stay a moment longer, held by its finalizer; nobody can use it any more. */
    return object_delete_claim(sandboxes, &place, error, &is_claim_gone) &&
           object_delete_record(sandboxes, &place, record_uid, error);
}
