/* The methods of openshell.compute.v1.ComputeDriver over the operations: each reads as check, call, answer.
 */
#pragma once

#include "driver/rpc/server.h"
#include "driver/sandboxes/sandboxes.h"

#define SERVICE_NAME "openshell.compute.v1.ComputeDriver"

/* Told what came of operations; any thread. Members may be NULL. */
struct service_observer {
    void (*created)(void *context, const char *sandbox_id);
    /* `reason` is an error code's name. */
    void (*create_failed)(void *context, const char *reason);
    void (*stream_opened)(void *context);
    void (*stream_closed)(void *context);
    void (*event_sent)(void *context);
    void *context;
};

struct service {
    struct sandboxes *sandboxes;
    struct service_observer observer;
};

/* The table for rpc_server_options; its methods expect a `struct service` as the service. */
extern const struct rpc_method service_methods[];
extern const size_t service_method_count;
