#include "kubernetes/resource.h"

#include "common/json.h"

#include <string.h>

#define CORE(plural_name, kind_name, namespaced)                                                             \
    {                                                                                                        \
        .group = "", .version = "v1", .plural = (plural_name), .kind = (kind_name),                          \
        .is_namespaced = (namespaced)                                                                        \
    }

const struct kubernetes_resource kubernetes_pods = CORE("pods", "Pod", true);
const struct kubernetes_resource kubernetes_secrets = CORE("secrets", "Secret", true);
const struct kubernetes_resource kubernetes_events = CORE("events", "Event", true);
const struct kubernetes_resource kubernetes_namespaces = CORE("namespaces", "Namespace", false);
const struct kubernetes_resource kubernetes_nodes = CORE("nodes", "Node", false);
const struct kubernetes_resource kubernetes_service_accounts =
    CORE("serviceaccounts", "ServiceAccount", true);
const struct kubernetes_resource kubernetes_persistent_volume_claims =
    CORE("persistentvolumeclaims", "PersistentVolumeClaim", true);
const struct kubernetes_resource kubernetes_config_maps = CORE("configmaps", "ConfigMap", true);
const struct kubernetes_resource kubernetes_services = CORE("services", "Service", true);
const struct kubernetes_resource kubernetes_endpoint_slices = {.group = "discovery.k8s.io",
                                                               .version = "v1",
                                                               .plural = "endpointslices",
                                                               .kind = "EndpointSlice",
                                                               .is_namespaced = true};
const struct kubernetes_resource kubernetes_leases = {.group = "coordination.k8s.io",
                                                      .version = "v1",
                                                      .plural = "leases",
                                                      .kind = "Lease",
                                                      .is_namespaced = true};
const struct kubernetes_resource kubernetes_mutating_webhook_configurations = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .plural = "mutatingwebhookconfigurations",
    .kind = "MutatingWebhookConfiguration"};
const struct kubernetes_resource kubernetes_validating_webhook_configurations = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .plural = "validatingwebhookconfigurations",
    .kind = "ValidatingWebhookConfiguration"};
const struct kubernetes_resource kubernetes_validating_admission_policies = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .plural = "validatingadmissionpolicies",
    .kind = "ValidatingAdmissionPolicy"};
const struct kubernetes_resource kubernetes_validating_admission_policy_bindings = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .plural = "validatingadmissionpolicybindings",
    .kind = "ValidatingAdmissionPolicyBinding"};
const struct kubernetes_resource kubernetes_self_subject_access_reviews = {.group = "authorization.k8s.io",
                                                                           .version = "v1",
                                                                           .plural =
                                                                               "selfsubjectaccessreviews",
                                                                           .kind = "SelfSubjectAccessReview"};

static bool is_unreserved(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || (character && strchr("-._~", character));
}

static void append_encoded(struct buffer *buffer, const char *text)
{
    for (const char *next = text; *next; next++) {
        if (is_unreserved(*next))
            buffer_append_character(buffer, *next);
        else
            buffer_append_format(buffer, "%%%02X", (unsigned) (unsigned char) *next);
    }
}

static bool append_part(struct buffer *path, const char *what, const char *part, struct error *error)
{
    if (!*part || strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
        return error_set(error, ERROR_INVALID, "\"%s\" is no %s", part, what);
    buffer_append_character(path, '/');
    append_encoded(path, part);
    return true;
}

bool kubernetes_target_append_path(const struct kubernetes_target *target, struct error *error,
                                   struct buffer *path)
{
    const struct kubernetes_resource *resource = target->resource;
    if (target->namespace_name && !resource->is_namespaced)
        return error_set(error, ERROR_INVALID, "%s have no namespace", resource->plural);
    if (resource->is_namespaced && target->name && !target->namespace_name)
        return error_set(error, ERROR_INVALID, "%s \"%s\": no namespace given", resource->plural,
                         target->name);
    if (target->subresource && !target->name)
        return error_set(error, ERROR_INVALID, "%s/%s: no name given", resource->plural, target->subresource);

    buffer_append_string(path, *resource->group ? "/apis/" : "/api");
    append_encoded(path, resource->group);
    if (!append_part(path, "version", resource->version, error))
        return false;
    if (target->namespace_name) {
        buffer_append_string(path, "/namespaces");
        if (!append_part(path, "namespace", target->namespace_name, error))
            return false;
    }
    return append_part(path, "resource", resource->plural, error) &&
           (!target->name || append_part(path, "name", target->name, error)) &&
           (!target->subresource || append_part(path, "subresource", target->subresource, error)) &&
           buffer_check(path, error);
}

void kubernetes_query_append(struct buffer *query, const char *name, const char *value)
{
    if (query->length)
        buffer_append_character(query, '&');
    append_encoded(query, name);
    buffer_append_character(query, '=');
    append_encoded(query, value);
}

static const char *metadata_string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(json_member(json_member(object, "metadata"), key));
}

const char *kubernetes_object_name(const cJSON *object)
{
    return metadata_string(object, "name");
}

const char *kubernetes_object_namespace(const cJSON *object)
{
    return metadata_string(object, "namespace");
}

const char *kubernetes_object_uid(const cJSON *object)
{
    return metadata_string(object, "uid");
}

const char *kubernetes_object_resource_version(const cJSON *object)
{
    return metadata_string(object, "resourceVersion");
}
