/* Reads a pod as the API server shows it into the digest that the driver keeps. Pure. */
#pragma once

#include "driver/sandboxes/state.h"

/* Fills `pod`; `blocked_since_ns` is left 0. A pod without status is POD_PENDING. */
void pod_state_read(const cJSON *object, struct pod_state *pod);

/* True when the webhook made this pod a supervised one: the supervisor's volume, its mount in the agent, and
 * an agent command that begins with the supervisor's path. */
bool pod_is_supervised(const cJSON *object);
