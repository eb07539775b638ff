/* Keeps each configuration that decisions refer to, once, as `configurations/<digest>.json` beside the log:
 * its canonical JSON, so that the name proves the content. For replay. Safe between threads. Reading them:
 * recorded_configurations.h.
 */
#pragma once

#include "common/error.h"
#include "webhook/injection/configuration.h"

#include <pthread.h>

struct configuration_archive {
    const char *directory; /* the log's */
    pthread_mutex_t mutex;
    char stored[CONFIGURATION_DIGEST_BYTES]; /* the last one that is known to be there */
};

/* `directory` outlives the archive. */
void configuration_archive_init(struct configuration_archive *archive, const char *directory);
void configuration_archive_done(struct configuration_archive *archive);

/* Makes sure that the configuration is kept, on the disk. ERROR_IO, ERROR_NO_MEMORY. */
bool configuration_archive_store(struct configuration_archive *archive,
                                 const struct configuration *configuration,
                                 struct error *error) _warn_unused_result_;
