#include "webhook/audit/replay.h"

#include "common/digest.h"
#include "common/json.h"
#include "common/json_canonical.h"
#include "webhook/admission/recorder.h"

#include <stdio.h>
#include <string.h>

#define CANONICAL_BYTES (16u * 1024 * 1024)
#define RESPONSE_BYTES (32u * 1024 * 1024)

const char *replay_verdict_name(enum replay_verdict verdict)
{
    switch (verdict) {
    case REPLAY_IDENTICAL:
        return "identical";
    case REPLAY_DIFFERENT:
        return "different";
    case REPLAY_NO_OBJECT:
        return "no object";
    case REPLAY_OTHER_OBJECT:
        return "object is not the one decided on";
    case REPLAY_NO_CONFIGURATION:
        return "no configuration";
    case REPLAY_WAS_ERROR:
        return "was an error";
    case REPLAY_VERDICTS:
        break;
    }
    return "unknown";
}

struct replay {
    const struct replay_input *input;
    struct replay_result *result;
};

static bool find_annotations(void *context, const char *name, unsigned wait_ms, struct error *error,
                             cJSON **annotations)
{
    const struct replay *replay = context;
    const cJSON *recorded = replay->input->decision->namespace_annotations;
    (void) name, (void) wait_ms;
    cJSON *copy = NULL;
    if (recorded && !(copy = cJSON_Duplicate(recorded, true)))
        return error_set_no_memory(error);
    *annotations = copy;
    return true;
}

static bool examine(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence)
{
    (void) context;
    _cleanup_(buffer_done) struct buffer canonical = BUFFER_INIT(CANONICAL_BYTES);
    return json_append_canonical(object, error, &canonical) &&
           digest_sha256_hex(canonical.data, canonical.length, error, evidence->object_sha256);
}

static bool is_same_object(const struct audit_decision *decision, const struct admission_event *event)
{
    return strcmp(decision->object_sha256, event->evidence->object_sha256) == 0;
}

static bool is_same_answer(const struct audit_decision *decision, const struct admission_event *event)
{
    return strcmp(decision->decision, injection_decision_name(event->outcome->decision)) == 0 &&
           strcmp(decision->reason, event->outcome->reason) == 0 &&
           strlen(decision->patch) == event->patch_length &&
           memcmp(decision->patch, event->patch ? event->patch : "", event->patch_length) == 0;
}

/* Called with the decision where the server would make its record. */
static bool compare(void *context, const struct admission_event *event, struct error *error,
                    struct admission_record **record)
{
    struct replay *replay = context;
    struct replay_result *result = replay->result;
    const struct audit_decision *decision = replay->input->decision;
    *record = NULL;
    if (!is_same_object(decision, event)) {
        result->verdict = REPLAY_OTHER_OBJECT;
        return true;
    }
    result->decision = event->failure ? "error" : injection_decision_name(event->outcome->decision);
    snprintf(result->reason, sizeof result->reason, "%s",
             event->failure ? event->failure->message : event->outcome->reason);
    bool is_identical = !event->failure && is_same_answer(decision, event);
    result->verdict = is_identical ? REPLAY_IDENTICAL : REPLAY_DIFFERENT;
    if (event->patch_length)
        buffer_append(&result->patch, event->patch, event->patch_length);
    return buffer_check(&result->patch, error);
}

/* The AdmissionReview that the record is of, as far as a decision depends on it. */
static void append_review(struct buffer *review, const struct audit_decision *decision)
{
    const char *sub_resource = strchr(decision->resource, '/');
    buffer_append_string(review,
                         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
                         "\"request\":{\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}");
    json_append_member(review, "uid", decision->uid);
    json_append_member(review, "operation", decision->operation);
    json_append_member(review, "subResource", sub_resource ? sub_resource + 1 : "");
    json_append_member(review, "namespace", decision->namespace_name);
    json_append_member(review, "name", decision->pod);
    buffer_append_string(review, ",\"userInfo\":{\"groups\":");
    if (decision->groups)
        json_append(review, decision->groups);
    else
        buffer_append_string(review, "[]");
    json_append_member(review, "username", decision->user);
    buffer_append_format(review, "},\"dryRun\":%s,\"object\":", decision->is_dry_run ? "true" : "false");
    json_append(review, decision->object);
    buffer_append_string(review, "}}");
}

static bool ask(struct replay *replay, const char *review, size_t length, struct error *error)
{
    const struct replay_input *input = replay->input;
    const struct namespace_source namespaces = {.find = find_annotations, .context = replay};
    const struct admission_recorder recorder = {.examine = examine, .prepare = compare, .context = replay};
    const struct admission_context context = {
        .configuration = input->configuration,
        .namespaces = &namespaces,
        .recorder = &recorder,
    };
    bool is_validation = strcmp(input->decision->endpoint, "validate") == 0;
    struct admission_outcome outcome;
    _cleanup_(buffer_done) struct buffer response = BUFFER_INIT(RESPONSE_BYTES);
    if (admission_review(&context, is_validation ? ADMISSION_VALIDATE : ADMISSION_MUTATE, review, length,
                         error, &response, &outcome))
        return true;
    /* What was decided once cannot be decided now: that is a difference too. */
    if (error->code != ERROR_INVALID && error->code != ERROR_TOO_LARGE)
        return false;
    if (replay->result->verdict != REPLAY_OTHER_OBJECT) {
        replay->result->verdict = REPLAY_DIFFERENT;
        replay->result->decision = "error";
        snprintf(replay->result->reason, sizeof replay->result->reason, "%s", error->message);
    }
    return true;
}

bool replay_decision(const struct replay_input *input, struct error *error, struct replay_result *result)
{
    const struct audit_decision *decision = input->decision;
    buffer_clear(&result->patch);
    result->decision = NULL;
    *result->reason = '\0';
    struct replay replay = {.input = input, .result = result};
    if (strcmp(decision->decision, "error") == 0)
        result->verdict = REPLAY_WAS_ERROR;
    else if (!decision->object && !input->review)
        result->verdict = REPLAY_NO_OBJECT;
    else if (!input->configuration)
        result->verdict = REPLAY_NO_CONFIGURATION;
    else if (input->review)
        return ask(&replay, input->review, input->review_length, error);
    else {
        _cleanup_(buffer_done) struct buffer review = BUFFER_INIT(CANONICAL_BYTES);
        append_review(&review, decision);
        return buffer_check(&review, error) && ask(&replay, review.data, review.length, error);
    }
    return true;
}

void replay_result_done(struct replay_result *result)
{
    buffer_done(&result->patch);
}
