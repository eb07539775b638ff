#include "driver/sandboxes/deletions.h"

#include "common/cleanup.h"
#include "driver/rpc/server.h"
#include "driver/sandboxes/fault_point.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/objects.h"
#include "kubernetes/objects.h"

#include "compute_driver.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define DELETED_EVENT_BYTES 256

static struct deletion *find(const struct deletions *deletions, const char *sandbox_id)
{
    struct deletion *deletion = deletions->first;
    while (deletion && strcmp(deletion->sandbox_id, sandbox_id) != 0)
        deletion = deletion->next;
    return deletion;
}

static void forget(struct deletions *deletions, struct deletion *deletion)
{
    struct deletion **link = &deletions->first;
    while (*link != deletion)
        link = &(*link)->next;
    *link = deletion->next;
    free(deletion);
}

void deletions_done(struct deletions *deletions)
{
    while (deletions->first)
        forget(deletions, deletions->first);
}

static bool publish(struct deletions *deletions, struct sandboxes *sandboxes, const char *sandbox_id,
                    struct error *error)
{
    _cleanup_(freep) struct deletion *deletion = calloc(1, sizeof *deletion);
    if (!deletion)
        return error_set_no_memory(error);
    state_copy_text(deletion->sandbox_id, sizeof deletion->sandbox_id, sandbox_id);
    Compute__WatchSandboxesDeletedEvent deleted = COMPUTE__WATCH_SANDBOXES_DELETED_EVENT__INIT;
    deleted.sandbox_id = deletion->sandbox_id;
    Compute__WatchSandboxesEvent event = COMPUTE__WATCH_SANDBOXES_EVENT__INIT;
    event.payload_case = COMPUTE__WATCH_SANDBOXES_EVENT__PAYLOAD_DELETED;
    event.deleted = &deleted;
    struct buffer packed = BUFFER_INIT(DELETED_EVENT_BYTES);
    if (!rpc_pack(&event.base, error, &packed)) {
        buffer_done(&packed);
        return false;
    }
    deletion->published_ns = monotonic_now_ns();
    deletion->sequence = registry_publish(sandboxes->registry, JOURNAL_DELETED, sandbox_id, &packed);
    deletion->next = deletions->first;
    deletions->first = take_pointer(&deletion);
    return true;
}

/* Sees to it that pod and claim go; `*are_gone` when they have. */
static bool remove_objects(struct sandboxes *sandboxes, const struct sandbox_place *place,
                           struct error *error, bool *are_gone)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    bool is_claim_gone;
    *are_gone = false;
    if (object_get_pod(sandboxes, place, error, &pod)) {
        const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(pod, "metadata");
        const char *uid = kubernetes_object_uid(pod);
        if (!uid || cJSON_GetObjectItemCaseSensitive(metadata, "deletionTimestamp"))
            return true;
        if (!object_delete_pod(sandboxes, place, uid, KUBERNETES_GRACE_DEFAULT, error))
            return false;
        /* Without a node the pod goes at once, and the claim can too. */
        cJSON_Delete(take_pointer(&pod));
        if (object_get_pod(sandboxes, place, error, &pod))
            return true;
    }
    if (error->code != ERROR_NOT_FOUND)
        return false;
    if (!object_delete_claim(sandboxes, place, error, &is_claim_gone))
        return false;
    *are_gone = is_claim_gone;
    return true;
}

static bool has_been_told(const struct deletion *deletion, struct sandboxes *sandboxes)
{
    return registry_is_delivered(sandboxes->registry, deletion->sequence) ||
           monotonic_now_ns() >= deletion->published_ns + DELETED_EVENT_WAIT_SECONDS * MONOTONIC_SECOND_NS;
}

bool deletion_step(struct deletions *deletions, struct sandboxes *sandboxes,
                   const struct sandbox_state *state, struct error *error, bool *is_complete)
{
    struct sandbox_place place;
    struct deletion *deletion = find(deletions, state->id);
    *is_complete = false;
    place_of_state(sandboxes->configuration, state, &place);
    if (!deletion) {
        bool are_gone;
        if (!remove_objects(sandboxes, &place, error, &are_gone))
            return false;
        if (!are_gone)
            return true;
        fault_point("delete.objects");
        if (!publish(deletions, sandboxes, state->id, error))
            return false;
        deletion = find(deletions, state->id);
    }
    if (!has_been_told(deletion, sandboxes))
        return true;
    fault_point("delete.told");
    if (!object_delete_record(sandboxes, &place, state->record.uid, error))
        return false;
    forget(deletions, deletion);
    *is_complete = true;
    return true;
}
