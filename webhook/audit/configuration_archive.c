#include "webhook/audit/configuration_archive.h"

#include "common/text.h"
#include "webhook/audit/record_draft.h"
#include "webhook/audit/recorded_configurations.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".json"
/* Longest name in the folder: a digest, the suffix, and the mark of a file in the making. */
#define NAME_BYTES (CONFIGURATION_DIGEST_BYTES + sizeof SUFFIX + 8)

void configuration_archive_init(struct configuration_archive *archive, const char *directory)
{
    *archive = (struct configuration_archive){.directory = directory};
    pthread_mutex_init(&archive->mutex, NULL);
}

void configuration_archive_done(struct configuration_archive *archive)
{
    pthread_mutex_destroy(&archive->mutex);
}

/* The folder, made if need be; -1 with errno. */
static int open_folder(const char *directory)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/" RECORDED_CONFIGURATIONS_FOLDER, directory);
    if (length < 0 || (size_t) length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_all(int descriptor, const struct buffer *text)
{
    size_t done = 0;
    while (done < text->length) {
        ssize_t count = write(descriptor, text->data + done, text->length - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        done += (size_t) count;
    }
    return fsync(descriptor) == 0;
}

/* Appears under its name whole or not at all. */
static bool write_file(int folder, const char *name, const struct buffer *text)
{
    char unfinished[NAME_BYTES + sizeof ".new"];
    snprintf(unfinished, sizeof unfinished, "%s.new", name);
    _cleanup_(closep) int descriptor =
        openat(folder, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return false;
    if (write_all(descriptor, text) && renameat(folder, unfinished, folder, name) == 0)
        return fsync(folder) == 0;
    int reason = errno;
    unlinkat(folder, unfinished, 0);
    errno = reason;
    return false;
}

static bool store(const struct configuration_archive *archive, const struct configuration *configuration,
                  struct error *error)
{
    char name[NAME_BYTES];
    _cleanup_(closep) int folder = open_folder(archive->directory);
    if (folder < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot keep the configuration");
    snprintf(name, sizeof name, "%s" SUFFIX, configuration->digest);
    if (faccessat(folder, name, F_OK, 0) == 0)
        return true;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(CONFIGURATION_CANONICAL_BYTES);
    return configuration_append_canonical(configuration, error, &text) &&
           (write_file(folder, name, &text) ||
            error_set_errno(error, ERROR_IO, errno, "cannot keep the configuration"));
}

bool configuration_archive_store(struct configuration_archive *archive,
                                 const struct configuration *configuration, struct error *error)
{
    pthread_mutex_lock(&archive->mutex);
    bool is_stored = strcmp(archive->stored, configuration->digest) == 0;
    if (!is_stored) {
        is_stored = store(archive, configuration, error);
        if (is_stored)
            TEXT_COPY(archive->stored, configuration->digest);
    }
    pthread_mutex_unlock(&archive->mutex);
    return is_stored;
}
