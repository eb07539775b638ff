/* What the driver puts into a namespace that it made: the service account, copies of Secrets, the network
 * policy. Part of workspaces.c.
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

/* Writes all of it; idempotent. */
bool managed_namespace_fill(struct sandboxes *sandboxes, const char *namespace_name,
                            struct error *error) _warn_unused_result_;
