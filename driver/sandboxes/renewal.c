#include "driver/sandboxes/renewal.h"

#include "common/cleanup.h"
#include "driver/rpc/gateway_client.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/objects.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/token.h"
#include "kubernetes/objects.h"
#include "kubernetes/secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* Between two looks at all tokens. */
#define LOOK_SECONDS 5
/* After a failure the gateway is left alone for this long. */
#define FAILURE_SECONDS 30
/* The gateway takes a token until this long after its end. */
#define LEEWAY_SECONDS 60

struct renewal {
    struct sandboxes *sandboxes;
    struct renewal_observer observer;
    struct gateway_client *client;
    pthread_t thread;
    bool has_thread;
    bool has_failed; /* of the current look */

    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_stopping;
};

static bool is_due(const struct sandbox_state *state)
{
    const struct token_times times = {state->record.token_issued_s, state->record.token_expires_s};
    int64_t due_s = token_renewal_time(&times), now_s = wall_clock_s();
    return state->record.exists && !state->record.is_creating && state->record.desired != DESIRED_DELETED &&
           due_s != 0 && now_s >= due_s && now_s <= times.expires_s + LEEWAY_SECONDS;
}

static bool renew(struct renewal *renewal, const struct sandbox_state *state, struct error *error)
{
    struct sandbox_place place;
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    _cleanup_(secret_freep) char *token = NULL, *renewed = NULL;
    cJSON *patch = NULL;
    place_of_state(renewal->sandboxes->configuration, state, &place);
    if (!object_get_record(renewal->sandboxes, &place, error, &record) ||
        !record_read_token(record, error, &token) ||
        !gateway_client_renew_token(renewal->client, token, error, &renewed))
        return false;
    const char *version = kubernetes_object_resource_version(record);
    return record_patch_token(renewed, version ? version : "", error, &patch) &&
           object_patch_record(renewal->sandboxes, &place, patch, error);
}

static bool is_stopping(struct renewal *renewal)
{
    pthread_mutex_lock(&renewal->mutex);
    bool result = renewal->is_stopping;
    pthread_mutex_unlock(&renewal->mutex);
    return result;
}

static bool look_at(void *context, const struct sandbox_state *state)
{
    struct renewal *renewal = context;
    struct error error = {0};
    if (is_stopping(renewal))
        return false;
    if (!is_due(state))
        return true;
    bool is_renewed = renew(renewal, state, &error);
    /* Somebody wrote the record meanwhile, or it went: the next look knows. */
    if (!is_renewed && (error.code == ERROR_CONFLICT || error.code == ERROR_NOT_FOUND))
        return true;
    if (renewal->observer.finished)
        renewal->observer.finished(renewal->observer.context, state->id, is_renewed ? NULL : &error);
    renewal->has_failed = renewal->has_failed || !is_renewed;
    /* A gateway that cannot be reached cannot be reached for the others either. */
    return error.code != ERROR_UNAVAILABLE && error.code != ERROR_TIMEOUT;
}

static bool pause_look(struct renewal *renewal)
{
    uint64_t seconds = renewal->has_failed ? FAILURE_SECONDS : LOOK_SECONDS;
    struct timespec deadline = monotonic_timespec(monotonic_now_ns() + seconds * MONOTONIC_SECOND_NS);
    int result = 0;
    pthread_mutex_lock(&renewal->mutex);
    while (!renewal->is_stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&renewal->changed, &renewal->mutex, &deadline);
    bool goes_on = !renewal->is_stopping;
    pthread_mutex_unlock(&renewal->mutex);
    return goes_on;
}

static void *renew_until_stopped(void *argument)
{
    struct renewal *renewal = argument;
    do {
        renewal->has_failed = false;
        registry_each(renewal->sandboxes->registry, look_at, renewal);
    } while (pause_look(renewal));
    return NULL;
}

DEFINE_POINTER_CLEANUP(struct renewal *, renewal_free)

bool renewal_start(struct sandboxes *sandboxes, const struct renewal_observer *observer, struct error *error,
                   struct renewal **started)
{
    const struct gateway_access *gateway = &sandboxes->configuration->gateway;
    const struct gateway_client_options options = {gateway->endpoint, gateway->authority_file,
                                                   gateway->certificate_file, gateway->key_file,
                                                   gateway->server_name};
    _cleanup_(renewal_freep) struct renewal *renewal = calloc(1, sizeof *renewal);
    if (!renewal)
        return error_set_no_memory(error);
    renewal->sandboxes = sandboxes;
    renewal->observer = *observer;
    pthread_mutex_init(&renewal->mutex, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&renewal->changed, &clock);
    pthread_condattr_destroy(&clock);
    if (!gateway_client_new(&options, error, &renewal->client))
        return false;
    int failure = pthread_create(&renewal->thread, NULL, renew_until_stopped, renewal);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "starting the renewal's thread");
    renewal->has_thread = true;
    *started = take_pointer(&renewal);
    return true;
}

void renewal_free(struct renewal *renewal)
{
    if (!renewal)
        return;
    pthread_mutex_lock(&renewal->mutex);
    renewal->is_stopping = true;
    pthread_cond_signal(&renewal->changed);
    pthread_mutex_unlock(&renewal->mutex);
    if (renewal->has_thread)
        pthread_join(renewal->thread, NULL);
    gateway_client_free(renewal->client);
    pthread_mutex_destroy(&renewal->mutex);
    pthread_cond_destroy(&renewal->changed);
    free(renewal);
}
