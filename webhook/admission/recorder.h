/* Who must know of a decision before its answer leaves: the seam between admission and the audit log. The
 * recorder sees the request, the decision and the very bytes of the patch while all of it is at hand, and
 * what it returns becomes part of the answer.
 *
 * Not for: logs and metrics, which look at struct admission_outcome afterwards.
 */
#pragma once

#include "common/buffer.h"
#include "common/digest.h"
#include "webhook/admission/admission.h"
#include "webhook/admission/review_request.h"

/* Room for "<sequence>:<hash>" and the NUL. */
#define ADMISSION_MARK_BYTES (20 + 1 + DIGEST_SHA256_HEX_BYTES)

/* What is kept of the object as it came, since the injection edits it in place. */
struct admission_evidence {
    char object_sha256[DIGEST_SHA256_HEX_BYTES]; /* "": there is no object */
    struct buffer object;                        /* JSON text, when the recorder keeps objects */
};

/* One decision, or one error of a request that has a uid. Everything is valid during the call alone. */
struct admission_event {
    enum admission_endpoint endpoint;
    const struct review_request *request; /* its object may have been edited */
    const struct admission_evidence *evidence;
    const struct configuration *configuration;
    const cJSON *namespace_annotations; /* what the decision was given of the namespace, or NULL */
    const struct admission_outcome *outcome;
    const struct denial_list *denials; /* empty unless denied */
    const char *patch;                 /* base64 as in the response, not terminated; NULL: none */
    size_t patch_length;
    const struct error *failure; /* an error instead of a decision; else NULL */
};

struct admission_recorder {
    /* Before the decision, when there is an object. A failure fails the request. */
    bool (*examine)(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence);
    /* After the decision; all of the answer but the mark is made. False refuses admission. `mark` is "" when
     * there is no record and there need not be one. Must not keep the thread longer than a write takes. */
    bool (*record)(void *context, const struct admission_event *event, struct error *error,
                   char mark[static ADMISSION_MARK_BYTES]);
    /* Once before answers leave that were recorded since the last time; any thread. May be NULL. */
    void (*settle)(void *context);
    void *context;
};
