/* The configurations that a log's decisions refer to: files in `configurations/` of its directory, each named
 * after the SHA-256 of what is in it, which is what the decision's digest is of.
 */
#pragma once

#include "common/cleanup.h"
#include "webhook/injection/configuration.h"

#include <stddef.h>

/* The folder's name, and most files in it. */
#define RECORDED_CONFIGURATIONS_FOLDER "configurations"
#define RECORDED_CONFIGURATIONS 4096u

struct recorded_configurations {
    struct configuration **items; /* owned */
    size_t count;
};

/* Reads them all; none, or no folder, is no error. A file whose content has not the digest that its name
 * says is ERROR_INVALID naming it. The caller releases `*configurations`. */
bool recorded_configurations_read(const char *directory, struct error *error,
                                  struct recorded_configurations *configurations) _warn_unused_result_;

/* The one with this digest, or NULL. */
const struct configuration *recorded_configurations_find(const struct recorded_configurations *configurations,
                                                         const char *digest);

/* Accepts a zeroed struct. */
void recorded_configurations_done(struct recorded_configurations *configurations);
