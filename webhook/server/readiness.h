/* Whether the server can be sent requests, and if not what is missing: the answer of /readyz. Not for: what
 * the checks look at, which their owners know.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <stdatomic.h>

#define READINESS_CHECKS 8

/* One thing that must be so; `check` says with `error` why it is not. Called from any thread, quick. */
struct readiness_check {
    const char *name;
    bool (*check)(void *context, struct error *error);
    void *context;
};

struct readiness {
    struct readiness_check checks[READINESS_CHECKS];
    size_t count;
    atomic_bool is_draining;
};

/* Adds a check, before the first question. False when there are READINESS_CHECKS already. */
bool readiness_add(struct readiness *readiness, const char *name,
                   bool (*check)(void *context, struct error *error), void *context) _warn_unused_result_;

/* From now on not ready, whatever the checks say. */
void readiness_set_draining(struct readiness *readiness);
bool readiness_is_draining(const struct readiness *readiness);

/* Appends a line per check ("certificate: ok") and returns whether the server is ready. */
bool readiness_report(struct readiness *readiness, struct buffer *text);
