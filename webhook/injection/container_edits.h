/* Edits that make containers what the plan says. In our own containers and in the agent every owned field is
 * compared exactly, absence included; everything else in them is left alone (decisions section 2,
 * "Idempotence").
 */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

/* The agent: command, security context, environment, mounts. */
void container_edits_apply_agent(struct plan *plan, struct editor *editor);

/* Our init containers, in order, before the user's. */
void container_edits_apply_init(struct plan *plan, struct editor *editor);

/* The network supervisor as a container, when it is planned as one. */
void container_edits_apply_sidecar(struct plan *plan, struct editor *editor);
