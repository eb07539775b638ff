/* AdmissionReview v1 in, AdmissionResponse v1 out: the server's own path without the socket, which `review`
 * and the fuzzers run too. Decides through injection; makes no network call. Source: contract/decisions.md
 * section 2, shared facts on admission (RFC 6902 patch, base64, uid repeated).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* Largest AdmissionReview: the API server takes 3 MiB objects, a review can carry two of them and more. */
#define ADMISSION_BODY_BYTES (7u * 1024 * 1024)
#define ADMISSION_DEPTH 128

enum admission_endpoint { ADMISSION_MUTATE, ADMISSION_VALIDATE };

/* "mutate" or "validate". */
const char *admission_endpoint_name(enum admission_endpoint endpoint);

struct admission_recorder; /* webhook/admission/recorder.h */
struct admission_record;

/* How long a request waits for a namespace that is not known (yet). */
#define NAMESPACE_WAIT_MS 500u

/* Finds the annotations of a namespace, for which it waits at most `wait_ms`; 0: not at all. Fails with
 * ERROR_UNAVAILABLE when the namespace is not known in time. The caller owns `*annotations` (an object, or
 * NULL). */
struct namespace_source {
    bool (*find)(void *context, const char *name, unsigned wait_ms, struct error *error, cJSON **annotations);
    void *context;
};

/* What a decision needs; everything outlives the call. */
struct admission_context {
    const struct configuration *configuration;
    const struct namespace_source *namespaces; /* NULL: none known; then a pod that needs one is an error */
    unsigned namespace_wait_ms;                /* for one that is not known */
    const struct admission_recorder *recorder; /* NULL: nobody */
    bool will_retry; /* ERROR_UNAVAILABLE means another attempt, which waits: nothing to record */
};

/* What happened, for metrics, logs and audit records. Strings are static or live in the struct. */
struct admission_outcome {
    enum injection_decision decision;
    char uid[128];
    char operation[16]; /* CREATE, ... */
    char namespace_name[64];
    char pod_name[254]; /* may be a generateName prefix */
    char sandbox_id[64];
    char sandbox_name[64];
    char user_name[256];
    bool is_dry_run;
    const char *reason;    /* first denial's reason, or "Injected", "Unchanged", "Skipped"; static */
    char patch_sha256[65]; /* "" without a patch */
    size_t patch_bytes;
    size_t operation_count;
    uint64_t injection_ns;     /* time of injection_run alone */
    bool has_failed_to_record; /* the recorder refused; whatever the error, another attempt is of no use */
};

/* Handles one request body. Success means an AdmissionReview response was appended to `response` (allowed or
 * denied). ERROR_INVALID / ERROR_TOO_LARGE: not a usable AdmissionReview v1 (answer 4xx); ERROR_UNAVAILABLE:
 * the namespace is not known (answer 5xx, the API server then applies the failure policy); ERROR_NO_MEMORY
 * (5xx); or the recorder's error. `outcome` is filled as far as known in every case; `error` is not NULL. */
bool admission_review(const struct admission_context *context, enum admission_endpoint endpoint,
                      const char *body, size_t length, struct error *error, struct buffer *response,
                      struct admission_outcome *outcome) _warn_unused_result_;

/* The same in two steps, for who writes the records of several requests together. The first decides; the
 * response lacks its end. Whether that succeeds or not, `*record` (NULL without a recorder) must be written
 * before the answer leaves, whatever that is, and be released. */
bool admission_decide(const struct admission_context *context, enum admission_endpoint endpoint,
                      const char *body, size_t length, struct error *error, struct buffer *response,
                      struct admission_outcome *outcome,
                      struct admission_record **record) _warn_unused_result_;
/* Ends the response of a decision whose record (or NULL) is written. False when admission must be refused for
 * want of one. */
bool admission_conclude(const struct admission_record *record, struct error *error, struct buffer *response,
                        struct admission_outcome *outcome) _warn_unused_result_;
