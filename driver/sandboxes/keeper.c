#include "driver/sandboxes/keeper.h"

#include "common/cleanup.h"
#include "driver/sandboxes/deletions.h"
#include "driver/sandboxes/lifecycle.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/objects.h"
#include "driver/sandboxes/report.h"
#include "kubernetes/objects.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Between two looks, however much happens. */
#define LOOK_PAUSE_MS 50
/* Between two looks while something is under way that nobody tells about, doubling. */
#define UNDER_WAY_PAUSE_MS 125
#define UNDER_WAY_PAUSE_LONGEST_MS 4000
/* After a failure, doubling. */
#define FAILURE_PAUSE_MS 500
#define FAILURE_PAUSE_LONGEST_MS 30000

#define MILLISECOND_NS 1000000ull

struct keeper {
    struct sandboxes *sandboxes;
    struct keeper_observer observer;
    struct deletions deletions;
    pthread_t thread;
    bool has_thread;
    bool is_under_way; /* of the current look: something is left to be done or waited for */
    bool has_failed;

    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_woken;
    bool is_stopping;
};

/* Whether a create or start that the record tells of is nobody's any more: one of ours that has ended without
 * saying so (else the keeper would not have got its turn), or one that a former process was cut off in. What
 * another process began after we came may still be going on there. */
static bool is_abandoned(const struct record_state *record, const char *instance)
{
    return record->is_from_start || strcmp(record->starting_by, instance) == 0;
}

static enum keeper_action decide_start(const struct record_state *record, const char *instance)
{
    if (!*record->starting_by || !is_abandoned(record, instance))
        return KEEPER_NOTHING;
    return strcmp(record->starting_by, instance) == 0 ? KEEPER_TAKE_BACK_START : KEEPER_FINISH_START;
}

enum keeper_action keeper_decide(const struct sandbox_state *state, const char *instance)
{
    const struct record_state *record = &state->record;
    if (!record->exists)
        return KEEPER_NOTHING; /* a pod without record: garbage collection has it */
    if (record->desired == DESIRED_DELETED)
        return KEEPER_FINISH_DELETE;
    if (record->is_creating)
        return is_abandoned(record, instance) ? KEEPER_ROLL_BACK : KEEPER_NOTHING;
    if (record->desired == DESIRED_STOPPED)
        return state->pod.exists && !state->pod.is_deleting ? KEEPER_END_POD : KEEPER_NOTHING;
    enum keeper_action action = decide_start(record, instance);
    return action == KEEPER_NOTHING && state->pod.phase == POD_BLOCKED ? KEEPER_REFRESH : action;
}

static bool take_back_start(struct sandboxes *sandboxes, const struct sandbox_state *state,
                            struct error *error)
{
    struct sandbox_place place;
    place_of_state(sandboxes->configuration, state, &place);
    return object_set_desired(sandboxes, &place, DESIRED_STOPPED, false, error);
}

static bool end_pod(struct sandboxes *sandboxes, const struct sandbox_state *state, struct error *error)
{
    struct sandbox_place place;
    place_of_state(sandboxes->configuration, state, &place);
    return object_delete_pod(sandboxes, &place, state->pod.uid, KUBERNETES_GRACE_DEFAULT, error);
}

static bool finish_start(struct sandboxes *sandboxes, const struct sandbox_state *state, struct error *error)
{
    /* A former pod that still ends holds the name. */
    if (state->pod.exists && state->pod.is_deleting)
        return true;
    if (sandbox_finish_start(sandboxes, state, error))
        return true;
    /* What will not get better by trying is taken back: the gateway's user may start it again. */
    if (error->code == ERROR_FAILED_PRECONDITION) {
        struct error ignored;
        (void) !take_back_start(sandboxes, state, &ignored);
    }
    return false;
}

static bool act(struct keeper *keeper, enum keeper_action action, const struct sandbox_state *state,
                struct error *error)
{
    struct sandboxes *sandboxes = keeper->sandboxes;
    bool is_complete = false;
    switch (action) {
    case KEEPER_NOTHING:
        return true;
    case KEEPER_ROLL_BACK:
        return sandbox_roll_back(sandboxes, state, state->record.uid, error);
    case KEEPER_END_POD:
        return end_pod(sandboxes, state, error);
    case KEEPER_FINISH_START:
        return finish_start(sandboxes, state, error);
    case KEEPER_TAKE_BACK_START:
        return take_back_start(sandboxes, state, error);
    case KEEPER_REFRESH:
        registry_refresh(sandboxes->registry, state->id);
        return true;
    case KEEPER_FINISH_DELETE:
        if (!deletion_step(&keeper->deletions, sandboxes, state, error, &is_complete))
            return false;
        if (is_complete && keeper->observer.deleted)
            keeper->observer.deleted(keeper->observer.context, state->id);
        return true;
    }
    return true;
}

static const char *describe(enum keeper_action action)
{
    static const char *const names[] = {
        [KEEPER_NOTHING] = "nothing",
        [KEEPER_ROLL_BACK] = "removing an unfinished sandbox",
        [KEEPER_END_POD] = "ending a stopped sandbox's pod",
        [KEEPER_FINISH_START] = "finishing a start",
        [KEEPER_TAKE_BACK_START] = "taking a failed start back",
        [KEEPER_FINISH_DELETE] = "finishing a delete",
        [KEEPER_REFRESH] = "looking again",
    };
    return names[action];
}

static bool is_stopping(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    bool result = keeper->is_stopping;
    pthread_mutex_unlock(&keeper->mutex);
    return result;
}

/* Whether a look at all sandboxes is due again although nobody will tell. */
static bool needs_another_look(const struct keeper *keeper, enum keeper_action action,
                               const struct sandbox_state *state)
{
    /* Once patience is over a refresh has nothing more to say. */
    return action != KEEPER_REFRESH ||
           report_awaits_time(state, monotonic_now_ns(),
                              keeper->sandboxes->configuration->image_pull_timeout_seconds);
}

static bool look_at(void *context, const struct sandbox_state *listed)
{
    struct keeper *keeper = context;
    struct sandboxes *sandboxes = keeper->sandboxes;
    struct operation operation;
    struct sandbox_state state = *listed;
    struct error error = {0};
    if (is_stopping(keeper))
        return false;
    enum keeper_action action = keeper_decide(&state, sandboxes->instance);
    if (action == KEEPER_NOTHING)
        return true;
    keeper->is_under_way = keeper->is_under_way || needs_another_look(keeper, action, &state);
    /* The operation keeps the id, which must not be the one that is read anew below. */
    if (!operation_try_begin(&sandboxes->operations, listed->id, &operation))
        return true;
    /* It may have changed until it was our turn. */
    action = registry_find(sandboxes->registry, state.id, &state) ? keeper_decide(&state, sandboxes->instance)
                                                                  : KEEPER_NOTHING;
    if (!act(keeper, action, &state, &error)) {
        keeper->has_failed = true;
        if (keeper->observer.failed)
            keeper->observer.failed(keeper->observer.context, state.id, describe(action), &error);
    }
    operation_end(&sandboxes->operations, &operation);
    /* A server that cannot be reached cannot be reached for the others either. */
    return error.code != ERROR_UNAVAILABLE && error.code != ERROR_TIMEOUT;
}

/* Waits; `pause_ms` 0: until woken. With `is_patient` nothing wakes it before the pause is over. */
static bool pause_look(struct keeper *keeper, unsigned pause_ms, bool is_patient)
{
    struct timespec deadline = monotonic_timespec(monotonic_now_ns() + pause_ms * MILLISECOND_NS);
    int result = 0;
    pthread_mutex_lock(&keeper->mutex);
    while (!keeper->is_stopping && (is_patient || !keeper->is_woken) && result != ETIMEDOUT)
        result = pause_ms ? pthread_cond_timedwait(&keeper->changed, &keeper->mutex, &deadline)
                          : pthread_cond_wait(&keeper->changed, &keeper->mutex);
    if (!is_patient)
        keeper->is_woken = false;
    bool goes_on = !keeper->is_stopping;
    pthread_mutex_unlock(&keeper->mutex);
    return goes_on;
}

static void look_at_all(struct keeper *keeper)
{
    keeper->is_under_way = keeper->has_failed = false;
    if (registry_is_synced(keeper->sandboxes->registry))
        registry_each(keeper->sandboxes->registry, look_at, keeper);
}

static unsigned longer(unsigned pause_ms, unsigned longest_ms)
{
    return pause_ms * 2 < longest_ms ? pause_ms * 2 : longest_ms;
}

static void *keep(void *argument)
{
    struct keeper *keeper = argument;
    unsigned failure_ms = FAILURE_PAUSE_MS, under_way_ms = UNDER_WAY_PAUSE_MS;
    bool goes_on = true;
    while (goes_on) {
        look_at_all(keeper);
        if (keeper->has_failed) {
            goes_on = pause_look(keeper, failure_ms, true);
            failure_ms = longer(failure_ms, FAILURE_PAUSE_LONGEST_MS);
            continue;
        }
        failure_ms = FAILURE_PAUSE_MS;
        under_way_ms =
            keeper->is_under_way ? longer(under_way_ms, UNDER_WAY_PAUSE_LONGEST_MS) : UNDER_WAY_PAUSE_MS;
        goes_on = pause_look(keeper, LOOK_PAUSE_MS, true) &&
                  pause_look(keeper, keeper->is_under_way ? under_way_ms : 0, false);
    }
    return NULL;
}

bool keeper_start(struct sandboxes *sandboxes, const struct keeper_observer *observer, struct error *error)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return error_set_no_memory(error);
    keeper->sandboxes = sandboxes;
    keeper->observer = *observer;
    pthread_mutex_init(&keeper->mutex, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->changed, &clock);
    pthread_condattr_destroy(&clock);
    sandboxes->keeper = keeper;
    int failure = pthread_create(&keeper->thread, NULL, keep, keeper);
    keeper->has_thread = failure == 0;
    return failure == 0 || error_set_errno(error, ERROR_IO, failure, "starting the keeper's thread");
}

void keeper_wake(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->is_woken = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

void keeper_stop(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
    if (keeper->has_thread)
        pthread_join(keeper->thread, NULL);
    keeper->has_thread = false;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    keeper_stop(keeper);
    keeper->sandboxes->keeper = NULL;
    deletions_done(&keeper->deletions);
    pthread_mutex_destroy(&keeper->mutex);
    pthread_cond_destroy(&keeper->changed);
    free(keeper);
}
