/* Whether a stored pod is supervised as configured, and if not, in what it differs: what the injection would
 * still have to change in it. So fields that are not ours (those that the API server, the scheduler and the
 * kubelet fill in, the user's own) never count.
 *
 * Not for: pods on their way in (webhook/admission/admission.h).
 */
#pragma once

#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* Most findings kept for one pod; further ones are counted only. */
#define VERIFICATION_FINDINGS 64

enum verification_state {
    VERIFICATION_SUPERVISED,   /* exactly as the configuration wants it */
    VERIFICATION_OUTDATED,     /* differs, and says it was made from another configuration or version */
    VERIFICATION_DRIFTED,      /* differs, though it says it was made from this one */
    VERIFICATION_UNSUPERVISED, /* its agent does not start under a supervisor */
};

#define VERIFICATION_STATES 4

/* "supervised", "outdated", "drifted", "unsupervised". */
const char *verification_state_name(enum verification_state state);

/* One field that is not as it must be. Values are cut as operation_words.h says, secrets masked. */
struct verification_finding {
    char *field;    /* `spec.containers[0].image`; owned */
    char *expected; /* NULL: nothing should be there, or `reason` says what; owned */
    char *found;    /* NULL: nothing is there, or `reason` says what; owned */
    char *reason;   /* owned */
};

struct verification {
    enum verification_state state;
    struct verification_finding *findings; /* owned; none when it is supervised */
    size_t count;
    size_t dropped; /* findings past VERIFICATION_FINDINGS */
};

struct verification_request {
    cJSON *pod;                         /* parsed by json_parse; used up */
    const cJSON *namespace_annotations; /* object of strings; NULL: none */
    const struct configuration *configuration;
};

/* True for a pod that is to be verified: labelled as a sandbox, or with the annotation of one. */
bool verification_concerns(const cJSON *pod);

/* Looks at a pod that verification_concerns. ERROR_INVALID: it is no pod (the field is named);
 * ERROR_NO_MEMORY. The caller owns `*verification` (verification_done). */
bool verification_run(const struct verification_request *request, struct error *error,
                      struct verification *verification) _warn_unused_result_;

void verification_done(struct verification *verification);

/* Adds a finding, copying its texts (expected and found may be NULL). ERROR_NO_MEMORY. For this module's own
 * parts. */
bool verification_add(struct verification *verification, const char *field, const char *expected,
                      const char *found, const char *reason, struct error *error) _warn_unused_result_;
