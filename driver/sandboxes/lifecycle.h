/* The operations on sandboxes that the gateway asks for (contract/gateway-driver.md C). They block until the
 * API server has answered; any number may run at once, and each leaves nothing half done that a restarted
 * driver would not finish or remove.
 *
 * Not for: what goes on by itself (keeper.h).
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

/* A stop waits for the pod's own grace period and this much longer. */
#define STOP_SLACK_SECONDS 30

/* Creates record, claim and pod. ERROR_INVALID, ERROR_ALREADY_EXISTS (id, or name within the workspace),
 * ERROR_FAILED_PRECONDITION (no token, no GPU, refused by admission, not supervised), or what the API server
 * answered; after an error nothing of the sandbox is left, or the keeper removes it. `token` is not kept. */
bool sandbox_create(struct sandboxes *sandboxes, const cJSON *document, const char *token,
                    struct error *error) _warn_unused_result_;

/* Removes what a create that failed or was cut off has left behind. The sandbox's operation must be held.
 * `record_uid` NULL: not known whether the record was written. */
bool sandbox_roll_back(struct sandboxes *sandboxes, const struct sandbox_state *state, const char *record_uid,
                       struct error *error) _warn_unused_result_;

/* Ends the pod and returns when it is gone. ERROR_NOT_FOUND; ERROR_TIMEOUT: the pod is still terminating. */
bool sandbox_stop(struct sandboxes *sandboxes, const char *sandbox_id,
                  struct error *error) _warn_unused_result_;

/* Makes the pod again from the record; returns when the API server has accepted it. */
bool sandbox_start(struct sandboxes *sandboxes, const char *sandbox_id,
                   struct error *error) _warn_unused_result_;

/* The second half of a start, for one that was cut off: creates the pod unless it is there, and clears the
 * mark. The sandbox's operation must be held. */
bool sandbox_finish_start(struct sandboxes *sandboxes, const struct sandbox_state *state,
                          struct error *error) _warn_unused_result_;

/* Notes that the sandbox shall go and begins with it; the keeper finishes. `*is_deleted` false: there was
 * none. */
bool sandbox_delete(struct sandboxes *sandboxes, const char *sandbox_id, struct error *error,
                    bool *is_deleted) _warn_unused_result_;
