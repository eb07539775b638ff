/* Keeps one replica of a server supplied with certificates that the API server verifies, together with the
 * other replicas, through the API server alone:
 *
 *   - the authorities live in a Secret, which whoever comes first creates, and which is made again from
 * memory when it is deleted;
 *   - each replica makes its own serving certificate, key in memory only, and renews it in time. It changes
 * to another authority only when every bundle has held that one for a while;
 *   - the holder of a Lease takes the steps of replacing authorities (certs/rotation.h) and keeps the
 * caBundle of our webhooks as it must be. Every write has a precondition, so that a holder that was frozen
 * and wakes up late changes nothing.
 *
 * One thread of its own, which also runs the callbacks. Not for: serving (the caller is handed PEM), and not
 * for certificates in files.
 */
#pragma once

#include "certs/names.h"
#include "certs/rotation.h"
#include "kubernetes/client.h"
#include "kubernetes/lease.h"

/* What happened. */
enum certificate_event_type {
    CERTIFICATE_SERVED,   /* a new serving certificate is in use */
    AUTHORITIES_CREATED,  /* the Secret was created or filled, with a new authority */
    AUTHORITIES_RESTORED, /* the Secret was made again from memory */
    AUTHORITY_PREPARED,   /* a next authority was made */
    AUTHORITY_PROMOTED,   /* it signs from now on */
    AUTHORITY_DROPPED,    /* a retired authority leaves the bundle */
    AUTHORITY_KEPT,       /* one that only a bundle or a replica knew stays trusted for a while */
    BUNDLE_WRITTEN,       /* the caBundle of an object was set; `name` says which */
    CERTIFICATE_LEASE_HELD,
    CERTIFICATE_LEASE_LOST,
    CERTIFICATE_FAILURE, /* `error` says what; tried again */
    CERTIFICATE_EVENT_TYPES
};

struct certificate_event {
    enum certificate_event_type type;
    const char *name;          /* of the object; NULL: none */
    const struct error *error; /* of a failure; else NULL */
    time_t not_after;          /* of what was made; 0: nothing was */
};

/* "served", "authorities_created", ... Never NULL. */
const char *certificate_event_name(enum certificate_event_type type);

/* Strings are copied; an empty name of a configuration is an error, NULL means that there is none. */
struct certificate_manager_options {
    const char *namespace_name; /* of the Secret, the Lease and the Service */
    const char *secret_name;
    const char *lease_name;
    const char *identity; /* this process, see kubernetes/lease.h */
    const char *service_name;
    const char *mutating_configuration;
    const char *validating_configuration;
    const struct certificate_names *names; /* of the serving certificate; outlives the manager */
    struct rotation_policy policy;
    /* Puts a certificate into use: PEM chain and PEM key, which are gone afterwards. Returning false (with
     * `error`) makes the manager try again. Returns at once. */
    bool (*serve)(void *context, const char *chain_pem, const char *key_pem, struct error *error);
    /* Told what happened; from any of the manager's threads. */
    void (*report)(void *context, const struct certificate_event *event);
    void *context;
};

struct certificate_manager;

/* Starts; the API server need not be there yet. `client` outlives the manager. Errors: ERROR_INVALID for a
 * policy or a name, ERROR_IO, ERROR_NO_MEMORY. The caller owns `*manager`. */
bool certificate_manager_start(struct kubernetes_client *client,
                               const struct certificate_manager_options *options, struct error *error,
                               struct certificate_manager **manager) _warn_unused_result_;

/* Ends, giving the Lease back. Accepts NULL. */
void certificate_manager_free(struct certificate_manager *manager);
DEFINE_POINTER_CLEANUP(struct certificate_manager *, certificate_manager_free)

/* Whether the API server verifies what is served, by all that is known here; ERROR_FAILED_PRECONDITION with
 * the reason. Any thread. */
bool certificate_manager_check(struct certificate_manager *manager, struct error *error) _warn_unused_result_;

struct certificate_manager_statistics {
    time_t serving_not_after; /* 0: none */
    time_t authority_not_after;
    time_t next_authority_not_after;
    bool is_lease_held;
};

/* Any thread. */
void certificate_manager_read_statistics(struct certificate_manager *manager,
                                         struct certificate_manager_statistics *statistics);
