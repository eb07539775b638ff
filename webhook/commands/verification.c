#include "webhook/commands/verification.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "webhook/admission/final_state.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/operation_words.h"
#include "webhook/commands/verification_marks.h"
#include "webhook/injection/marks.h"
#include "webhook/injection/sandbox.h"

#include <stdlib.h>
#include <string.h>

/* Longer than the field of any operation. */
#define FIELD_BYTES 8192

const char *verification_state_name(enum verification_state state)
{
    switch (state) {
    case VERIFICATION_SUPERVISED:
        return "supervised";
    case VERIFICATION_OUTDATED:
        return "outdated";
    case VERIFICATION_DRIFTED:
        return "drifted";
    case VERIFICATION_UNSUPERVISED:
        return "unsupervised";
    }
    return "unknown";
}

bool verification_concerns(const cJSON *pod)
{
    const cJSON *annotations = json_member(json_member(pod, "metadata"), "annotations");
    return sandbox_is_selected(pod) || json_member(annotations, ANNOTATION_INJECTION);
}

static void finding_done(struct verification_finding *finding)
{
    free(finding->field);
    free(finding->expected);
    free(finding->found);
    free(finding->reason);
}

void verification_done(struct verification *verification)
{
    for (size_t i = 0; i < verification->count; i++)
        finding_done(&verification->findings[i]);
    free(verification->findings);
    *verification = (struct verification){0};
}

/* NULL stays NULL. */
static bool copy_text(const char *text, char **copy)
{
    *copy = text ? strdup(text) : NULL;
    return !text || *copy;
}

bool verification_add(struct verification *verification, const char *field, const char *expected,
                      const char *found, const char *reason, struct error *error)
{
    if (verification->count == VERIFICATION_FINDINGS) {
        verification->dropped++;
        return true;
    }
    struct verification_finding finding = {0};
    struct verification_finding *findings =
        realloc(verification->findings, (verification->count + 1) * sizeof *findings);
    if (findings)
        verification->findings = findings;
    if (!findings || !copy_text(field, &finding.field) || !copy_text(expected, &finding.expected) ||
        !copy_text(found, &finding.found) || !copy_text(reason, &finding.reason)) {
        finding_done(&finding);
        return error_set_no_memory(error);
    }
    findings[verification->count++] = finding;
    return true;
}

/* What moves is the same in both places; where it is to go is what was expected. */
static bool add_move(struct verification *verification, const struct injection_operation *operation,
                     const struct operation_words *words, struct error *error)
{
    _cleanup_(buffer_done) struct buffer from = BUFFER_INIT(FIELD_BYTES);
    _cleanup_(buffer_done) struct buffer expected = BUFFER_INIT(FIELD_BYTES);
    final_state_append_field(operation->from, &from);
    buffer_append_string(&expected, "the same at ");
    final_state_append_field(operation->path, &expected);
    return buffer_check(&from, error) && buffer_check(&expected, error) &&
           verification_add(verification, buffer_string(&from), buffer_string(&expected), words->before,
                            operation->reason, error);
}

static bool add_operation(struct verification *verification, cJSON *before,
                          const struct injection_operation *operation, struct error *error)
{
    _cleanup_(operation_words_done) struct operation_words words = {0};
    _cleanup_(buffer_done) struct buffer field = BUFFER_INIT(FIELD_BYTES);
    if (!operation_words_read(before, operation, error, &words))
        return false;
    if (operation->from)
        return add_move(verification, operation, &words, error);
    final_state_append_field(operation->path, &field);
    return buffer_check(&field, error) && verification_add(verification, buffer_string(&field), words.after,
                                                           words.before, operation->reason, error);
}

static bool add_denials(struct verification *verification, const struct denial_list *denials,
                        struct error *error)
{
    for (size_t i = 0; i < denials->count; i++) {
        const struct denial *denial = &denials->items[i];
        if (!verification_add(verification, denial->field, NULL, NULL, denial->message, error))
            return false;
    }
    verification->dropped += denials->dropped;
    return true;
}

static bool add_result(struct verification *verification, cJSON *before,
                       const struct injection_result *result, struct error *error)
{
    for (size_t i = 0; i < result->operation_count; i++) {
        if (!add_operation(verification, before, &result->operations[i], error))
            return false;
    }
    return add_denials(verification, &result->denials, error);
}

/* A pod that was supervised and has lost its label since: neither the webhook nor the driver sees it. */
static bool restore_label(cJSON *pod, struct error *error, struct verification *verification)
{
    cJSON *metadata = json_member(pod, "metadata");
    cJSON *labels = json_member(metadata, "labels");
    _cleanup_(freep) char *found = NULL;
    if (!copy_text(cJSON_GetStringValue(json_member(labels, LABEL_MANAGED_BY)), &found))
        return error_set_no_memory(error);
    if (!cJSON_IsObject(labels)) {
        cJSON_DeleteItemFromObjectCaseSensitive(metadata, "labels");
        labels = cJSON_AddObjectToObject(metadata, "labels");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(labels, LABEL_MANAGED_BY);
    if (!labels || !cJSON_AddStringToObject(labels, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE))
        return error_set_no_memory(error);
    return verification_add(verification, "metadata.labels[" LABEL_MANAGED_BY "]", LABEL_MANAGED_BY_VALUE,
                            found, "the pod is a sandbox that the webhook and the driver no longer see",
                            error);
}

/* No configuration and no version brings these about. */
static bool has_impossible_denial(const struct denial_list *denials)
{
    static const char *const reasons[] = {"EphemeralContainers", "SandboxLabelMissing",
                                          "SandboxLabelInvalid"};
    for (size_t i = 0; i < denials->count; i++) {
        for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++) {
            if (strcmp(denials->items[i].reason, reasons[k]) == 0)
                return true;
        }
    }
    return false;
}

/* Compares a pod that starts its supervisor with what the injection makes of it. */
static bool compare(const struct verification_request *request, struct error *error,
                    struct verification *verification)
{
    bool may_be_outdated = false;
    bool is_prepared = sandbox_is_selected(request->pod)
                           ? verification_marks_claim_other_origin(request->pod, request->configuration,
                                                                   error, &may_be_outdated)
                           : restore_label(request->pod, error, verification);
    if (!is_prepared)
        return false;
    _cleanup_(cJSON_Deletep) cJSON *before = cJSON_Duplicate(request->pod, true);
    if (!before)
        return error_set_no_memory(error);
    const struct injection_request injection = {
        .pod = request->pod,
        .namespace_annotations = request->namespace_annotations,
        .configuration = request->configuration,
        .is_stored = true,
    };
    struct injection_result result;
    if (!masking_apply(before, error) || !injection_run(&injection, error, &result))
        return false;
    bool is_compared = add_result(verification, before, &result, error);
    if (verification->count)
        verification->state = may_be_outdated && !has_impossible_denial(&result.denials)
                                  ? VERIFICATION_OUTDATED
                                  : VERIFICATION_DRIFTED;
    injection_result_done(&result);
    return is_compared;
}

bool verification_run(const struct verification_request *request, struct error *error,
                      struct verification *verification)
{
    struct verification made = {.state = VERIFICATION_SUPERVISED};
    bool is_made = verification_marks_check(request->pod, error, &made);
    if (is_made && made.count)
        made.state = VERIFICATION_UNSUPERVISED;
    else if (is_made)
        is_made = compare(request, error, &made);
    if (!is_made) {
        verification_done(&made);
        return false;
    }
    *verification = made;
    return true;
}
