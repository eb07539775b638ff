/* Keeps the registry in step with the API server: one reflector for records, one for pods, and in shared mode
 * one for the pods' events, which become platform events.
 *
 * Not for: acting on what is seen (keeper.h).
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/registry.h"
#include "kubernetes/client.h"

struct sync;

struct sync_observer {
    /* A list or watch failed and is tried again. May be NULL. */
    void (*failed)(void *context, const char *resource, const struct error *error, unsigned retry_ms);
    /* An object was listed, added, changed or deleted. May be NULL. */
    void (*event)(void *context, const char *resource);
    void *context;
};

/* Starts the reflectors; the server need not be there yet. All arguments outlive the result. The caller owns
 * `*started` (sync_free). */
bool sync_start(struct kubernetes_client *client, const struct driver_configuration *configuration,
                struct registry *registry, const struct sync_observer *observer, struct error *error,
                struct sync **started) _warn_unused_result_;

/* Stops at once. Accepts NULL. */
void sync_free(struct sync *sync);
