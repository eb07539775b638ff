/* Leader election on a coordination.k8s.io/v1 Lease, compatible with client-go's: at most one holder at a
 * time as long as clocks run at about the same rate. Clock settings do not matter: a contender takes the
 * Lease when it has itself seen no change of the record for the record's leaseDurationSeconds.
 *
 * A holder that cannot renew gives up `renew_deadline_ms` after the start of its last successful renewal,
 * before anyone else can take the Lease. A process that was frozen does not know that time passed: ask
 * kubernetes_lease_is_held right before each act, which reads the clock, and write with a precondition.
 *
 * Not for: fencing of writes that have no precondition.
 */
#pragma once

#include "kubernetes/client.h"

#define KUBERNETES_LEASE_DURATION_S 15u
#define KUBERNETES_LEASE_RENEW_DEADLINE_MS 10000u
#define KUBERNETES_LEASE_RETRY_MS 2000u
/* Longest holder identity, without the terminating NUL. */
#define KUBERNETES_LEASE_IDENTITY_BYTES 253u

struct kubernetes_lease_options {
    const char *namespace_name;
    const char *name;
    const char *identity;       /* unique per process, such as the pod's name and uid */
    unsigned duration_s;        /* 0: KUBERNETES_LEASE_DURATION_S */
    unsigned renew_deadline_ms; /* 0: KUBERNETES_LEASE_RENEW_DEADLINE_MS; less than the duration */
    unsigned retry_ms;          /* 0: KUBERNETES_LEASE_RETRY_MS; less than the renew deadline */
    /* Callbacks run on the lease's thread and delay renewals: return at once. NULL: nobody listens. */
    void (*acquired)(void *context);
    void (*lost)(void *context);
    void (*holder_changed)(void *context, const char *identity); /* "" when nobody holds it */
    void (*failed)(void *context, const struct error *error);
    void *context;
};

struct kubernetes_lease;

/* Starts a thread that contends for the Lease, creating it when it is missing. Strings are copied; `client`
 * outlives it. Fails with ERROR_INVALID (times out of order), ERROR_IO, ERROR_NO_MEMORY. The caller owns
 * `*lease`. */
bool kubernetes_lease_start(struct kubernetes_client *client, const struct kubernetes_lease_options *options,
                            struct error *error, struct kubernetes_lease **lease) _warn_unused_result_;

/* Stops; when it holds the Lease, calls `lost`, then gives the Lease back so that another need not wait (at
 * most `retry_ms` for that request). Not from a callback. Accepts NULL. */
void kubernetes_lease_free(struct kubernetes_lease *lease);
DEFINE_POINTER_CLEANUP(struct kubernetes_lease *, kubernetes_lease_free)

/* Whether this process holds the Lease now, by the clock, not by what the thread last noticed. Any thread. */
bool kubernetes_lease_is_held(struct kubernetes_lease *lease);

/* The identity last seen in the record, "" when unknown or none; copied into `identity`. Any thread. */
void kubernetes_lease_read_holder(struct kubernetes_lease *lease,
                                  char identity[KUBERNETES_LEASE_IDENTITY_BYTES + 1]);
