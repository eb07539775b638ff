#include "webhook/admission/admission.h"

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json_arena.h"
#include "common/names.h"
#include "common/text.h"
#include "webhook/admission/final_state.h"
#include "webhook/admission/recorder.h"
#include "webhook/admission/review_request.h"
#include "webhook/admission/review_response.h"
#include "webhook/injection/marks.h"

#include <string.h>
#include <time.h>

/* A patch is a few KB; its values repeat the pod's environment and command at most. */
#define PATCH_BYTES (8u * 1024 * 1024)
/* Enough for an ordinary one. */
#define PATCH_ROOM_BYTES (8u * 1024)

/* The object as it came, kept for a record. */
#define EVIDENCE_BYTES ADMISSION_BODY_BYTES
/* Enough for that of an ordinary pod. */
#define EVIDENCE_ROOM_BYTES (8u * 1024)

/* One request on its way. */
struct review {
    const struct admission_context *context;
    enum admission_endpoint endpoint;
    struct review_request request;
    cJSON *namespace_annotations; /* owned; NULL: not needed, or none */
    struct injection_result result;
    struct admission_evidence evidence;
    struct admission_outcome *outcome;
    struct admission_record *record; /* prepared; NULL: none */
};

const char *admission_endpoint_name(enum admission_endpoint endpoint)
{
    return endpoint == ADMISSION_MUTATE ? "mutate" : "validate";
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static const char *label_of(const cJSON *pod, const char *label)
{
    return json_text(json_member(json_member(pod, "metadata"), "labels"), label);
}

/* Cuts what is too long: an outcome is for logs. */
static void describe(const struct review_request *request, struct admission_outcome *outcome)
{
    const cJSON *pod = request->object ? request->object : request->old_object;
    TEXT_COPY(outcome->uid, request->uid);
    TEXT_COPY(outcome->operation, request->operation);
    TEXT_COPY(outcome->namespace_name, request->namespace_name);
    TEXT_COPY(outcome->pod_name, request->name);
    TEXT_COPY(outcome->user_name, request->user_name);
    TEXT_COPY(outcome->sandbox_id, label_of(pod, LABEL_SANDBOX_ID));
    TEXT_COPY(outcome->sandbox_name, label_of(pod, LABEL_SANDBOX_NAME));
    outcome->is_dry_run = request->is_dry_run;
}

/* The annotations of the pod's namespace, when the decision depends on them. */
static bool find_namespace(struct review *review, struct error *error)
{
    const struct namespace_source *namespaces = review->context->namespaces;
    const char *name = review->request.namespace_name;
    if (!injection_needs_namespace(review->request.object, review->context->configuration))
        return true;
    if (!namespaces)
        return error_set(error, ERROR_UNAVAILABLE,
                         "namespace %.80s: its annotations are not known here; configure sandbox.uid", name);
    return namespaces->find(namespaces->context, name, review->context->namespace_wait_ms, error,
                            &review->namespace_annotations);
}

static bool inject(struct review *review, struct error *error)
{
    if (!find_namespace(review, error))
        return false;
    const struct injection_request injection = {
        .pod = review->request.object,
        .namespace_annotations = review->namespace_annotations,
        .user_name = review->request.user_name,
        .user_groups = review->request.user_groups,
        .configuration = review->context->configuration,
    };
    uint64_t start_ns = now_ns();
    bool is_decided = injection_run(&injection, error, &review->result);
    review->outcome->injection_ns = now_ns() - start_ns;
    return is_decided || error_prefix(error, "request.object");
}

static bool is_marked(const cJSON *pod)
{
    return json_member(json_member(json_member(pod, "metadata"), "annotations"), ANNOTATION_INJECTION);
}

static bool is_live_sandbox(const cJSON *pod)
{
    return strcmp(label_of(pod, LABEL_MANAGED_BY), LABEL_MANAGED_BY_VALUE) == 0 &&
           !json_member(json_member(pod, "metadata"), "deletionTimestamp");
}

/* kubectl debug: a container beside the supervisor. */
static bool deny_ephemeral(const struct review_request *request, struct error *error,
                           struct injection_result *result)
{
    if (!is_live_sandbox(request->object) && !is_live_sandbox(request->old_object))
        return true;
    result->decision = INJECTION_DENIED;
    const struct json_path *spec = JSON_MEMBER(JSON_ROOT, "spec");
    return denial_list_add(
        &result->denials, "EphemeralContainers", JSON_MEMBER(spec, "ephemeralContainers"), error,
        "an ephemeral container would run beside the supervisor, outside the fence; a sandbox pod "
        "accepts none");
}

static bool validate(struct review *review, struct error *error)
{
    struct injection_result *result = &review->result;
    bool was_marked = is_marked(review->request.object);
    if (!inject(review, error))
        return false;
    if (result->decision != INJECTION_INJECTED)
        return true;
    result->decision = INJECTION_DENIED;
    return final_state_deny(result, was_marked, error, &result->denials);
}

/* Operations that neither endpoint is registered for are let pass: a rule too broad must not make pods
 * undeletable. */
static bool decide(struct review *review, struct error *error)
{
    const struct review_request *request = &review->request;
    bool is_pod = *request->sub_resource == '\0';
    bool is_create = strcmp(request->operation, "CREATE") == 0;
    if (review->endpoint == ADMISSION_VALIDATE && strcmp(request->sub_resource, "ephemeralcontainers") == 0)
        return deny_ephemeral(request, error, &review->result);
    if (!is_pod || !is_create)
        return true;
    return review->endpoint == ADMISSION_MUTATE ? inject(review, error) : validate(review, error);
}

static const char *reason_of(const struct injection_result *result)
{
    switch (result->decision) {
    case INJECTION_SKIPPED:
        return "Skipped";
    case INJECTION_UNCHANGED:
        return "Unchanged";
    case INJECTION_INJECTED:
        return "Injected";
    case INJECTION_DENIED:
        return result->denials.items[0].reason;
    }
    return "Unknown";
}

static bool examine(struct review *review, struct error *error)
{
    const struct admission_recorder *recorder = review->context->recorder;
    return !recorder || !review->request.object ||
           recorder->examine(recorder->context, review->request.object, error, &review->evidence);
}

static bool prepare_record(struct review *review, const char *patch, size_t patch_length,
                           const struct error *failure, struct error *error)
{
    const struct admission_recorder *recorder = review->context->recorder;
    if (!recorder)
        return true;
    const struct admission_event event = {
        .endpoint = review->endpoint,
        .request = &review->request,
        .evidence = &review->evidence,
        .configuration = review->context->configuration,
        .namespace_annotations = review->namespace_annotations,
        .outcome = review->outcome,
        .denials = &review->result.denials,
        .patch = patch_length ? patch : NULL,
        .patch_length = patch_length,
        .failure = failure,
    };
    if (recorder->prepare(recorder->context, &event, error, &review->record))
        return true;
    review->outcome->has_failed_to_record = true;
    return false;
}

/* The request gets an error for an answer, whether that could be recorded or not. */
static void record_failure(struct review *review, const struct error *failure)
{
    struct error ignored;
    bool is_retried = failure->code == ERROR_UNAVAILABLE && review->context->will_retry;
    if (!is_retried && !review->outcome->has_failed_to_record)
        (void) !prepare_record(review, NULL, 0, failure, &ignored);
}

/* The record is made last, when nothing else of the answer can fail any more. */
static bool compose(struct review *review, const struct review_response *answer, struct error *error,
                    struct buffer *response)
{
    struct review_response_patch patch;
    return review_response_begin(answer, response, error, &patch) &&
           prepare_record(review, response->data + patch.offset, patch.length, NULL, error);
}

static bool respond(struct review *review, struct error *error, struct buffer *response)
{
    const struct injection_result *result = &review->result;
    struct admission_outcome *outcome = review->outcome;
    outcome->decision = result->decision;
    outcome->reason = reason_of(result);
    outcome->operation_count = result->operation_count;
    struct review_response answer = {
        .uid = review->request.uid,
        .outcome = outcome,
        .configuration_digest = review->context->configuration->digest,
        .denials = &result->denials,
        .warning = result->warning,
    };
    struct buffer patch = BUFFER_INIT(PATCH_BYTES);
    char room[PATCH_ROOM_BYTES];
    bool is_written = true;
    if (result->decision == INJECTION_INJECTED) {
        buffer_lend(&patch, room, sizeof room);
        is_written = injection_append_patch(result, &patch, error) &&
                     digest_sha256_hex(patch.data, patch.length, error, outcome->patch_sha256);
        answer.patch = buffer_string(&patch);
        answer.patch_length = outcome->patch_bytes = patch.length;
    }
    is_written = is_written && compose(review, &answer, error, response);
    buffer_done(&patch);
    return is_written;
}

static bool answer_review(struct review *review, const char *body, size_t length, struct error *error,
                          struct buffer *response)
{
    if (!review_request_parse(body, length, error, &review->request))
        return false;
    describe(&review->request, review->outcome);
    bool is_answered = examine(review, error) && decide(review, error) && respond(review, error, response);
    if (!is_answered)
        record_failure(review, error);
    buffer_done(&review->evidence.object);
    cJSON_Delete(review->namespace_annotations);
    injection_result_done(&review->result);
    review_request_done(&review->request);
    return is_answered;
}

bool admission_decide(const struct admission_context *context, enum admission_endpoint endpoint,
                      const char *body, size_t length, struct error *error, struct buffer *response,
                      struct admission_outcome *outcome, struct admission_record **record)
{
    *outcome = (struct admission_outcome){.decision = INJECTION_SKIPPED, .reason = "Error"};
    struct review review = {
        .context = context,
        .endpoint = endpoint,
        .result = {.decision = INJECTION_SKIPPED},
        .evidence = {.object = BUFFER_INIT(EVIDENCE_BYTES)},
        .outcome = outcome,
    };
    char room[EVIDENCE_ROOM_BYTES];
    struct json_arena arena;
    buffer_lend(&review.evidence.object, room, sizeof room);
    json_arena_enter(&arena);
    bool is_decided = answer_review(&review, body, length, error, response);
    json_arena_leave(&arena);
    *record = review.record;
    return is_decided;
}

bool admission_conclude(const struct admission_record *record, struct error *error, struct buffer *response,
                        struct admission_outcome *outcome)
{
    if (record && record->is_refused) {
        outcome->has_failed_to_record = true;
        *error = record->error;
        return false;
    }
    review_response_end(record ? record->mark : "", response);
    return true;
}

bool admission_review(const struct admission_context *context, enum admission_endpoint endpoint,
                      const char *body, size_t length, struct error *error, struct buffer *response,
                      struct admission_outcome *outcome)
{
    const struct admission_recorder *recorder = context->recorder;
    struct admission_record *record;
    bool is_answered = admission_decide(context, endpoint, body, length, error, response, outcome, &record);
    if (record)
        recorder->write(recorder->context, record);
    is_answered = is_answered && admission_conclude(record, error, response, outcome);
    if (record)
        recorder->release(recorder->context, record);
    return is_answered;
}
