/* The rules for single values that are paths. Declared in configuration_check.h. */
#include "common/names.h"
#include "common/syntax.h"
#include "webhook/injection/configuration_check.h"
#include "webhook/injection/mount_path.h"

#include <string.h>

/* Longest path of a Unix socket that Linux takes. */
#define SOCKET_PATH_BYTES 107

static bool refuse(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s", what);
}

static bool check_path(const char *text, struct error *error)
{
    return syntax_is_normal_path(text) ||
           refuse(error, "must be an absolute path, not / itself, without //, /./, /../ and / at the end");
}

/* Where the supervised pod has mounts of its own: nothing else may be mounted over, under or above them. */
static const char *find_own_mount(const char *path)
{
    static const char *const own[] = {
        "/etc/openshell", "/etc/openshell-tls",         "/run/openshell", "/run/openshell-sidecar",
        "/run/netns",     "/var/run/secrets/openshell", "/proc",          "/sys",
        "/dev",           WORKSPACE_MOUNT_PATH,
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (mount_paths_overlap(path, own[i]))
            return own[i];
    }
    return NULL;
}

static bool check_free_of_own_mounts(const char *directory, struct error *error)
{
    const char *taken = find_own_mount(directory);
    return !taken ||
           error_set(error, ERROR_INVALID, "must not overlap %s, which the pod needs itself", taken);
}

bool check_socket_path(const char *text, struct error *error)
{
    if (strlen(text) > SOCKET_PATH_BYTES)
        return refuse(error, "must have at most 107 bytes, as every socket");
    /* An abstract socket has no place in the file system. */
    return (text[0] == '@' && text[1]) || check_path(text, error);
}

bool check_spiffe_socket_path(const char *text, struct error *error)
{
    /* The whole directory is mounted: what is refused here would hide the system's own. */
    static const char *const system[] = {"/run", "/var", "/tmp", "/etc", "/var/run"};
    if (text[0] == ' ' || text[strlen(text) - 1] == ' ')
        return refuse(error, "must not begin or end with a space");
    if (strlen(text) > SOCKET_PATH_BYTES)
        return refuse(error, "must have at most 107 bytes, as every socket");
    if (!check_path(text, error))
        return false;
    char directory[SOCKET_PATH_BYTES + 1] = {0};
    memcpy(directory, text, (size_t) (strrchr(text, '/') - text));
    if (!*directory)
        return refuse(error, "must be in a directory other than /, which is mounted as a whole");
    for (size_t i = 0; i < sizeof system / sizeof *system; i++) {
        if (strcmp(directory, system[i]) == 0)
            return refuse(error, "must be in a directory of its own, not in /run, /var, /tmp or /etc");
    }
    return check_free_of_own_mounts(directory, error);
}

bool check_binary_path(const char *text, struct error *error)
{
    return check_path(text, error);
}

bool check_supervisor_mount_path(const char *text, struct error *error)
{
    if (!check_path(text, error))
        return false;
    if (strchr(text, ':'))
        return refuse(error, "must not contain a colon, which Kubernetes takes in no mount path");
    return check_free_of_own_mounts(text, error);
}
