/* A request on a target: path, query and observation from it. Internal to kubernetes/.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"

#define OBJECT_PATH_BYTES 4096u
/* Selectors and continue tokens included. */
#define OBJECT_QUERY_BYTES (32u * 1024)

struct object_request {
    const char *method;
    const char *verb;
    const struct kubernetes_target *target;
    const char *query;        /* encoded; NULL: none */
    const char *body;         /* NULL: none */
    const char *content_type; /* NULL: application/json */
    const char *accept;       /* NULL: application/json */
    bool is_collection;       /* the target may be without a name */
    bool is_write;            /* takes dryRun in its query */
    bool is_idempotent;
};

/* The resource as an observation shows it: "pods", "pods/status". */
#define OBSERVED_RESOURCE_BYTES 128
void observed_resource(const struct kubernetes_target *target, char resource[OBSERVED_RESOURCE_BYTES]);

/* Sends and parses; `result` NULL: not parsed. */
bool object_request_send(struct kubernetes_client *client, const struct object_request *request,
                         const struct kubernetes_call *call, struct error *error,
                         cJSON **result) _warn_unused_result_;
