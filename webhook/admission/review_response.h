/* The AdmissionReview response, written as text. Private to webhook/admission/. */
#pragma once

#include "common/buffer.h"
#include "webhook/admission/admission.h"

/* Everything that an answer says. */
struct review_response {
    const char *uid;
    const struct admission_outcome *outcome;
    const char *configuration_digest;
    const struct denial_list *denials; /* not empty: denied */
    const char *patch;                 /* JSON Patch text, or NULL */
    size_t patch_length;
    const char *warning; /* or NULL */
};

/* Appends the whole AdmissionReview. Fails as the buffer does. */
bool review_response_append(const struct review_response *answer, struct buffer *response,
                            struct error *error) _warn_unused_result_;
