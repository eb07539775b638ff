#include "kubernetes/objects.h"

#include "common/json.h"
#include "kubernetes/object_request.h"

#include <stdlib.h>
#include <string.h>

static bool write_object(struct kubernetes_client *client, const struct object_request *request,
                         const cJSON *content, const struct kubernetes_call *call, struct error *error,
                         cJSON **result)
{
    _cleanup_(freep) char *body = NULL;
    if (content && !json_print(content, false, error, &body))
        return false;
    struct object_request complete = *request;
    complete.body = body;
    return object_request_send(client, &complete, call, error, result);
}

bool kubernetes_get(struct kubernetes_client *client, const struct kubernetes_target *target,
                    const struct kubernetes_call *call, struct error *error, cJSON **object)
{
    const struct object_request request = {
        .method = "GET", .verb = "get", .target = target, .is_idempotent = true};
    return object_request_send(client, &request, call, error, object);
}

bool kubernetes_get_metadata(struct kubernetes_client *client, const struct kubernetes_target *target,
                             const struct kubernetes_call *call, struct error *error, cJSON **object)
{
    const struct object_request request = {.method = "GET",
                                           .verb = "get",
                                           .target = target,
                                           .accept =
                                               "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
                                           .is_idempotent = true};
    return object_request_send(client, &request, call, error, object);
}

bool kubernetes_create(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const cJSON *object, const struct kubernetes_call *call, struct error *error,
                       cJSON **created)
{
    struct kubernetes_target collection = *target;
    /* A subresource such as pods/eviction is created below its object. */
    if (!collection.subresource)
        collection.name = NULL;
    if (collection.resource->is_namespaced && !collection.namespace_name)
        return error_set(error, ERROR_INVALID, "create %s: no namespace given", collection.resource->plural);
    const struct object_request request = {
        .method = "POST", .verb = "create", .target = &collection, .is_collection = true, .is_write = true};
    return write_object(client, &request, object, call, error, created);
}

bool kubernetes_update(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const cJSON *object, const struct kubernetes_call *call, struct error *error,
                       cJSON **updated)
{
    const struct object_request request = {
        .method = "PUT", .verb = "update", .target = target, .is_write = true, .is_idempotent = true};
    return write_object(client, &request, object, call, error, updated);
}

bool kubernetes_patch_json(struct kubernetes_client *client, const struct kubernetes_target *target,
                           const cJSON *operations, const struct kubernetes_call *call, struct error *error,
                           cJSON **patched)
{
    const struct object_request request = {.method = "PATCH",
                                           .verb = "patch",
                                           .target = target,
                                           .content_type = "application/json-patch+json",
                                           .is_write = true};
    struct kubernetes_answer answer = {0};
    struct kubernetes_call answered = call ? *call : (struct kubernetes_call){0};
    answered.answer = &answer;
    struct error local;
    struct error *failure = error ? error : &local;
    bool is_done = write_object(client, &request, operations, &answered, failure, patched);
    /* Both are 422 Invalid, but only a refused object comes with causes. */
    if (!is_done && answer.status == 422 && !answer.has_causes)
        error_set(failure, ERROR_CONFLICT, "%s (the patch does not apply)", failure->message);
    if (call && call->answer)
        *call->answer = answer;
    return is_done;
}

bool kubernetes_patch_merge(struct kubernetes_client *client, const struct kubernetes_target *target,
                            const cJSON *patch, const struct kubernetes_call *call, struct error *error,
                            cJSON **patched)
{
    const struct object_request request = {.method = "PATCH",
                                           .verb = "patch",
                                           .target = target,
                                           .content_type = "application/merge-patch+json",
                                           .is_write = true,
                                           .is_idempotent = true};
    return write_object(client, &request, patch, call, error, patched);
}

bool kubernetes_apply(struct kubernetes_client *client, const struct kubernetes_target *target,
                      const cJSON *object, const char *field_manager, bool is_forced,
                      const struct kubernetes_call *call, struct error *error, cJSON **applied)
{
    _cleanup_(buffer_done) struct buffer query = BUFFER_INIT(OBJECT_QUERY_BYTES);
    kubernetes_query_append(&query, "fieldManager", field_manager);
    if (is_forced)
        kubernetes_query_append(&query, "force", "true");
    if (!buffer_check(&query, error))
        return error_prefix(error, "query");
    /* JSON is YAML, and YAML is what this content type promises. */
    const struct object_request request = {.method = "PATCH",
                                           .verb = "patch",
                                           .target = target,
                                           .query = buffer_string(&query),
                                           .content_type = "application/apply-patch+yaml",
                                           .is_write = true,
                                           .is_idempotent = true};
    return write_object(client, &request, object, call, error, applied);
}

static const char *propagation_policy(enum kubernetes_propagation propagation)
{
    switch (propagation) {
    case KUBERNETES_PROPAGATION_BACKGROUND:
        return "Background";
    case KUBERNETES_PROPAGATION_FOREGROUND:
        return "Foreground";
    case KUBERNETES_PROPAGATION_ORPHAN:
        return "Orphan";
    case KUBERNETES_PROPAGATION_DEFAULT:
        break;
    }
    return NULL;
}

static bool add_string(cJSON *object, const char *key, const char *value)
{
    return !value || cJSON_AddStringToObject(object, key, value);
}

static bool add_dry_run(cJSON *body)
{
    cJSON *stages = cJSON_AddArrayToObject(body, "dryRun");
    cJSON *all = stages ? cJSON_CreateString("All") : NULL;
    return all && cJSON_AddItemToArray(stages, all);
}

/* The server takes these from the body and then looks at no query: the dry run must be said here. */
static cJSON *make_delete_options(const struct kubernetes_delete_options *options, bool is_dry_run)
{
    _cleanup_(cJSON_Deletep) cJSON *body = cJSON_CreateObject();
    if (!body || !add_string(body, "apiVersion", "v1") || !add_string(body, "kind", "DeleteOptions") ||
        !add_string(body, "propagationPolicy", propagation_policy(options->propagation)))
        return NULL;
    if (options->grace_period_s != KUBERNETES_GRACE_DEFAULT &&
        !cJSON_AddNumberToObject(body, "gracePeriodSeconds", options->grace_period_s))
        return NULL;
    if (is_dry_run && !add_dry_run(body))
        return NULL;
    if (!options->uid && !options->resource_version)
        return take_pointer(&body);
    cJSON *preconditions = cJSON_AddObjectToObject(body, "preconditions");
    if (!preconditions || !add_string(preconditions, "uid", options->uid) ||
        !add_string(preconditions, "resourceVersion", options->resource_version))
        return NULL;
    return take_pointer(&body);
}

bool kubernetes_delete(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const struct kubernetes_delete_options *options, const struct kubernetes_call *call,
                       struct error *error)
{
    static const struct kubernetes_delete_options defaults = {.grace_period_s = KUBERNETES_GRACE_DEFAULT};
    _cleanup_(cJSON_Deletep) cJSON *body =
        make_delete_options(options ? options : &defaults, call && call->is_dry_run);
    if (!body)
        return error_set_no_memory(error);
    const struct object_request request = {
        .method = "DELETE", .verb = "delete", .target = target, .is_idempotent = true};
    return write_object(client, &request, body, call, error, NULL);
}
