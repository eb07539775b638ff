/* Where users may mount volumes in the agent's container (contract F.3). Pure text; nothing is looked up. */
#pragma once

#include "common/error.h"

#include <stdbool.h>

/* NULL when a volume may be mounted at `path`, else why not, as a phrase after the field's name. */
const char *mount_path_problem(const char *path);

/* NULL when `path` may be the part of a volume that is mounted, else why not. */
const char *sub_path_problem(const char *path);

/* True when `path` lies below /sandbox (not /sandbox itself). */
bool mount_path_is_below_workspace(const char *path);

/* Whether two paths are the same but for slashes at the end. */
bool mount_path_equals(const char *left, const char *right);
