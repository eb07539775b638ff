/* What certificates need of an API server, in memory and without one: objects that are created, read,
 * replaced, patched and watched one by one, refusals on demand, changes by somebody else at the moment that a
 * test chooses. Not for: standing in where a real API server can be had (tests/e2e/test_certs.py).
 */
#pragma once

#include "kubernetes/client.h"
#include "tests/unit/kubernetes/fault_server.h"

#include <cjson/cJSON.h>

#define FAKE_CLUSTER_OBJECTS 8

/* The collections, as they stand in a request's path. */
#define FAKE_SECRETS "/api/v1/namespaces/ns/secrets"
#define FAKE_LEASES "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
#define FAKE_MUTATING "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
#define FAKE_VALIDATING "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

struct fake_object {
    const char *collection; /* NULL: the slot is free */
    cJSON *tree;            /* owned; stays when it is deleted */
    unsigned version;       /* of its last change */
    bool is_deleted;
};

struct fake_cluster {
    struct fault_server *server;
    struct kubernetes_client *client;
    pthread_mutex_t mutex; /* guards what follows */
    struct fake_object objects[FAKE_CLUSTER_OBJECTS];
    unsigned version;
    const char
        *denied_method; /* requests with it to `denied_collection` are refused with 403; NULL: none is */
    const char *denied_collection;
    unsigned denials;
    cJSON *rival; /* owned; who creates a Secret is told that this one is there already */
};

/* All of these fail the running test when they cannot do their work. */
struct fake_cluster *fake_cluster_start(void);
void fake_cluster_stop(struct fake_cluster *cluster);

/* Puts an object there, over the one of its name. Takes `tree` over. */
void fake_cluster_put(struct fake_cluster *cluster, const char *collection, cJSON *tree);

/* A copy, the caller's; NULL: there is none of this name. */
cJSON *fake_cluster_get(struct fake_cluster *cluster, const char *collection, const char *name);

void fake_cluster_delete(struct fake_cluster *cluster, const char *collection, const char *name);

/* From now on such requests are refused; NULL for both: none any more. */
void fake_cluster_deny(struct fake_cluster *cluster, const char *method, const char *collection);

/* A webhook configuration with two webhooks: "theirs", which is somebody else's, and "ours", which calls the
 * Service `service` in the namespace "ns" and has no caBundle. The caller's. */
cJSON *fake_cluster_configuration(const char *name, const char *service);

/* Sets the caBundle of "ours" in both configurations called `name`, as another writer would; NULL removes it.
 */
void fake_cluster_set_bundles(struct fake_cluster *cluster, const char *name, const char *pem);
