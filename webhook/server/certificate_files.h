/* The certificate source for mounted files: a PEM chain and a PEM key, read again when asked to. A pair that
 * is not usable is refused and the one before stays.
 *
 * Not for: noticing that the files changed (webhook/server/file_watch.h).
 */
#pragma once

#include "webhook/server/certificate_source.h"

struct certificate_files;

/* Reads the pair for the first time; the paths must outlive it. Errors, naming the paths: those of reading a
 * file and of serving_certificate_parse. The caller frees `*files`, after the last handshake. */
bool certificate_files_new(const char *certificate_path, const char *key_path, struct error *error,
                           struct certificate_files **files) _warn_unused_result_;
void certificate_files_free(struct certificate_files *files);
DEFINE_POINTER_CLEANUP(struct certificate_files *, certificate_files_free)

/* Reads the pair again. On failure, with errors as above, the old pair stays in use. */
bool certificate_files_reload(struct certificate_files *files, struct error *error) _warn_unused_result_;

/* When the pair in use expires. */
time_t certificate_files_expiry(struct certificate_files *files);

/* Valid as long as `files`. */
struct certificate_source certificate_files_source(struct certificate_files *files);
