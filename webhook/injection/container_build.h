/* Planned containers, variables and mounts as Kubernetes objects. All return NULL without memory; the caller
 * owns them. */
#pragma once

#include "webhook/injection/plan.h"

cJSON *container_build(const struct planned_container *planned);
cJSON *container_build_command(const struct planned_container *planned);
cJSON *container_build_variable(const struct planned_variable *variable);
cJSON *container_build_mount(const struct planned_mount *mount);
