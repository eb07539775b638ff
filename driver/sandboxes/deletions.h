/* The deletes that are coming to their end: for each, whether the gateway has been told. Of the keeper's
 * thread alone. Kept in memory only: a restarted driver tells again.
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

struct deletion {
    struct deletion *next;
    char sandbox_id[SANDBOX_ID_BYTES];
    uint64_t sequence;     /* of the event in the journal */
    uint64_t published_ns; /* monotonic */
};

struct deletions {
    struct deletion *first;
};

void deletions_done(struct deletions *deletions);

/* Takes the next step of a delete: pod, claim, news to the gateway, record. `*is_complete` says that nothing
 * is left. Safe to repeat at any time. */
bool deletion_step(struct deletions *deletions, struct sandboxes *sandboxes,
                   const struct sandbox_state *state, struct error *error,
                   bool *is_complete) _warn_unused_result_;
