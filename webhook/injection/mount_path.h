/* Paths in a container, compared as the kubelet would mount them: `.`, `..`, doubled and trailing slashes are
 * resolved as text, and /var/run counts as /run, which it links to in nearly every image (decisions section
 * 2).
 */
#pragma once

#include "common/error.h"

/* Longest path that is compared, once it is resolved. */
#define MOUNT_PATH_BYTES 4096

/* One path equals, contains or lies under the other. Paths past MOUNT_PATH_BYTES overlap with everything, so
 * that a rule that asks fails closed. */
bool mount_paths_overlap(const char *left, const char *right);

/* Both are the same path; false for one past MOUNT_PATH_BYTES. */
bool mount_paths_are_same(const char *left, const char *right);
