/* The agent's container of a bare pod. Part of bare_pod.c; split off for its length. */
#pragma once

#include "driver/sandboxes/configuration.h"
#include "driver/sandboxes/tree.h"

/* Appends the container `agent` to `containers`; `environment` as bare_pod_environment gives it. */
void container_add_agent(struct tree *tree, cJSON *containers,
                         const struct driver_configuration *configuration, const cJSON *document,
                         const cJSON *environment);
