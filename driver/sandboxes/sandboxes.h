/* What all operations on sandboxes share. The operations themselves: lifecycle.h.
 */
#pragma once

#include "driver/sandboxes/configuration.h"
#include "driver/sandboxes/operations.h"
#include "driver/sandboxes/registry.h"
#include "kubernetes/client.h"

/* How long a call waits for the first complete picture of the cluster. */
#define SYNC_WAIT_SECONDS 10

struct keeper;

struct sandboxes {
    const struct driver_configuration *configuration;
    struct kubernetes_client *client;
    struct registry *registry;
    struct operations operations;
    char instance[INSTANCE_BYTES]; /* names this process in records */
    struct keeper *keeper;
};

/* Finds a sandbox that the gateway may know. ERROR_INVALID: the id is empty; ERROR_NOT_FOUND;
 * ERROR_UNAVAILABLE: the cluster has not been seen in full yet. */
bool sandboxes_find(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                    struct sandbox_state *state) _warn_unused_result_;
