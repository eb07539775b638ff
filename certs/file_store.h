/* A directory that holds authorities and what was made from them, for people without a cluster at hand and
 * for installations that mount files. Every file is readable by its owner alone and is replaced as a whole.
 *
 *   authorities.json   the authorities with their keys (certs/authorities_document.h)
 *   ca-bundle.crt      what clients are to trust
 *   tls.crt, tls.key   the serving certificate with its chain, and its key
 */
#pragma once

#include "certs/authorities.h"

#define FILE_STORE_AUTHORITIES "authorities.json"
#define FILE_STORE_BUNDLE "ca-bundle.crt"
#define FILE_STORE_CERTIFICATE "tls.crt"
#define FILE_STORE_KEY "tls.key"

struct file_store {
    const char *path; /* as given, for messages */
    int descriptor;   /* of the directory; locked */
};

/* Makes the directory (not its parents) unless it is there. Errors name the path: ERROR_IO,
 * ERROR_PERMISSION_DENIED. */
bool file_store_make_directory(const char *path, struct error *error) _warn_unused_result_;

/* Opens the directory and waits for whoever else works in it. Errors as above. The caller owes
 * file_store_close. */
bool file_store_open(const char *path, struct error *error, struct file_store *store) _warn_unused_result_;
void file_store_close(struct file_store *store);

/* Reads the authorities; ERROR_NOT_FOUND when there are none. */
bool file_store_read(const struct file_store *store, struct error *error,
                     struct authorities *authorities) _warn_unused_result_;

/* Writes the authorities and the bundle. */
bool file_store_write(const struct file_store *store, const struct authorities *authorities,
                      struct error *error) _warn_unused_result_;

/* Writes one file, mode 0600: under another name first, so that a reader sees the old or the new, never a
 * part. */
bool file_store_write_text(const struct file_store *store, const char *name, const char *text, size_t length,
                           struct error *error) _warn_unused_result_;

/* Reads one file; the caller wipes and frees `*text`. Errors as in common/file.h. */
bool file_store_read_text(const struct file_store *store, const char *name, size_t maximum_bytes,
                          struct error *error, char **text, size_t *length) _warn_unused_result_;
