#include "certs/file_store.h"

#include "certs/authorities_document.h"
#include "common/file.h"
#include "kubernetes/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define TEMPORARY_NAME_BYTES 64

bool file_store_make_directory(const char *path, struct error *error)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           error_set_errno(error, errno == EACCES ? ERROR_PERMISSION_DENIED : ERROR_IO, errno,
                           "cannot make the directory \"%s\"", path);
}

bool file_store_open(const char *path, struct error *error, struct file_store *store)
{
    _cleanup_(closep) int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_errno(error, errno == EACCES ? ERROR_PERMISSION_DENIED : ERROR_IO, errno,
                               "cannot open the directory \"%s\"", path);
    if (flock(descriptor, LOCK_EX) < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot lock the directory \"%s\"", path);
    *store = (struct file_store){.path = path, .descriptor = take_descriptor(&descriptor)};
    return true;
}

void file_store_close(struct file_store *store)
{
    /* The lock goes with the descriptor. */
    close(store->descriptor);
    store->descriptor = -1;
}

bool file_store_read_text(const struct file_store *store, const char *name, size_t maximum_bytes,
                          struct error *error, char **text, size_t *length)
{
    _cleanup_(closep) int descriptor = openat(store->descriptor, name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno, "\"%s/%s\"",
                               store->path, name);
    return file_read_descriptor(descriptor, name, maximum_bytes, error, text, length);
}

bool file_store_read(const struct file_store *store, struct error *error, struct authorities *authorities)
{
    char *text = NULL;
    size_t length = 0;
    if (!file_store_read_text(store, FILE_STORE_AUTHORITIES, AUTHORITIES_DOCUMENT_BYTES, error, &text,
                              &length))
        return false;
    bool is_read = authorities_document_parse(text, length, error, authorities);
    secret_wipe(text, length);
    return is_read || error_prefix(error, "\"%s/%s\"", store->path, FILE_STORE_AUTHORITIES);
}

static bool write_all(int descriptor, const char *text, size_t length)
{
    while (length) {
        ssize_t written = write(descriptor, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text += written;
        length -= (size_t) written;
    }
    return fsync(descriptor) == 0;
}

bool file_store_write_text(const struct file_store *store, const char *name, const char *text, size_t length,
                           struct error *error)
{
    char temporary[TEMPORARY_NAME_BYTES];
    snprintf(temporary, sizeof temporary, ".%s.new", name);
    /* Nobody else works here; what a run that was killed left behind is in the way. */
    unlinkat(store->descriptor, temporary, 0);
    _cleanup_(closep) int descriptor =
        openat(store->descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0 || !write_all(descriptor, text, length) ||
        renameat(store->descriptor, temporary, store->descriptor, name) < 0 || fsync(store->descriptor) < 0) {
        int failure = errno;
        if (descriptor >= 0)
            unlinkat(store->descriptor, temporary, 0);
        return error_set_errno(error, ERROR_IO, failure, "cannot write \"%s/%s\"", store->path, name);
    }
    return true;
}

bool file_store_write(const struct file_store *store, const struct authorities *authorities,
                      struct error *error)
{
    _cleanup_(secret_freep) char *document = NULL;
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    /* The authorities first: a bundle can be made again from them. */
    return authorities_document_print(authorities, error, &document) &&
           authorities_make_bundle(authorities, error, &bundle) &&
           certificate_list_append_pem(bundle, error, &pem) &&
           file_store_write_text(store, FILE_STORE_AUTHORITIES, document, strlen(document), error) &&
           file_store_write_text(store, FILE_STORE_BUNDLE, buffer_string(&pem), pem.length, error);
}
