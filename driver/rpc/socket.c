#include "driver/rpc/socket.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SOCKET_BACKLOG 128

struct rpc_socket {
    int descriptor;
    int parent; /* the directory; the name is removed relative to it */
    char *name; /* within the parent */
    dev_t device;
    ino_t inode;
};

/* A path taken apart: the directory ("." when there is none) and the name in it. Both owned. */
struct split_path {
    char *parent;
    char *name;
};

static void split_path_done(struct split_path *split)
{
    free(split->parent);
    free(split->name);
}

static bool split_path(const char *path, struct error *error, struct split_path *split)
{
    if (*path == '\0')
        return error_set(error, ERROR_INVALID, "the socket path must not be empty");
    if (strlen(path) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
        return error_set(error, ERROR_INVALID, "socket \"%s\": longer than the %zu bytes of a socket address",
                         path, sizeof((struct sockaddr_un *) NULL)->sun_path - 1);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(error, ERROR_INVALID, "socket \"%s\": names no file", path);
    size_t parent_length = slash ? (size_t) (slash - path) : 0;
    split->name = strdup(name);
    if (!slash)
        split->parent = strdup(".");
    else
        split->parent = parent_length ? strndup(path, parent_length) : strdup("/");
    if (!split->parent || !split->name) {
        split_path_done(split);
        return error_set_no_memory(error);
    }
    return true;
}

static bool create_directories(const char *path, struct error *error)
{
    _cleanup_(freep) char *partial = strdup(path);
    if (!partial)
        return error_set_no_memory(error);
    for (char *slash = strchr(partial + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(partial, 0700) < 0 && errno != EEXIST)
            return error_set_errno(error, ERROR_IO, errno, "creating directory \"%s\"", partial);
        if (!slash)
            return true;
        *slash = '/';
    }
}

/* Opens the parent directory, which must be ours and no link. */
static bool open_parent(const char *path, struct error *error, int *parent)
{
    _cleanup_(closep) int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0 && (errno == ELOOP || errno == ENOTDIR))
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "socket directory \"%s\" must be a directory, not a link or a file", path);
    if (descriptor < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno,
                               "socket directory \"%s\"", path);
    struct stat status;
    if (fstat(descriptor, &status) < 0)
        return error_set_errno(error, ERROR_IO, errno, "socket directory \"%s\"", path);
    if (status.st_uid != geteuid())
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "socket directory \"%s\" belongs to user %u, but must belong to us, user %u; name a "
                         "subdirectory that does not exist yet",
                         path, (unsigned) status.st_uid, (unsigned) geteuid());
    *parent = take_descriptor(&descriptor);
    return true;
}

static void fill_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, strlen(path) + 1);
}

/* A socket left behind by a killed driver refuses connections; one that takes them is being served. */
static bool is_served(const char *path)
{
    struct sockaddr_un address;
    fill_address(path, &address);
    _cleanup_(closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return false;
    return connect(probe, (struct sockaddr *) &address, sizeof address) == 0 || errno == EAGAIN;
}

/* Says whether something stands at the path, and refuses what may not be replaced. */
static bool examine_existing(int parent, const char *name, const char *path, struct error *error,
                             bool *exists)
{
    struct stat status;
    *exists = false;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return true;
        return error_set_errno(error, ERROR_IO, errno, "socket \"%s\"", path);
    }
    if (!S_ISSOCK(status.st_mode))
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "\"%s\" exists and is no socket; it is not replaced", path);
    if (status.st_uid != geteuid())
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "socket \"%s\" belongs to user %u; it is not replaced", path,
                         (unsigned) status.st_uid);
    if (is_served(path))
        return error_set(error, ERROR_FAILED_PRECONDITION, "socket \"%s\" is served by another process",
                         path);
    *exists = true;
    return true;
}

/* Linux gives a bound name the mode of its socket, so that it is never reachable with a wider one. */
static bool bind_and_listen(struct rpc_socket *opened, const char *path, struct error *error)
{
    struct sockaddr_un address;
    fill_address(path, &address);
    opened->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened->descriptor < 0)
        return error_set_errno(error, ERROR_IO, errno, "creating a socket");
    if (fchmod(opened->descriptor, 0600) < 0 ||
        bind(opened->descriptor, (struct sockaddr *) &address, sizeof address) < 0)
        return error_set_errno(error, ERROR_IO, errno, "binding socket \"%s\"", path);
    struct stat status;
    if (fstatat(opened->parent, opened->name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(opened->parent, opened->name, 0600, 0) < 0)
        return error_set_errno(error, ERROR_IO, errno, "socket \"%s\"", path);
    opened->device = status.st_dev;
    opened->inode = status.st_ino;
    if (listen(opened->descriptor, SOCKET_BACKLOG) < 0)
        return error_set_errno(error, ERROR_IO, errno, "listening on socket \"%s\"", path);
    return true;
}

DEFINE_POINTER_CLEANUP(struct rpc_socket *, rpc_socket_free)

bool rpc_socket_open(const char *path, struct error *error, struct rpc_socket **opened)
{
    _cleanup_(split_path_done) struct split_path split = {0};
    if (!split_path(path, error, &split))
        return false;
    _cleanup_(rpc_socket_freep) struct rpc_socket *created = calloc(1, sizeof *created);
    if (!created)
        return error_set_no_memory(error);
    created->descriptor = created->parent = -1;
    created->name = take_pointer(&split.name);

    bool exists;
    if (!create_directories(split.parent, error) || !open_parent(split.parent, error, &created->parent))
        return false;
    if (fchmod(created->parent, 0700) < 0)
        return error_set_errno(error, ERROR_IO, errno, "socket directory \"%s\"", split.parent);
    if (!examine_existing(created->parent, created->name, path, error, &exists))
        return false;
    if (exists && unlinkat(created->parent, created->name, 0) < 0)
        return error_set_errno(error, ERROR_IO, errno, "removing the old socket \"%s\"", path);
    if (!bind_and_listen(created, path, error))
        return false;
    *opened = take_pointer(&created);
    return true;
}

/* A missing directory will be made in the nearest one above it that is there, if we may write to that. */
static bool check_can_create(const char *path, struct error *error)
{
    _cleanup_(freep) char *above = strdup(path);
    if (!above)
        return error_set_no_memory(error);
    struct stat ignored;
    const char *found = above;
    while (stat(found, &ignored) < 0) {
        if (errno != ENOENT)
            return error_set_errno(error, ERROR_IO, errno, "socket directory \"%s\"", path);
        char *slash = strrchr(above, '/');
        if (!slash)
            found = ".";
        else if (slash == above)
            found = "/";
        else
            *slash = '\0';
    }
    return faccessat(AT_FDCWD, found, W_OK | X_OK, AT_EACCESS) == 0 ||
           error_set_errno(error, ERROR_FAILED_PRECONDITION, errno,
                           "socket directory \"%s\" cannot be made in \"%s\"", path, found);
}

bool rpc_socket_check(const char *path, struct error *error)
{
    _cleanup_(split_path_done) struct split_path split = {0};
    if (!split_path(path, error, &split))
        return false;
    _cleanup_(closep) int parent = -1;
    bool exists;
    if (open_parent(split.parent, error, &parent))
        return examine_existing(parent, split.name, path, error, &exists);
    return error->code == ERROR_NOT_FOUND && check_can_create(split.parent, error);
}

int rpc_socket_descriptor(const struct rpc_socket *opened)
{
    return opened->descriptor;
}

bool rpc_socket_accept(struct rpc_socket *opened, struct error *error, int *connection)
{
    _cleanup_(closep) int accepted = accept4(opened->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return error_set(error, ERROR_UNAVAILABLE, "no connection waits");
    if (accepted < 0)
        return error_set_errno(error, ERROR_IO, errno, "accepting a connection");
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return error_set_errno(error, ERROR_PERMISSION_DENIED, errno, "a peer without credentials");
    if (peer.uid != geteuid())
        return error_set(error, ERROR_PERMISSION_DENIED, "a peer of user %u, but ours is user %u",
                         (unsigned) peer.uid, (unsigned) geteuid());
    *connection = take_descriptor(&accepted);
    return true;
}

static bool name_is_ours(const struct rpc_socket *opened)
{
    struct stat status;
    return fstatat(opened->parent, opened->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_dev == opened->device && status.st_ino == opened->inode;
}

void rpc_socket_free(struct rpc_socket *opened)
{
    if (!opened)
        return;
    if (opened->inode && name_is_ours(opened))
        (void) unlinkat(opened->parent, opened->name, 0);
    if (opened->descriptor >= 0)
        close(opened->descriptor);
    if (opened->parent >= 0)
        close(opened->parent);
    free(opened->name);
    free(opened);
}
