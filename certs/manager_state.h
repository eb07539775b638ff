/* The state of a certificate manager. Internal to certs/manager*.c, whose functions all run on the manager's
 * thread unless they say otherwise.
 */
#pragma once

#include "certs/leaf.h"
#include "certs/manager.h"
#include "certs/secret_store.h"
#include "certs/watched_object.h"
#include "certs/webhook_bundles.h"
#include "kubernetes/retry.h"

#include <pthread.h>

#define MANAGER_CONFIGURATIONS 2
/* Time of one request to the API server. */
#define MANAGER_CALL_MS 5000u

/* Since when a certificate has been seen somewhere without a break. */
struct sighting {
    X509 *certificate; /* owned reference; NULL: none is being looked at */
    uint64_t since_ns; /* 0: not seen now */
};

/* One webhook configuration. */
struct managed_configuration {
    const struct kubernetes_resource *resource;
    char *name; /* owned; NULL: there is none to manage */
    struct watched_object watched;
    bool is_known; /* the API server was asked */
    cJSON *object; /* owned; NULL: it does not exist */
    struct webhook_bundles bundles;
};

struct certificate_manager {
    struct kubernetes_client *client;
    struct certificate_manager_options options; /* its strings owned */
    struct secret_store store;
    struct webhook_service service;
    char *host; /* owned; the name under which the API server calls */

    struct watched_object secret_watched;
    bool is_secret_known;
    cJSON *secret;       /* owned; NULL: it does not exist */
    bool is_secret_good; /* `authorities` are what it holds */
    bool has_authorities;
    struct authorities authorities; /* the last that were good */

    struct managed_configuration configurations[MANAGER_CONFIGURATIONS];

    struct sighting current_published, next_published, retired_known;

    struct authority signer; /* of the serving certificate; both NULL: none yet */
    certificate_list *signer_cross;
    struct leaf leaf;
    uint64_t renewal_retry_ns; /* no attempt to make another before this */

    struct backoff backoff;
    uint64_t retry_ns; /* no request before this */

    struct kubernetes_lease *lease;
    struct cancellation cancellation;
    pthread_t thread;
    bool is_started;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t condition;
    bool is_woken;
    struct error unready; /* code ERROR_NONE: ready */
    struct certificate_manager_statistics statistics;
};

/* manager.c */

/* Tells the listener. */
void manager_report(struct certificate_manager *manager, enum certificate_event_type type, const char *name,
                    time_t not_after);
/* Reports a failure and puts requests off, unless somebody else was faster, which the watch resolves. Returns
 * false.
 */
bool manager_fail(struct certificate_manager *manager, const char *what, const struct error *error);
/* Whether requests may be made now. */
bool manager_may_write(const struct certificate_manager *manager);
/* How the manager's requests are made. */
struct kubernetes_call manager_call(const struct certificate_manager *manager);

/* manager_authorities.c */

/* Takes in what the watch of the Secret brought. */
void manager_absorb_secret(struct certificate_manager *manager);
/* Creates or restores the Secret when it is missing. */
void manager_ensure_secret(struct certificate_manager *manager, time_t now);
/* As holder of the Lease: takes the next step of a rotation, and keeps authorities that others still need. */
void manager_rotate(struct certificate_manager *manager, time_t now);

/* manager_bundles.c */

/* Takes in what the watches of the webhook configurations brought. */
void manager_absorb_configurations(struct certificate_manager *manager);
/* Whether every bundle holds the certificate now. */
bool manager_is_published(const struct certificate_manager *manager, const X509 *certificate);
/* For how long that has been so, in seconds; `certificate` NULL: never. */
uint64_t manager_sight(struct sighting *sighting, X509 *certificate, bool is_seen);
/* As holder of the Lease: sets every caBundle that is not as it must be. */
void manager_write_bundles(struct certificate_manager *manager);

/* manager_leaf.c */

/* Renews the serving certificate when it is time, by the authority that may sign. */
void manager_renew(struct certificate_manager *manager, time_t now);
/* ERROR_FAILED_PRECONDITION unless the API server verifies what is served. */
bool manager_check_trust(const struct certificate_manager *manager, time_t now,
                         struct error *error) _warn_unused_result_;
