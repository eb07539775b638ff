#include "webhook/injection/mount_path.h"

#include <string.h>

/* A normalised path has no trailing slash; the root is "". */
static bool normalise(const char *path, char normal[static MOUNT_PATH_BYTES + 1])
{
    size_t length = 0;
    const char *at = path;
    while (*at) {
        while (*at == '/')
            at++;
        size_t part = 0;
        while (at[part] && at[part] != '/')
            part++;
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            while (length > 0 && normal[--length] != '/')
                ;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (length + 1 + part > MOUNT_PATH_BYTES)
                return false;
            normal[length++] = '/';
            memcpy(normal + length, at, part);
            length += part;
        }
        at += part;
    }
    normal[length] = '\0';
    return true;
}

static bool is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* /var/run/x as /run/x; other paths as they are. */
static const char *resolve_run(const char *path)
{
    return is_within(path, "/var/run") ? path + strlen("/var") : path;
}

bool mount_paths_overlap(const char *left, const char *right)
{
    char first[MOUNT_PATH_BYTES + 1], second[MOUNT_PATH_BYTES + 1];
    if (!normalise(left, first) || !normalise(right, second))
        return true;
    if (is_within(first, second) || is_within(second, first))
        return true;
    const char *first_run = resolve_run(first), *second_run = resolve_run(second);
    return is_within(first_run, second_run) || is_within(second_run, first_run);
}

bool mount_paths_are_same(const char *left, const char *right)
{
    char first[MOUNT_PATH_BYTES + 1], second[MOUNT_PATH_BYTES + 1];
    return normalise(left, first) && normalise(right, second) &&
           strcmp(resolve_run(first), resolve_run(second)) == 0;
}
