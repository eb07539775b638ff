/* A planned security context: as a Kubernetes object, and ensured on a container. */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

/* Builds it; NULL without memory (or when nothing is set: see security_context_is_empty). The caller owns it.
 */
cJSON *security_context_build(const struct planned_security *planned);

/* Makes the container's security context exactly the planned one, absence included. What `keeps_users` leaves
 * alone: seccompProfile (unless planned), seLinuxOptions and procMount. The API server's default procMount
 * always stays. */
void security_context_ensure(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_security *planned, bool keeps_users);
