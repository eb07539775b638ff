#include "webhook/admission/admission.h"

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json_arena.h"
#include "common/names.h"
#include "webhook/admission/final_state.h"
#include "webhook/admission/review_request.h"
#include "webhook/admission/review_response.h"
#include "webhook/injection/marks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A patch is a few KB; its values repeat the pod's environment and command at most. */
#define PATCH_BYTES (8u * 1024 * 1024)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* Cuts what is too long: an outcome is for logs. */
static void copy(char *target, size_t size, const char *text)
{
    snprintf(target, size, "%s", text);
}

#define COPY(array, text) copy((array), sizeof(array), (text))

static const char *label_of(const cJSON *pod, const char *label)
{
    const cJSON *value = json_member(json_member(json_member(pod, "metadata"), "labels"), label);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static void describe(const struct review_request *request, struct admission_outcome *outcome)
{
    const cJSON *pod = request->object ? request->object : request->old_object;
    COPY(outcome->uid, request->uid);
    COPY(outcome->operation, request->operation);
    COPY(outcome->namespace_name, request->namespace_name);
    COPY(outcome->pod_name, request->name);
    COPY(outcome->user_name, request->user_name);
    COPY(outcome->sandbox_id, label_of(pod, LABEL_SANDBOX_ID));
    COPY(outcome->sandbox_name, label_of(pod, LABEL_SANDBOX_NAME));
    outcome->is_dry_run = request->is_dry_run;
}

/* The annotations of the pod's namespace, when the decision depends on them. */
static bool find_namespace(const struct admission_context *context, const struct review_request *request,
                           struct error *error, cJSON **annotations)
{
    *annotations = NULL;
    if (!injection_needs_namespace(request->object, context->configuration))
        return true;
    if (!context->namespaces)
        return error_set(error, ERROR_UNAVAILABLE,
                         "namespace %.80s: its annotations are not known here; configure sandbox.uid",
                         request->namespace_name);
    return context->namespaces->find(context->namespaces->context, request->namespace_name, error,
                                     annotations);
}

static bool inject(const struct admission_context *context, const struct review_request *request,
                   struct error *error, struct admission_outcome *outcome, struct injection_result *result)
{
    _cleanup_(cJSON_Deletep) cJSON *annotations = NULL;
    if (!find_namespace(context, request, error, &annotations))
        return false;
    const struct injection_request injection = {
        .pod = request->object,
        .namespace_annotations = annotations,
        .user_name = request->user_name,
        .user_groups = request->user_groups,
        .configuration = context->configuration,
    };
    uint64_t start_ns = now_ns();
    bool is_decided = injection_run(&injection, error, result);
    outcome->injection_ns = now_ns() - start_ns;
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

static bool validate(const struct admission_context *context, const struct review_request *request,
                     struct error *error, struct admission_outcome *outcome, struct injection_result *result)
{
    bool was_marked = is_marked(request->object);
    if (!inject(context, request, error, outcome, result))
        return false;
    if (result->decision != INJECTION_INJECTED)
        return true;
    result->decision = INJECTION_DENIED;
    return final_state_deny(result, was_marked, error, &result->denials);
}

/* Operations that neither endpoint is registered for are let pass: a rule too broad must not make pods
 * undeletable. */
static bool decide(const struct admission_context *context, enum admission_endpoint endpoint,
                   const struct review_request *request, struct error *error,
                   struct admission_outcome *outcome, struct injection_result *result)
{
    bool is_pod = *request->sub_resource == '\0';
    bool is_create = strcmp(request->operation, "CREATE") == 0;
    if (endpoint == ADMISSION_VALIDATE && strcmp(request->sub_resource, "ephemeralcontainers") == 0)
        return deny_ephemeral(request, error, result);
    if (!is_pod || !is_create)
        return true;
    return endpoint == ADMISSION_MUTATE ? inject(context, request, error, outcome, result)
                                        : validate(context, request, error, outcome, result);
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

static bool respond(const struct admission_context *context, const struct review_request *request,
                    const struct injection_result *result, struct error *error, struct buffer *response,
                    struct admission_outcome *outcome)
{
    outcome->decision = result->decision;
    outcome->reason = reason_of(result);
    outcome->operation_count = result->operation_count;
    struct review_response answer = {
        .uid = request->uid,
        .outcome = outcome,
        .configuration_digest = context->configuration->digest,
        .denials = &result->denials,
        .warning = result->warning,
    };
    struct buffer patch = BUFFER_INIT(PATCH_BYTES);
    bool is_written = true;
    if (result->decision == INJECTION_INJECTED) {
        is_written = injection_append_patch(result, &patch, error) &&
                     digest_sha256_hex(patch.data, patch.length, error, outcome->patch_sha256);
        answer.patch = buffer_string(&patch);
        answer.patch_length = outcome->patch_bytes = patch.length;
    }
    is_written = is_written && review_response_append(&answer, response, error);
    buffer_done(&patch);
    return is_written;
}

static bool answer_review(const struct admission_context *context, enum admission_endpoint endpoint,
                          const char *body, size_t length, struct error *error, struct buffer *response,
                          struct admission_outcome *outcome)
{
    struct review_request request;
    if (!review_request_parse(body, length, error, &request))
        return false;
    describe(&request, outcome);
    struct injection_result result = {.decision = INJECTION_SKIPPED};
    bool is_answered = decide(context, endpoint, &request, error, outcome, &result) &&
                       respond(context, &request, &result, error, response, outcome);
    injection_result_done(&result);
    review_request_done(&request);
    return is_answered;
}

bool admission_review(const struct admission_context *context, enum admission_endpoint endpoint,
                      const char *body, size_t length, struct error *error, struct buffer *response,
                      struct admission_outcome *outcome)
{
    *outcome = (struct admission_outcome){.decision = INJECTION_SKIPPED, .reason = "Error"};
    struct json_arena arena;
    json_arena_enter(&arena);
    bool is_answered = answer_review(context, endpoint, body, length, error, response, outcome);
    json_arena_leave(&arena);
    return is_answered;
}
