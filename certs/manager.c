#include "certs/manager_state.h"

#include "certs/authorities_document.h"
#include "common/syntax.h"
#include "kubernetes/clock.h"
#include "kubernetes/thread.h"

#include <stdio.h>
#include <string.h>

/* How often times are looked at; changes in the cluster wake the thread at once. */
#define TICK_MS 500u
#define RETRY_FIRST_MS 250u
#define RETRY_LONGEST_MS 10000u
#define HOST_BYTES 256

static const char *const event_names[CERTIFICATE_EVENT_TYPES] = {
    [CERTIFICATE_SERVED] = "served",
    [AUTHORITIES_CREATED] = "authorities_created",
    [AUTHORITIES_RESTORED] = "authorities_restored",
    [AUTHORITY_PREPARED] = "authority_prepared",
    [AUTHORITY_PROMOTED] = "authority_promoted",
    [AUTHORITY_DROPPED] = "authority_dropped",
    [AUTHORITY_KEPT] = "authority_kept",
    [BUNDLE_WRITTEN] = "bundle_written",
    [CERTIFICATE_LEASE_HELD] = "lease_held",
    [CERTIFICATE_LEASE_LOST] = "lease_lost",
    [CERTIFICATE_FAILURE] = "failure",
};

const char *certificate_event_name(enum certificate_event_type type)
{
    return event_names[type];
}

void manager_report(struct certificate_manager *manager, enum certificate_event_type type, const char *name,
                    time_t not_after)
{
    const struct certificate_event event = {.type = type, .name = name, .not_after = not_after};
    manager->options.report(manager->options.context, &event);
}

static void report_failure(struct certificate_manager *manager, const char *what, const struct error *error)
{
    const struct certificate_event event = {.type = CERTIFICATE_FAILURE, .name = what, .error = error};
    manager->options.report(manager->options.context, &event);
}

bool manager_fail(struct certificate_manager *manager, const char *what, const struct error *error)
{
    manager->retry_ns =
        clock_now_ns() + backoff_next_ms(&manager->backoff, backoff_random()) * NANOSECONDS_PER_MILLISECOND;
    bool is_race = error->code == ERROR_CONFLICT || error->code == ERROR_ALREADY_EXISTS;
    if (!is_race && error->code != ERROR_CANCELLED)
        report_failure(manager, what, error);
    return false;
}

bool manager_may_write(const struct certificate_manager *manager)
{
    return clock_now_ns() >= manager->retry_ns;
}

struct kubernetes_call manager_call(const struct certificate_manager *manager)
{
    return (struct kubernetes_call){.time_limit_ms = MANAGER_CALL_MS, .cancellation = &manager->cancellation};
}

/* Any thread. */
static void wake(void *context)
{
    struct certificate_manager *manager = context;
    pthread_mutex_lock(&manager->mutex);
    manager->is_woken = true;
    pthread_cond_signal(&manager->condition);
    pthread_mutex_unlock(&manager->mutex);
}

static void note_watch_failure(void *context, const struct error *error)
{
    report_failure(context, "watch", error);
}

static void note_lease_failure(void *context, const struct error *error)
{
    report_failure(context, "lease", error);
}

static void note_lease_held(void *context)
{
    manager_report(context, CERTIFICATE_LEASE_HELD, NULL, 0);
    wake(context);
}

static void note_lease_lost(void *context)
{
    manager_report(context, CERTIFICATE_LEASE_LOST, NULL, 0);
}

static time_t end_of(const X509 *certificate)
{
    time_t not_before = 0, not_after = 0;
    return certificate && certificate_read_validity(certificate, NULL, &not_before, &not_after) ? not_after
                                                                                                : 0;
}

/* Makes what other threads ask for. */
static void publish(struct certificate_manager *manager, time_t now)
{
    struct error unready = {.code = ERROR_NONE};
    if (manager_check_trust(manager, now, &unready))
        unready.code = ERROR_NONE;
    const struct certificate_manager_statistics statistics = {
        .serving_not_after = manager->leaf.not_after,
        .authority_not_after = end_of(manager->authorities.current.certificate),
        .next_authority_not_after = end_of(manager->authorities.next.certificate),
    };
    pthread_mutex_lock(&manager->mutex);
    manager->unready = unready;
    manager->statistics = statistics;
    pthread_mutex_unlock(&manager->mutex);
}

/* The holder of the Lease publishes before it signs: the bundles are written after the authorities and read
 * before them. */
static void step(struct certificate_manager *manager)
{
    time_t now = time(NULL);
    manager_absorb_secret(manager);
    manager_absorb_configurations(manager);
    manager_ensure_secret(manager, now);
    if (kubernetes_lease_is_held(manager->lease)) {
        manager_rotate(manager, now);
        manager_write_bundles(manager);
    }
    manager_renew(manager, now);
    publish(manager, now);
}

static void wait_for_work(struct certificate_manager *manager)
{
    const struct timespec deadline = clock_wait_deadline(TICK_MS);
    pthread_mutex_lock(&manager->mutex);
    int result = 0;
    while (!manager->is_woken && result == 0)
        result = pthread_cond_clockwait(&manager->condition, &manager->mutex, CLOCK_MONOTONIC, &deadline);
    manager->is_woken = false;
    pthread_mutex_unlock(&manager->mutex);
}

static void *run(void *argument)
{
    struct certificate_manager *manager = argument;
    while (!cancellation_is_requested(&manager->cancellation)) {
        step(manager);
        wait_for_work(manager);
    }
    return NULL;
}

/* Copies a string of the options; NULL stays NULL. */
static bool keep_string(const char **string, struct error *error)
{
    if (!*string)
        return true;
    *string = strdup(*string);
    return *string || error_set_no_memory(error);
}

/* After this the options' strings are the manager's, as far as they could be copied. */
static bool keep_options(struct certificate_manager *manager,
                         const struct certificate_manager_options *options, struct error *error)
{
    struct certificate_manager_options *kept = &manager->options;
    *kept = *options;
    const char **strings[] = {&kept->namespace_name,
                              &kept->secret_name,
                              &kept->lease_name,
                              &kept->identity,
                              &kept->service_name,
                              &kept->mutating_configuration,
                              &kept->validating_configuration};
    bool is_kept = true;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        if (is_kept)
            is_kept = keep_string(strings[i], error);
        else
            *strings[i] = NULL;
    }
    return is_kept;
}

static bool check_options(const struct certificate_manager_options *options, struct error *error)
{
    const char *const names[] = {options->secret_name, options->lease_name, options->mutating_configuration,
                                 options->validating_configuration};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && !syntax_is_dns_subdomain(names[i]))
            return error_set(error, ERROR_INVALID, "\"%s\" is no name of an object", names[i]);
    if (!options->mutating_configuration && !options->validating_configuration)
        return error_set(error, ERROR_INVALID, "no webhook configuration is named");
    return rotation_policy_check(&options->policy, error);
}

static bool fill(struct certificate_manager *manager, const struct certificate_manager_options *options,
                 struct error *error)
{
    char host[HOST_BYTES];
    if (!keep_options(manager, options, error))
        return false;
    snprintf(host, sizeof host, "%s.%s.svc", options->service_name, options->namespace_name);
    manager->host = strdup(host);
    if (!manager->host)
        return error_set_no_memory(error);
    const struct certificate_manager_options *kept = &manager->options;
    manager->store = (struct secret_store){
        .client = manager->client, .namespace_name = kept->namespace_name, .name = kept->secret_name};
    manager->service =
        (struct webhook_service){.namespace_name = kept->namespace_name, .name = kept->service_name};
    manager->configurations[0] =
        (struct managed_configuration){.resource = &kubernetes_mutating_webhook_configurations,
                                       .name = (char *) (uintptr_t) kept->mutating_configuration};
    manager->configurations[1] =
        (struct managed_configuration){.resource = &kubernetes_validating_webhook_configurations,
                                       .name = (char *) (uintptr_t) kept->validating_configuration};
    error_set(&manager->unready, ERROR_FAILED_PRECONDITION, "there is no certificate yet");
    return true;
}

static bool start_watches(struct certificate_manager *manager, struct error *error)
{
    const struct watched_object_listener listener = {
        .changed = wake, .failed = note_watch_failure, .context = manager};
    const struct kubernetes_target secret = {.resource = &kubernetes_secrets,
                                             .namespace_name = manager->options.namespace_name,
                                             .name = manager->options.secret_name};
    if (!watched_object_start(&manager->secret_watched, manager->client, &secret, &listener, error))
        return false;
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        struct managed_configuration *configuration = &manager->configurations[i];
        const struct kubernetes_target target = {.resource = configuration->resource,
                                                 .name = configuration->name};
        if (configuration->name &&
            !watched_object_start(&configuration->watched, manager->client, &target, &listener, error))
            return false;
    }
    return true;
}

static bool start_threads(struct certificate_manager *manager, struct error *error)
{
    const struct kubernetes_lease_options lease = {
        .namespace_name = manager->options.namespace_name,
        .name = manager->options.lease_name,
        .identity = manager->options.identity,
        .acquired = note_lease_held,
        .lost = note_lease_lost,
        .failed = note_lease_failure,
        .context = manager,
    };
    if (!start_watches(manager, error) ||
        !kubernetes_lease_start(manager->client, &lease, error, &manager->lease) ||
        !thread_start(&manager->thread, run, manager, error))
        return false;
    manager->is_started = true;
    return true;
}

bool certificate_manager_start(struct kubernetes_client *client,
                               const struct certificate_manager_options *options, struct error *error,
                               struct certificate_manager **result)
{
    if (!check_options(options, error))
        return false;
    struct certificate_manager *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    if (!cancellation_init(&made->cancellation, error)) {
        free(made);
        return false;
    }
    made->client = client;
    made->backoff = (struct backoff){.first_ms = RETRY_FIRST_MS, .longest_ms = RETRY_LONGEST_MS};
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->condition, NULL);
    if (!fill(made, options, error) || !start_threads(made, error)) {
        certificate_manager_free(made);
        return false;
    }
    *result = made;
    return true;
}

static void free_strings(struct certificate_manager *manager)
{
    const struct certificate_manager_options *options = &manager->options;
    const char *const strings[] = {options->namespace_name,
                                   options->secret_name,
                                   options->lease_name,
                                   options->identity,
                                   options->service_name,
                                   options->mutating_configuration,
                                   options->validating_configuration};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free((char *) (uintptr_t) strings[i]);
    free(manager->host);
}

static void free_state(struct certificate_manager *manager)
{
    struct sighting *sightings[] = {&manager->current_published, &manager->next_published,
                                    &manager->retired_known};
    for (size_t i = 0; i < sizeof sightings / sizeof *sightings; i++)
        X509_free(sightings[i]->certificate);
    authorities_document_wipe(manager->secret);
    authorities_done(&manager->authorities);
    authority_done(&manager->signer);
    certificate_list_free(manager->signer_cross);
    leaf_done(&manager->leaf);
}

void certificate_manager_free(struct certificate_manager *manager)
{
    if (!manager)
        return;
    cancellation_request(&manager->cancellation);
    wake(manager);
    if (manager->is_started)
        pthread_join(manager->thread, NULL);
    kubernetes_lease_free(manager->lease);
    watched_object_stop(&manager->secret_watched);
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        watched_object_stop(&manager->configurations[i].watched);
        cJSON_Delete(manager->configurations[i].object);
        webhook_bundles_done(&manager->configurations[i].bundles);
    }
    free_state(manager);
    free_strings(manager);
    cancellation_done(&manager->cancellation);
    pthread_cond_destroy(&manager->condition);
    pthread_mutex_destroy(&manager->mutex);
    free(manager);
}

bool certificate_manager_check(struct certificate_manager *manager, struct error *error)
{
    pthread_mutex_lock(&manager->mutex);
    struct error unready = manager->unready;
    pthread_mutex_unlock(&manager->mutex);
    return unready.code == ERROR_NONE || error_set(error, unready.code, "%s", unready.message);
}

void certificate_manager_read_statistics(struct certificate_manager *manager,
                                         struct certificate_manager_statistics *statistics)
{
    pthread_mutex_lock(&manager->mutex);
    *statistics = manager->statistics;
    pthread_mutex_unlock(&manager->mutex);
    statistics->is_lease_held = kubernetes_lease_is_held(manager->lease);
}
