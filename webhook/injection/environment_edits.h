/* Edits of a container's environment. */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

/* A container of ours: the planned variables, and no other OPENSHELL_ or LD_ one. */
void environment_edits_apply(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_container *planned);

/* The agent: the planned variables, the configured additions that the user does not set, no other OPENSHELL_
 * one but the log level. */
void environment_edits_apply_agent(struct plan *plan, struct editor *editor, const struct json_path *path);
