#include "driver/sandboxes/lifecycle.h"

#include "common/cleanup.h"
#include "driver/sandboxes/fault_point.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/objects.h"
#include "kubernetes/objects.h"

/* Begins with what the keeper will finish; that it could not begin is no failure of the delete. */
static void begin_removal(struct sandboxes *sandboxes, const struct sandbox_place *place)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    struct error ignored;
    bool ignored_flag;
    if (object_get_pod(sandboxes, place, &ignored, &pod) && kubernetes_object_uid(pod))
        (void) !object_delete_pod(sandboxes, place, kubernetes_object_uid(pod), KUBERNETES_GRACE_DEFAULT,
                                  &ignored);
    fault_point("delete.pod");
    (void) !object_delete_claim(sandboxes, place, &ignored, &ignored_flag);
    fault_point("delete.claim");
}

static bool delete_in_turn(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                           bool *is_deleted)
{
    struct sandbox_state state;
    struct sandbox_place place;
    *is_deleted = false;
    if (!sandboxes_find(sandboxes, sandbox_id, error, &state))
        return error->code == ERROR_NOT_FOUND;
    place_of_state(sandboxes->configuration, &state, &place);
    if (!object_set_desired(sandboxes, &place, DESIRED_DELETED, false, error)) {
        if (error->code != ERROR_NOT_FOUND)
            return false;
        registry_remove(sandboxes->registry, REGISTRY_RECORD, sandbox_id, state.record.uid);
        return true;
    }
    *is_deleted = true;
    fault_point("delete.record");
    begin_removal(sandboxes, &place);
    return true;
}

bool sandbox_delete(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                    bool *is_deleted)
{
    struct operation operation;
    operation_begin(&sandboxes->operations, sandbox_id, &operation);
    bool is_answered = delete_in_turn(sandboxes, sandbox_id, error, is_deleted);
    operation_end(&sandboxes->operations, &operation);
    keeper_wake(sandboxes->keeper);
    return is_answered;
}
