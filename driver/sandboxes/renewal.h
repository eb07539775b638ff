/* Renews the tokens of all sandboxes, stopped ones included, at 80 % of their life, so that one that is
 * started days later can still authenticate (contract/gateway-driver.md E.2, decisions section 1).
 *
 * Not for: tokens that never expire; those are left alone.
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

struct renewal;

struct renewal_observer {
    /* A token was renewed (`error` NULL) or could not be. Any thread. May be NULL. */
    void (*finished)(void *context, const char *sandbox_id, const struct error *error);
    void *context;
};

/* Starts a thread. ERROR_INVALID, ERROR_IO: the gateway's TLS files. `sandboxes` outlives it. The caller owns
 * `*started` (renewal_free). */
bool renewal_start(struct sandboxes *sandboxes, const struct renewal_observer *observer, struct error *error,
                   struct renewal **started) _warn_unused_result_;

/* Stops; a call that is under way is waited for. Accepts NULL. */
void renewal_free(struct renewal *renewal);
