/* Injection: (pod, namespace facts, configuration) -> (decision, patch, reasons). A pure function: no socket,
 * clock, environment or log. serve, render, explain, verify, the audit replay, fuzzers and benchmarks all
 * call it. Source: contract/decisions.md section 2, contract/supervised-pod.md H.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "webhook/injection/configuration.h"
#include "webhook/injection/denial.h"

#include <cjson/cJSON.h>

enum injection_decision {
    INJECTION_SKIPPED,   /* not a sandbox pod: nothing to do */
    INJECTION_UNCHANGED, /* already exactly as it must be: no operation */
    INJECTION_INJECTED,  /* operations were made */
    INJECTION_DENIED,    /* see denials */
};

/* "skipped", "unchanged", "injected", "denied". */
const char *injection_decision_name(enum injection_decision decision);

struct injection_request {
    cJSON *pod; /* a v1 Pod, parsed by json_parse; edited in place when it is injected, else unchanged */
    const cJSON *namespace_annotations; /* object of strings; NULL: none (callers look it up beforehand, when
                                           injection_needs_namespace says so) */
    const char *user_name;              /* the creator, for allowedCreators; NULL: not known, not checked */
    const cJSON *user_groups;           /* array of strings, or NULL */
    const struct configuration *configuration;
    /* The pod was admitted and runs: even if its command, volume or annotation of ours is missing it is no
     * first pass, and one that is being deleted is looked at too. For verify; false at admission. */
    bool is_stored;
};

/* One operation of the patch (RFC 6902) with its reason. Pointer and value are texts of the result. */
struct injection_operation {
    const char *verb;   /* "add", "replace", "remove", "move"; static */
    const char *path;   /* RFC 6901 pointer */
    const char *from;   /* move only, else NULL */
    const char *value;  /* add and replace: compact JSON text, else NULL */
    const char *reason; /* one sentence for auditors; static */
};

struct injection_result {
    enum injection_decision decision;
    struct injection_operation *operations;
    size_t operation_count;
    char *text;                 /* what the operations' path, from and value point into */
    struct denial_list denials; /* decision denied: at least one */
    const char *warning;        /* for the user who creates the pod; static, else NULL */
    const char *skip_reason;    /* skipped: why; static, else NULL */
};

/* True when the decision depends on the annotations of the pod's namespace (no sandbox.uid configured and the
 * pod is a sandbox pod; H.6). */
bool injection_needs_namespace(const cJSON *pod, const struct configuration *configuration);

/* Decides and computes the patch. Fails with ERROR_INVALID when the pod is no pod (a field of the wrong type,
 * named), ERROR_NO_MEMORY, never for a denial. On success the caller owns `*result` (injection_result_done).
 * Deterministic: the same input gives the same bytes. */
bool injection_run(const struct injection_request *request, struct error *error,
                   struct injection_result *result) _warn_unused_result_;

void injection_result_done(struct injection_result *result);

/* Appends the patch as compact JSON, exactly the bytes that go into an AdmissionResponse. "[]" without
 * operations. */
bool injection_append_patch(const struct injection_result *result, struct buffer *buffer,
                            struct error *error) _warn_unused_result_;
