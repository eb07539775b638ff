#include "driver/sandboxes/lifecycle.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/fault_point.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/objects.h"
#include "driver/sandboxes/record.h"
#include "kubernetes/objects.h"

#include <string.h>

/* How often the API server is asked itself, in case the watch is late. */
#define POLL_SECONDS 2

#define DEFAULT_GRACE_SECONDS 30
#define GRACE_SECONDS_MAXIMUM 3600

static int64_t grace_of(const cJSON *pod)
{
    int64_t grace = DEFAULT_GRACE_SECONDS;
    (void) json_get_integer(json_member(json_member(pod, "spec"), "terminationGracePeriodSeconds"), &grace);
    return grace < 0 ? 0 : grace > GRACE_SECONDS_MAXIMUM ? GRACE_SECONDS_MAXIMUM : grace;
}

/* True when the API server itself says that the pod of this uid is gone. */
static bool is_pod_gone(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    struct error error;
    if (!object_get_pod(sandboxes, place, &error, &pod))
        return error.code == ERROR_NOT_FOUND;
    const char *found = kubernetes_object_uid(pod);
    return !found || strcmp(found, uid) != 0;
}

static bool wait_for_end(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid,
                         int64_t grace_seconds, struct error *error)
{
    uint64_t wait_s = (uint64_t) grace_seconds + STOP_SLACK_SECONDS;
    uint64_t deadline_ns = monotonic_now_ns() + wait_s * MONOTONIC_SECOND_NS;
    for (;;) {
        uint64_t next_ns = monotonic_now_ns() + POLL_SECONDS * MONOTONIC_SECOND_NS;
        if (registry_wait_gone(sandboxes->registry, REGISTRY_POD, place->sandbox_id, uid,
                               next_ns < deadline_ns ? next_ns : deadline_ns))
            return true;
        if (registry_are_waits_cancelled(sandboxes->registry))
            return error_set(error, ERROR_UNAVAILABLE, "the driver is stopping; pod %s still terminates",
                             place->pod);
        if (is_pod_gone(sandboxes, place, uid)) {
            registry_remove(sandboxes->registry, REGISTRY_POD, place->sandbox_id, uid);
            return true;
        }
        if (monotonic_now_ns() >= deadline_ns)
            return error_set(error, ERROR_TIMEOUT, "pod %s still terminates after %llu seconds", place->pod,
                             (unsigned long long) wait_s);
    }
}

/* Finds the sandbox again once it is our turn, and refuses one that shall go. */
static bool find_in_turn(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                         struct sandbox_state *state, struct sandbox_place *place)
{
    if (!sandboxes_find(sandboxes, sandbox_id, error, state))
        return false;
    if (state->record.desired == DESIRED_DELETED)
        return error_set(error, ERROR_FAILED_PRECONDITION, "sandbox %s is being deleted", sandbox_id);
    place_of_state(sandboxes->configuration, state, place);
    return true;
}

/* Deletes the pod, if there is one, and says what to wait for: "" nothing. */
static bool end_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                    char uid[UID_BYTES], int64_t *grace_seconds)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    uid[0] = '\0';
    if (!object_get_pod(sandboxes, place, error, &pod))
        return error->code == ERROR_NOT_FOUND;
    const char *found = kubernetes_object_uid(pod);
    *grace_seconds = grace_of(pod);
    state_copy_text(uid, UID_BYTES, found ? found : "");
    return object_delete_pod(sandboxes, place, uid, KUBERNETES_GRACE_DEFAULT, error);
}

bool sandbox_stop(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error)
{
    struct sandbox_state state;
    struct sandbox_place place;
    struct operation operation;
    char uid[UID_BYTES];
    int64_t grace_seconds = 0;
    operation_begin(&sandboxes->operations, sandbox_id, &operation);
    bool is_ending = find_in_turn(sandboxes, sandbox_id, error, &state, &place) &&
                     object_set_desired(sandboxes, &place, DESIRED_STOPPED, false, error);
    if (is_ending) {
        fault_point("stop.record");
        is_ending = end_pod(sandboxes, &place, error, uid, &grace_seconds);
        fault_point("stop.pod");
    }
    operation_end(&sandboxes->operations, &operation);
    if (!is_ending) { /* what was noted is carried out all the same */
        keeper_wake(sandboxes->keeper);
        return false;
    }
    if (!*uid) {
        /* The watch may still have to tell of a pod that has gone by itself. */
        if (state.pod.exists)
            registry_remove(sandboxes->registry, REGISTRY_POD, sandbox_id, state.pod.uid);
        return true;
    }
    return wait_for_end(sandboxes, &place, uid, grace_seconds, error);
}

/* A pod that an earlier stop has ended holds the name until it is gone. Gives the turn up while waiting. */
static bool wait_for_former_pod(struct sandboxes *sandboxes, const char *sandbox_id,
                                struct operation *operation, struct error *error)
{
    struct sandbox_state state;
    struct sandbox_place place;
    if (!find_in_turn(sandboxes, sandbox_id, error, &state, &place))
        return false;
    if (!state.pod.exists || (!state.pod.is_deleting && state.record.desired == DESIRED_RUNNING))
        return true;
    operation_end(&sandboxes->operations, operation);
    bool has_ended = wait_for_end(sandboxes, &place, state.pod.uid, DEFAULT_GRACE_SECONDS, error);
    operation_begin(&sandboxes->operations, sandbox_id, operation);
    return has_ended;
}

/* After a create that found the name taken: by the sandbox's own pod, when the answer to an earlier one was
 * lost. */
static bool adopt_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error)
{
    struct error adoption = {0};
    if (error->code != ERROR_ALREADY_EXISTS)
        return false;
    if (object_adopt_pod(sandboxes, place, &adoption))
        return true;
    if (adoption.code != ERROR_NOT_FOUND)
        *error = adoption;
    return false;
}

static bool launch(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *record = NULL, *document = NULL;
    if (!object_get_record(sandboxes, place, error, &record))
        return false;
    const char *uid = kubernetes_object_uid(record);
    if (!record_read_document(record, error, &document)) {
        error->code = ERROR_FAILED_PRECONDITION;
        return error_prefix(error, "record %s", place->record);
    }
    return object_ensure_claim(sandboxes, place, document, uid ? uid : "", error) &&
           (object_create_pod(sandboxes, place, document, uid ? uid : "", error) ||
            adopt_pod(sandboxes, place, error));
}

static bool bring_up(struct sandboxes *sandboxes, const struct sandbox_place *place, bool has_pod,
                     struct error *error)
{
    /* A process that died before it saw the answer to its create may have left an unsupervised pod. */
    if (has_pod && object_adopt_pod(sandboxes, place, error))
        return true;
    if (has_pod && error->code != ERROR_NOT_FOUND)
        return false;
    return launch(sandboxes, place, error);
}

bool sandbox_finish_start(struct sandboxes *sandboxes, const struct sandbox_state *state, struct error *error)
{
    struct sandbox_place place;
    place_of_state(sandboxes->configuration, state, &place);
    if (!bring_up(sandboxes, &place, state->pod.exists, error))
        return false;
    fault_point("start.pod");
    return object_set_desired(sandboxes, &place, DESIRED_RUNNING, false, error);
}

static bool start_in_turn(struct sandboxes *sandboxes, const char *sandbox_id, struct operation *operation,
                          struct error *error)
{
    struct sandbox_state state;
    struct sandbox_place place;
    if (!wait_for_former_pod(sandboxes, sandbox_id, operation, error) ||
        !find_in_turn(sandboxes, sandbox_id, error, &state, &place))
        return false;
    if (state.record.desired == DESIRED_RUNNING && state.pod.exists && !*state.record.starting_by)
        return true;
    if (!object_set_desired(sandboxes, &place, DESIRED_RUNNING, true, error))
        return false;
    fault_point("start.record");
    if (sandbox_finish_start(sandboxes, &state, error))
        return true;
    /* Back to where it was, as the gateway will think; if that fails too, the keeper does it. */
    struct error ignored;
    (void) !object_set_desired(sandboxes, &place, DESIRED_STOPPED, false, &ignored);
    return false;
}

bool sandbox_start(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error)
{
    struct operation operation;
    operation_begin(&sandboxes->operations, sandbox_id, &operation);
    bool is_started = start_in_turn(sandboxes, sandbox_id, &operation, error);
    operation_end(&sandboxes->operations, &operation);
    if (!is_started)
        keeper_wake(sandboxes->keeper);
    return is_started;
}
