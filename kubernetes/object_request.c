#include "kubernetes/object_request.h"

#include <stdio.h>
#include <string.h>

void observed_resource(const struct kubernetes_target *target, char resource[OBSERVED_RESOURCE_BYTES])
{
    snprintf(resource, OBSERVED_RESOURCE_BYTES, "%s%s%s", target->resource->plural,
             target->subresource ? "/" : "", target->subresource ? target->subresource : "");
}

bool object_request_send(struct kubernetes_client *client, const struct object_request *request,
                         const struct kubernetes_call *call, struct error *error, cJSON **result)
{
    _cleanup_(buffer_done) struct buffer path = BUFFER_INIT(OBJECT_PATH_BYTES);
    _cleanup_(buffer_done) struct buffer query = BUFFER_INIT(OBJECT_QUERY_BYTES);
    char resource[OBSERVED_RESOURCE_BYTES];
    if (!request->is_collection && !request->target->name)
        return error_set(error, ERROR_INVALID, "%s %s: no name given", request->verb,
                         request->target->resource->plural);
    if (!kubernetes_target_append_path(request->target, error, &path))
        return error_prefix(error, "%s", request->verb);
    if (request->query)
        buffer_append_string(&query, request->query);
    if (request->is_write && call && call->is_dry_run)
        kubernetes_query_append(&query, "dryRun", "All");
    if (!buffer_check(&query, error))
        return error_prefix(error, "%s %s: query", request->method, buffer_string(&path));
    observed_resource(request->target, resource);
    const struct kubernetes_request sent = {
        .method = request->method,
        .path = buffer_string(&path),
        .query = buffer_string(&query),
        .body = request->body,
        .body_length = request->body ? strlen(request->body) : 0,
        .content_type = request->content_type,
        .accept = request->accept,
        .is_idempotent = request->is_idempotent,
        .verb = request->verb,
        .resource = resource,
    };
    return kubernetes_client_request_json(client, &sent, call, error, result);
}
