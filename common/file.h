/* Reading whole small files: configuration, credentials, certificates.
 *
 * Not for: files that need locking.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* Reads the file at `path`, of at most `maximum_bytes`; the caller frees `*text`, which is terminated by a
 * NUL that `*length` does not count (the content may hold NULs itself). Symbolic links are followed, as a
 * mounted ConfigMap needs. Errors, all naming the path: ERROR_NOT_FOUND, ERROR_PERMISSION_DENIED, ERROR_IO (a
 * directory too), ERROR_TOO_LARGE, ERROR_NO_MEMORY. */
bool file_read(const char *path, size_t maximum_bytes, struct error *error, char **text,
               size_t *length) _warn_unused_result_;

/* Reads an open descriptor to its end in the same way, waiting for a pipe's writer; `name` stands for it in
 * errors. The descriptor stays the caller's. */
bool file_read_descriptor(int descriptor, const char *name, size_t maximum_bytes, struct error *error,
                          char **text, size_t *length) _warn_unused_result_;

/* Sets the error for a file that could not be opened or read, naming its path: ERROR_NOT_FOUND,
 * ERROR_PERMISSION_DENIED or ERROR_IO. Returns false. */
bool file_set_error(struct error *error, int errno_value, const char *path);
