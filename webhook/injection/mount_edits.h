/* Edits of a container's mounts: the planned ones exactly, and none over, under or above them. */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

/* A mount of `volume` at `path` that is taken out, unless it is a planned one: of a volume of ours, over our
 * mounts, or over the program. */
bool mount_edits_take_out(const struct planned_container *planned, const char *volume, const char *path);

void mount_edits_apply(struct editor *editor, cJSON *container, const struct json_path *path,
                       const struct planned_container *planned);
