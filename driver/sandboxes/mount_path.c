#include "driver/sandboxes/mount_path.h"

#include "common/names.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* The supervisor's own places; /var/run is a link to /run in most images. */
static const char *const control_roots[] = {
    "/opt/openshell",     "/etc/openshell",         "/etc/openshell-tls",         "/run/openshell",
    "/var/run/openshell", "/run/openshell-sidecar", "/var/run/openshell-sidecar", "/run/netns",
    "/var/run/netns",     "/run/secrets/openshell", "/var/run/secrets/openshell",
};

static size_t trimmed_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

/* True when `path` (of this length) is `ancestor` or lies below it. */
static bool is_within(const char *path, size_t length, const char *ancestor, size_t ancestor_length)
{
    return length >= ancestor_length && memcmp(path, ancestor, ancestor_length) == 0 &&
           (length == ancestor_length || path[ancestor_length] == '/');
}

/* Those of ASCII, and U+0080 to U+009F, which UTF-8 writes as 0xc2 and the character itself. */
static bool has_control_character(const char *path)
{
    for (const unsigned char *at = (const unsigned char *) path; *at; at++) {
        if (iscntrl(*at) || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
            return true;
    }
    return false;
}

/* Looks for a part that is "..", and when `is_strict` also for "." and empty parts. */
static bool has_bad_part(const char *path, size_t length, bool is_strict)
{
    const char *end = path + length;
    for (const char *part = path; part <= end;) {
        const char *slash = memchr(part, '/', (size_t) (end - part));
        size_t part_length = (size_t) ((slash ? slash : end) - part);
        if (part_length == 2 && memcmp(part, "..", 2) == 0)
            return true;
        if (is_strict && (part_length == 0 || (part_length == 1 && *part == '.')))
            return true;
        if (!slash)
            return false;
        part = slash + 1;
    }
    return false;
}

static bool is_control_path(const char *path, size_t length)
{
    for (size_t index = 0; index < sizeof control_roots / sizeof *control_roots; index++) {
        const char *root = control_roots[index];
        size_t root_length = strlen(root);
        if (is_within(path, length, root, root_length) || is_within(root, root_length, path, length))
            return true;
    }
    return false;
}

const char *mount_path_problem(const char *path)
{
    size_t length = trimmed_length(path), whole_length = strlen(path);
    if (*path != '/')
        return "must be an absolute path";
    if (length == 1)
        return "must not be the root directory";
    if (has_control_character(path) || path[whole_length - 1] == ' ')
        return "must not hold control characters or end in a space";
    /* One slash at the end may stay; a second one makes an empty part. */
    if (has_bad_part(path + 1, whole_length - 1 - (path[whole_length - 1] == '/'), true))
        return "must be normalised: no empty parts, no \".\" and no \"..\"";
    if (is_within(WORKSPACE_MOUNT_PATH, strlen(WORKSPACE_MOUNT_PATH), path, length))
        return "must not be " WORKSPACE_MOUNT_PATH " itself; mount below it";
    if (is_control_path(path, length))
        return "overlaps a directory that belongs to the supervisor";
    return NULL;
}

const char *sub_path_problem(const char *path)
{
    if (*path == '\0')
        return "must not be empty";
    if (*path == '/')
        return "must be a relative path";
    if (has_control_character(path))
        return "must not hold control characters";
    if (has_bad_part(path, strlen(path), false))
        return "must not hold \"..\"";
    return NULL;
}

bool mount_path_is_below_workspace(const char *path)
{
    size_t length = trimmed_length(path), root_length = strlen(WORKSPACE_MOUNT_PATH);
    return length > root_length && is_within(path, length, WORKSPACE_MOUNT_PATH, root_length);
}

bool mount_path_equals(const char *left, const char *right)
{
    size_t length = trimmed_length(left);
    return length == trimmed_length(right) && memcmp(left, right, length) == 0;
}
