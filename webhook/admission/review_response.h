/* The AdmissionReview response, written as text. Private to webhook/admission/. */
#pragma once

#include "common/buffer.h"
#include "webhook/admission/admission.h"

/* Everything that an answer says but the mark of its record. */
struct review_response {
    const char *uid;
    const struct admission_outcome *outcome;
    const char *configuration_digest;
    const struct denial_list *denials; /* not empty: denied */
    const char *patch;                 /* JSON Patch text, or NULL */
    size_t patch_length;
    const char *warning; /* or NULL */
};

/* Where the patch in base64 stands in the buffer; length 0 without one. */
struct review_response_patch {
    size_t offset;
    size_t length;
};

/* Appends the AdmissionReview but for its end, and makes room for that: what remains cannot fail. Fails as
 * the buffer does. */
bool review_response_begin(const struct review_response *answer, struct buffer *response, struct error *error,
                           struct review_response_patch *patch) _warn_unused_result_;

/* Appends the end. `mark` tells of the decision's record (auditAnnotations `audit-record`); "": there is
 * none. */
void review_response_end(const char *mark, struct buffer *response);
