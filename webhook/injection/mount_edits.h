/* Edits of a container's mounts: the planned ones exactly, and none over, under or above them. */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

void mount_edits_apply(struct editor *editor, cJSON *container, const struct json_path *path,
                       const struct planned_container *planned);
