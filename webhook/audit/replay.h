/* Replays a recorded decision: the object as it came goes through the same code as in the server, with the
 * configuration and the namespace's annotations of then, and what comes out is compared with the record.
 *
 * Not for: finding the object (the record, or a review that somebody kept) and not for the log's chain.
 */
#pragma once

#include "common/buffer.h"
#include "webhook/audit/decision_record.h"
#include "webhook/injection/configuration.h"

enum replay_verdict {
    REPLAY_IDENTICAL,
    REPLAY_DIFFERENT,        /* another decision, reason or patch */
    REPLAY_NO_OBJECT,        /* neither the record nor a review has the object */
    REPLAY_OTHER_OBJECT,     /* the object is not the one that was decided on: redacted, or another review */
    REPLAY_NO_CONFIGURATION, /* the recorded configuration is not there */
    REPLAY_WAS_ERROR,        /* the record is no decision but an error */
    REPLAY_VERDICTS,
};

/* For people: "identical", "no object", ... Never NULL. */
const char *replay_verdict_name(enum replay_verdict verdict);

/* What came out this time. */
struct replay_result {
    enum replay_verdict verdict;
    struct buffer patch;              /* base64; empty: none */
    const char *decision;             /* static; NULL unless identical or different */
    char reason[ERROR_MESSAGE_BYTES]; /* of the decision; the error, when the review cannot be decided */
};

#define REPLAY_PATCH_BYTES (16u * 1024 * 1024)
#define REPLAY_RESULT_INIT ((struct replay_result){.patch = BUFFER_INIT(REPLAY_PATCH_BYTES)})

/* What a replay needs. `review` is the text of an AdmissionReview that the record is of; NULL: the object
 * comes from the record. `configuration` NULL: it is not there. */
struct replay_input {
    const struct audit_decision *decision;
    const struct configuration *configuration;
    const char *review;
    size_t review_length;
};

/* `result` was initialised and may be used again and again; the caller owes replay_result_done. Fails with
 * ERROR_NO_MEMORY or ERROR_INTERNAL only. */
bool replay_decision(const struct replay_input *input, struct error *error,
                     struct replay_result *result) _warn_unused_result_;

void replay_result_done(struct replay_result *result);
