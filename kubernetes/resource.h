/* Names of things in the Kubernetes API, and the URL paths they have. Not for: requests
 * (kubernetes/client.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>

/* A kind of object as the API server serves it. */
struct kubernetes_resource {
    const char *group; /* "": the core group */
    const char *version;
    const char *plural; /* lower case, as in the URL */
    const char *kind;
    bool is_namespaced;
};

extern const struct kubernetes_resource kubernetes_pods;
extern const struct kubernetes_resource kubernetes_secrets;
extern const struct kubernetes_resource kubernetes_events; /* core v1 */
extern const struct kubernetes_resource kubernetes_namespaces;
extern const struct kubernetes_resource kubernetes_nodes;
extern const struct kubernetes_resource kubernetes_service_accounts;
extern const struct kubernetes_resource kubernetes_persistent_volume_claims;
extern const struct kubernetes_resource kubernetes_config_maps;
extern const struct kubernetes_resource kubernetes_services;
extern const struct kubernetes_resource kubernetes_endpoint_slices;
extern const struct kubernetes_resource kubernetes_leases;
extern const struct kubernetes_resource kubernetes_mutating_webhook_configurations;
extern const struct kubernetes_resource kubernetes_validating_webhook_configurations;
extern const struct kubernetes_resource kubernetes_validating_admission_policies;
extern const struct kubernetes_resource kubernetes_validating_admission_policy_bindings;
extern const struct kubernetes_resource kubernetes_self_subject_access_reviews;

/* One object or one collection. Strings are the caller's. */
struct kubernetes_target {
    const struct kubernetes_resource *resource;
    const char *namespace_name; /* NULL: all namespaces (list and watch), or not namespaced */
    const char *name;           /* NULL: the collection */
    const char *subresource;    /* "status", "ephemeralcontainers"; NULL: none */
};

/* Appends the path, for example /apis/coordination.k8s.io/v1/namespaces/openshell/leases/injector. Every part
 * is percent-encoded; a part that is empty, "." or ".." is ERROR_INVALID (it would change what the path
 * means), a namespace for a resource that has none too. Fails with the errors of the buffer as well. */
bool kubernetes_target_append_path(const struct kubernetes_target *target, struct error *error,
                                   struct buffer *path) _warn_unused_result_;

/* Appends `name=value` to a query string, percent-encoded, with '&' in front unless it is the first. */
void kubernetes_query_append(struct buffer *query, const char *name, const char *value);

/* The usual accessors; NULL when absent or not a string. Valid as long as the object. */
const char *kubernetes_object_name(const cJSON *object);
const char *kubernetes_object_namespace(const cJSON *object);
const char *kubernetes_object_uid(const cJSON *object);
const char *kubernetes_object_resource_version(const cJSON *object);
