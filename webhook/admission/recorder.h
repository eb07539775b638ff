/* Who must know of a decision before its answer leaves: the seam between admission and the audit log. The
 * recorder sees the request, the decision and the very bytes of the patch while all of it is at hand and
 * makes a record of them. Records of requests that arrived together are then written together, and the mark
 * that each gets becomes part of its answer.
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

/* One decision, or one error of a request that has a uid. Everything is valid during the call alone, but for
 * the patch, which is until the record is written. */
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

/* A record on its way. The recorder has more of its own behind it. */
struct admission_record {
    struct admission_record *next;   /* what is written together with it, behind it; NULL: nothing */
    char mark[ADMISSION_MARK_BYTES]; /* "": there is no record */
    bool is_refused;                 /* admission must be, for want of one ... */
    struct error error;              /* ... for this reason */
};

/* May be called by any thread. */
struct admission_recorder {
    /* Before the decision, when there is an object. A failure fails the request. */
    bool (*examine)(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence);
    /* After the decision; all of the answer but the mark is made. False refuses admission. `*record` is then
     * to be written before the answer leaves; NULL when there is none and there need not be one. */
    bool (*prepare)(void *context, const struct admission_event *event, struct error *error,
                    struct admission_record **record);
    /* Writes records in their order, and says in each what became of it. Must not keep the thread longer than
     * a write takes. */
    void (*write)(void *context, struct admission_record *first);
    /* Frees a record, written or not. */
    void (*release)(void *context, struct admission_record *record);
    void *context;
};
