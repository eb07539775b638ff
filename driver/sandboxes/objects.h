/* The API objects of one sandbox: record, claim and pod, written and removed one at a time, each by one or
 * two requests. What is written shows in the registry at once. The steps of lifecycle.h.
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

/* Where a sandbox's objects are. */
struct sandbox_place {
    char sandbox_id[SANDBOX_ID_BYTES];
    char namespace_name[LABEL_BYTES];
    char pod[LABEL_BYTES];
    char record[SUBDOMAIN_BYTES];
    char claim[SUBDOMAIN_BYTES];
};

void place_of_document(const struct driver_configuration *configuration, const cJSON *document,
                       struct sandbox_place *place);
void place_of_state(const struct driver_configuration *configuration, const struct sandbox_state *state,
                    struct sandbox_place *place);

/* Reads the record; the caller owns `*record`. */
bool object_get_record(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                       cJSON **record) _warn_unused_result_;

/* Applies a merge patch to the record, which this call takes over. */
bool object_patch_record(struct sandboxes *sandboxes, const struct sandbox_place *place, cJSON *patch,
                         struct error *error) _warn_unused_result_;

/* Sets the desired state; `is_starting`: this process is about to make the pod. */
bool object_set_desired(struct sandboxes *sandboxes, const struct sandbox_place *place,
                        enum desired_state desired, bool is_starting,
                        struct error *error) _warn_unused_result_;

/* Creates the workspace's claim unless the sandbox has none or it is there already. What admission or a quota
 * refuses is ERROR_FAILED_PRECONDITION. */
bool object_ensure_claim(struct sandboxes *sandboxes, const struct sandbox_place *place,
                         const cJSON *document, const char *record_uid,
                         struct error *error) _warn_unused_result_;

/* Creates the pod and sees to it that it is supervised: one that comes back as it was sent is removed at
 * once, and ERROR_FAILED_PRECONDITION names the webhook as the cause. ERROR_ALREADY_EXISTS: a pod of that
 * name is there. What a webhook or a quota refuses is ERROR_FAILED_PRECONDITION too. */
bool object_create_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, const cJSON *document,
                       const char *record_uid, struct error *error) _warn_unused_result_;

/* Takes over a pod of the sandbox's that is there already, which must be supervised just the same. Also
 * ERROR_NOT_FOUND: there is none, or another's. */
bool object_adopt_pod(struct sandboxes *sandboxes, const struct sandbox_place *place,
                      struct error *error) _warn_unused_result_;

/* What a pod of the sandbox's name is; the caller owns `*pod`. ERROR_NOT_FOUND: none, or another's. */
bool object_get_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                    cJSON **pod) _warn_unused_result_;

/* Asks for the end of the pod with this uid; success when it is gone already. */
bool object_delete_pod(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid,
                       int grace_seconds, struct error *error) _warn_unused_result_;

/* Asks for the end of the claim; `*is_gone` says whether nothing is left of it. */
bool object_delete_claim(struct sandboxes *sandboxes, const struct sandbox_place *place, struct error *error,
                         bool *is_gone) _warn_unused_result_;

/* Removes the record with this uid (NULL: whichever); success when it is gone already. */
bool object_delete_record(struct sandboxes *sandboxes, const struct sandbox_place *place, const char *uid,
                          struct error *error) _warn_unused_result_;
