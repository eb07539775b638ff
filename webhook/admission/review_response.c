#include "webhook/admission/review_response.h"

#include "common/base64.h"
#include "common/json.h"
#include "webhook/admission/recorder.h"

#include <string.h>

/* Longest text of all causes together in status.message; each stands whole in details.causes. */
#define MESSAGE_BYTES 8192u
/* Room for "; and N more". */
#define MESSAGE_TAIL_BYTES 48u

#define MARK_KEY "audit-record"
#define RESPONSE_END "}}}"
/* Room for `,"audit-record":"..."` and the braces. */
#define END_BYTES (sizeof MARK_KEY + ADMISSION_MARK_BYTES + sizeof RESPONSE_END + 8)

static void append_cause(struct buffer *buffer, const struct denial *denial)
{
    buffer_append_string(buffer, "{\"reason\":");
    json_append_string(buffer, denial->reason);
    json_append_member(buffer, "field", denial->field);
    json_append_member(buffer, "message", denial->message);
    buffer_append_character(buffer, '}');
}

/* All causes in one line: "field: message; field: message". What does not fit is counted. */
static bool append_message(struct buffer *buffer, const struct denial_list *denials, struct error *error)
{
    struct buffer text = BUFFER_INIT(MESSAGE_BYTES);
    size_t shown = 0;
    while (shown < denials->count) {
        const struct denial *denial = &denials->items[shown];
        size_t length = strlen(denial->field) + strlen(denial->message) + sizeof "; : ";
        if (text.length + length > MESSAGE_BYTES - MESSAGE_TAIL_BYTES)
            break;
        buffer_append_format(&text, "%s%s: %s", shown ? "; " : "", denial->field, denial->message);
        shown++;
    }
    size_t hidden = denials->count - shown + denials->dropped;
    if (hidden)
        buffer_append_format(&text, "; and %zu more", hidden);
    bool is_complete = buffer_check(&text, error);
    if (is_complete)
        json_append_string(buffer, buffer_string(&text));
    buffer_done(&text);
    return is_complete;
}

static bool append_status(struct buffer *buffer, const struct denial_list *denials, struct error *error)
{
    buffer_append_string(buffer, ",\"status\":{\"code\":403,\"reason\":\"Forbidden\",\"message\":");
    if (!append_message(buffer, denials, error))
        return false;
    buffer_append_string(buffer, ",\"details\":{\"causes\":[");
    for (size_t i = 0; i < denials->count; i++) {
        if (i)
            buffer_append_character(buffer, ',');
        append_cause(buffer, &denials->items[i]);
    }
    buffer_append_string(buffer, "]}}");
    return true;
}

static void append_patch(struct buffer *buffer, const struct review_response *answer,
                         struct review_response_patch *patch)
{
    buffer_append_string(buffer, ",\"patchType\":\"JSONPatch\",\"patch\":\"");
    patch->offset = buffer->length;
    base64_append(buffer, answer->patch, answer->patch_length);
    patch->length = buffer->length - patch->offset;
    buffer_append_character(buffer, '"');
}

/* The API server puts the webhook's name in front of each key. Left open for the mark. */
static void append_audit_annotations(struct buffer *buffer, const struct review_response *answer)
{
    buffer_append_string(buffer, ",\"auditAnnotations\":{\"decision\":");
    json_append_string(buffer, injection_decision_name(answer->outcome->decision));
    json_append_member(buffer, "reason", answer->outcome->reason);
    json_append_member(buffer, "configuration", answer->configuration_digest);
    if (*answer->outcome->patch_sha256)
        json_append_member(buffer, "patch-sha256", answer->outcome->patch_sha256);
}

bool review_response_begin(const struct review_response *answer, struct buffer *response, struct error *error,
                           struct review_response_patch *patch)
{
    bool is_denied = answer->denials->count > 0;
    *patch = (struct review_response_patch){0};
    buffer_append_string(
        response,
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":");
    json_append_string(response, answer->uid);
    buffer_append_string(response, is_denied ? ",\"allowed\":false" : ",\"allowed\":true");
    if (is_denied && !append_status(response, answer->denials, error))
        return false;
    if (answer->patch)
        append_patch(response, answer, patch);
    if (answer->warning) {
        buffer_append_string(response, ",\"warnings\":[");
        json_append_string(response, answer->warning);
        buffer_append_character(response, ']');
    }
    append_audit_annotations(response, answer);
    buffer_reserve(response, END_BYTES);
    return buffer_check(response, error);
}

void review_response_end(const char *mark, struct buffer *response)
{
    if (*mark)
        json_append_member(response, MARK_KEY, mark);
    buffer_append_string(response, RESPONSE_END);
}
