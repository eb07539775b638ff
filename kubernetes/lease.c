#include "kubernetes/lease.h"

#include "kubernetes/clock.h"
#include "kubernetes/lease_record.h"
#include "kubernetes/objects.h"
#include "kubernetes/retry.h"
#include "kubernetes/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kubernetes_lease {
    struct kubernetes_client *client;
    char *namespace_name;
    char *name;
    char *identity;
    struct kubernetes_target target;
    struct kubernetes_lease_options options; /* no time is 0 */
    struct stoppable_thread thread;

    /* The thread's own. */
    cJSON *observed;      /* the object as last read or written; NULL: none */
    uint64_t observed_ns; /* when its record was first seen as it is */
    bool is_holding;      /* `acquired` was called and `lost` was not */

    atomic_uint_least64_t held_until_ns; /* 0: not held */

    pthread_mutex_t mutex; /* guards what follows */
    char holder[KUBERNETES_LEASE_IDENTITY_BYTES + 1];
};

static uint64_t milliseconds_ns(unsigned milliseconds)
{
    return milliseconds * NANOSECONDS_PER_MILLISECOND;
}

static struct timespec wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

static void notify_holder(struct kubernetes_lease *lease)
{
    const char *holder = lease_record_holder(lease->observed);
    pthread_mutex_lock(&lease->mutex);
    bool is_changed = strcmp(lease->holder, holder) != 0;
    snprintf(lease->holder, sizeof lease->holder, "%s", holder);
    pthread_mutex_unlock(&lease->mutex);
    if (is_changed && lease->options.holder_changed)
        lease->options.holder_changed(lease->options.context, holder);
}

/* Takes the object over as the newest. A record that is as before keeps its age, by our own clock. */
static void observe(struct kubernetes_lease *lease, cJSON *object)
{
    if (!lease->observed || !lease_record_is_equal(lease->observed, object))
        lease->observed_ns = clock_now_ns();
    cJSON_Delete(lease->observed);
    lease->observed = object;
    notify_holder(lease);
}

/* Our record is in the Lease since some moment after `started_ns`: others count from later, we from then. */
static void set_held(struct kubernetes_lease *lease, uint64_t started_ns)
{
    atomic_store(&lease->held_until_ns, started_ns + milliseconds_ns(lease->options.renew_deadline_ms));
    if (lease->is_holding)
        return;
    lease->is_holding = true;
    if (lease->options.acquired)
        lease->options.acquired(lease->options.context);
}

static void set_lost(struct kubernetes_lease *lease)
{
    atomic_store(&lease->held_until_ns, 0);
    if (!lease->is_holding)
        return;
    lease->is_holding = false;
    if (lease->options.lost)
        lease->options.lost(lease->options.context);
}

/* How long a request may take: a holder must have time for another before its time is up. */
static struct kubernetes_call request_call(const struct kubernetes_lease *lease)
{
    unsigned limit_ms = lease->options.renew_deadline_ms / 2;
    if (lease->is_holding) {
        unsigned remaining_ms = (unsigned) clock_remaining_ms(atomic_load(&lease->held_until_ns));
        if (remaining_ms < limit_ms)
            limit_ms = remaining_ms;
    }
    return (struct kubernetes_call){.time_limit_ms = limit_ms ? limit_ms : 1,
                                    .cancellation = &lease->thread.cancellation,
                                    .is_single_attempt = true};
}

/* Writes our claim over `based_on`, the object it was made from; fails with ERROR_CONFLICT when that is not
 * the newest.
 */
static bool write_claim(struct kubernetes_lease *lease, const cJSON *based_on, bool is_new,
                        struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *claim = cJSON_Duplicate(based_on, true);
    cJSON *written = NULL;
    struct timespec now = wall_clock();
    struct kubernetes_call call = request_call(lease);
    if (!claim)
        return error_set_no_memory(error);
    if (!lease_record_hold(claim, lease->identity, lease->options.duration_s, &now, error))
        return false;
    uint64_t started_ns = clock_now_ns();
    bool is_written = is_new
                          ? kubernetes_create(lease->client, &lease->target, claim, &call, error, &written)
                          : kubernetes_update(lease->client, &lease->target, claim, &call, error, &written);
    if (!is_written)
        return false;
    observe(lease, written);
    set_held(lease, started_ns);
    return true;
}

static bool create_claimed(struct kubernetes_lease *lease, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    return lease_record_new(lease->namespace_name, lease->name, error, &object) &&
           write_claim(lease, object, true, error);
}

static bool is_ours(const struct kubernetes_lease *lease)
{
    return strcmp(lease_record_holder(lease->observed), lease->identity) == 0;
}

static bool is_held_by_another(const struct kubernetes_lease *lease)
{
    if (!*lease_record_holder(lease->observed) || is_ours(lease))
        return false;
    uint64_t duration_s = lease_record_duration_s(lease->observed, lease->options.duration_s);
    return clock_now_ns() < lease->observed_ns + duration_s * UINT64_C(1000) * NANOSECONDS_PER_MILLISECOND;
}

/* Reads the Lease and takes it when it is free. Fails with ERROR_CONFLICT when it is another's. */
static bool read_and_claim(struct kubernetes_lease *lease, struct error *error)
{
    struct kubernetes_call call = request_call(lease);
    cJSON *object = NULL;
    if (!kubernetes_get(lease->client, &lease->target, &call, error, &object))
        return error->code == ERROR_NOT_FOUND && create_claimed(lease, error);
    observe(lease, object);
    /* Also when the other's time is over: in between it was not ours. */
    if (!is_ours(lease))
        set_lost(lease);
    if (is_held_by_another(lease))
        return error_set(error, ERROR_CONFLICT, "held by \"%s\"", lease_record_holder(lease->observed));
    return write_claim(lease, lease->observed, false, error);
}

static bool claim(struct kubernetes_lease *lease, struct error *error)
{
    /* A holder need not read first: if somebody wrote meanwhile, the resource version tells. */
    if (!lease->is_holding)
        return read_and_claim(lease, error);
    if (write_claim(lease, lease->observed, false, error))
        return true;
    return (error->code == ERROR_CONFLICT || error->code == ERROR_NOT_FOUND) && read_and_claim(lease, error);
}

static void report(const struct kubernetes_lease *lease, const struct error *error)
{
    bool is_race = error->code == ERROR_CONFLICT || error->code == ERROR_ALREADY_EXISTS;
    if (!is_race && error->code != ERROR_CANCELLED && lease->options.failed)
        lease->options.failed(lease->options.context, error);
}

/* Until the next try; a holder that fails to renew wakes when its time is up. */
static unsigned wait_ms(const struct kubernetes_lease *lease)
{
    unsigned retry_ms = lease->options.retry_ms;
    if (!lease->is_holding)
        return retry_ms + backoff_random() % (retry_ms / 5 + 1);
    unsigned remaining_ms = (unsigned) clock_remaining_ms(atomic_load(&lease->held_until_ns));
    return remaining_ms < retry_ms ? remaining_ms : retry_ms;
}

/* Read again first: a renewal that was cancelled on its way may have been carried out. If anything fails the
 * others wait until the Lease expires, as they would if we had crashed. */
static void give_back(struct kubernetes_lease *lease)
{
    struct error ignored;
    struct timespec now = wall_clock();
    const struct kubernetes_call call = {.time_limit_ms = lease->options.retry_ms / 2 + 1,
                                         .is_single_attempt = true};
    cJSON *object = NULL;
    if (!kubernetes_get(lease->client, &lease->target, &call, &ignored, &object))
        return;
    observe(lease, object);
    bool is_released =
        is_ours(lease) && lease_record_release(lease->observed, &now, &ignored) &&
        kubernetes_update(lease->client, &lease->target, lease->observed, &call, &ignored, NULL);
    if (is_released)
        notify_holder(lease);
}

static void *run(void *argument)
{
    struct kubernetes_lease *lease = argument;
    bool may_be_ours = false;
    do {
        struct error error;
        if (lease->is_holding && !kubernetes_lease_is_held(lease))
            set_lost(lease);
        bool is_claimed = claim(lease, &error);
        if (!is_claimed)
            report(lease, &error);
        /* Stopped while a claim was on its way: nobody knows what became of it. */
        may_be_ours = is_claimed || error.code == ERROR_CANCELLED;
    } while (cancellation_sleep(&lease->thread.cancellation, wait_ms(lease)));
    may_be_ours = may_be_ours || lease->is_holding;
    set_lost(lease);
    if (may_be_ours)
        give_back(lease);
    return NULL;
}

static void release(struct kubernetes_lease *lease)
{
    pthread_mutex_destroy(&lease->mutex);
    cJSON_Delete(lease->observed);
    free(lease->namespace_name);
    free(lease->name);
    free(lease->identity);
    free(lease);
}

static bool check_options(const struct kubernetes_lease_options *options, struct error *error)
{
    if (!options->namespace_name || !*options->namespace_name || !options->name || !*options->name)
        return error_set(error, ERROR_INVALID, "lease: namespace and name must not be empty");
    if (!options->identity || !*options->identity ||
        strlen(options->identity) > KUBERNETES_LEASE_IDENTITY_BYTES)
        return error_set(error, ERROR_INVALID, "lease: identity must have 1 to %u bytes",
                         KUBERNETES_LEASE_IDENTITY_BYTES);
    if (options->duration_s > INT32_MAX ||
        options->renew_deadline_ms >= options->duration_s * UINT64_C(1000) ||
        options->retry_ms >= options->renew_deadline_ms)
        return error_set(
            error, ERROR_INVALID,
            "lease: the retry period (%u ms) must be less than the renew deadline (%u ms), and that "
            "less than the duration (%u s)",
            options->retry_ms, options->renew_deadline_ms, options->duration_s);
    return true;
}

static struct kubernetes_lease_options with_defaults(const struct kubernetes_lease_options *options)
{
    struct kubernetes_lease_options complete = *options;
    if (!complete.duration_s)
        complete.duration_s = KUBERNETES_LEASE_DURATION_S;
    if (!complete.renew_deadline_ms)
        complete.renew_deadline_ms = KUBERNETES_LEASE_RENEW_DEADLINE_MS;
    if (!complete.retry_ms)
        complete.retry_ms = KUBERNETES_LEASE_RETRY_MS;
    return complete;
}

static bool copy_names(struct kubernetes_lease *lease, const struct kubernetes_lease_options *options)
{
    lease->namespace_name = strdup(options->namespace_name);
    lease->name = strdup(options->name);
    lease->identity = strdup(options->identity);
    lease->target = (struct kubernetes_target){
        .resource = &kubernetes_leases, .namespace_name = lease->namespace_name, .name = lease->name};
    return lease->namespace_name && lease->name && lease->identity;
}

bool kubernetes_lease_start(struct kubernetes_client *client, const struct kubernetes_lease_options *options,
                            struct error *error, struct kubernetes_lease **lease)
{
    struct kubernetes_lease_options complete = with_defaults(options);
    if (!check_options(&complete, error))
        return false;
    struct kubernetes_lease *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    made->client = client;
    made->options = complete;
    if (!copy_names(made, options)) {
        release(made);
        return error_set_no_memory(error);
    }
    if (!stoppable_thread_start(&made->thread, run, made, error)) {
        release(made);
        return false;
    }
    *lease = made;
    return true;
}

void kubernetes_lease_free(struct kubernetes_lease *lease)
{
    if (!lease)
        return;
    stoppable_thread_stop(&lease->thread);
    release(lease);
}

bool kubernetes_lease_is_held(struct kubernetes_lease *lease)
{
    return clock_now_ns() < atomic_load(&lease->held_until_ns);
}

void kubernetes_lease_read_holder(struct kubernetes_lease *lease,
                                  char identity[KUBERNETES_LEASE_IDENTITY_BYTES + 1])
{
    pthread_mutex_lock(&lease->mutex);
    memcpy(identity, lease->holder, sizeof lease->holder);
    pthread_mutex_unlock(&lease->mutex);
}
