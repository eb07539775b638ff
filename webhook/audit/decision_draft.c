#include "webhook/audit/decision_draft.h"

#include "common/json.h"

#include <string.h>

/* The annotations of a namespace that decisions look at (contract/supervised-pod.md H.6). */
static const char *const used_annotations[] = {"openshift.io/sa.scc.uid-range",
                                               "openshift.io/sa.scc.supplemental-groups"};

/* What is left out of a record that would be too long. */
enum omission { OMIT_NOTHING, OMIT_OBJECT, OMIT_PATCH };

static void add_if_any(struct record_draft *draft, const char *key, const char *value)
{
    if (*value)
        record_draft_add_string(draft, key, value);
}

static void add_tree(struct record_draft *draft, const char *key, const cJSON *tree)
{
    json_append_name(&draft->text, key);
    json_append(&draft->text, tree);
}

static void add_resource(struct record_draft *draft, const char *sub_resource)
{
    struct buffer resource = BUFFER_INIT(AUDIT_RECORD_BYTES);
    buffer_append_string(&resource, *sub_resource ? "pods/" : "pods");
    buffer_append_string(&resource, sub_resource);
    if (resource.failure != ERROR_NONE)
        draft->text.failure = resource.failure;
    record_draft_add_string(draft, "resource", buffer_string(&resource));
    buffer_done(&resource);
}

static void add_request(struct record_draft *draft, const struct admission_event *event)
{
    const struct review_request *request = event->request;
    record_draft_add_string(draft, "endpoint", admission_endpoint_name(event->endpoint));
    record_draft_add_string(draft, "uid", request->uid);
    record_draft_add_string(draft, "operation", request->operation);
    add_resource(draft, request->sub_resource);
    record_draft_add_string(draft, "user", request->user_name);
    if (request->user_groups)
        add_tree(draft, "groups", request->user_groups);
    record_draft_add_string(draft, "namespace", request->namespace_name);
    add_if_any(draft, request->is_name_generated ? "generateName" : "pod", request->name);
    add_if_any(draft, "sandboxId", event->outcome->sandbox_id);
    add_if_any(draft, "sandboxName", event->outcome->sandbox_name);
    buffer_append_string(&draft->text, request->is_dry_run ? ",\"dryRun\":true" : ",\"dryRun\":false");
}

static void add_causes(struct record_draft *draft, const struct denial_list *denials)
{
    const char *separator = ",\"causes\":[";
    for (size_t i = 0; i < denials->count; i++) {
        const struct denial *denial = &denials->items[i];
        buffer_append_format(&draft->text, "%s{\"reason\":\"%s\"", separator, denial->reason);
        record_draft_add_string(draft, "field", denial->field);
        record_draft_add_string(draft, "message", denial->message);
        buffer_append_character(&draft->text, '}');
        separator = ",";
    }
    buffer_append_character(&draft->text, ']');
}

static void add_outcome(struct record_draft *draft, const struct admission_event *event)
{
    const struct denial_list *denials = event->denials;
    if (event->failure) {
        record_draft_add_string(draft, "decision", "error");
        record_draft_add_string(draft, "reason", error_code_name(event->failure->code));
        record_draft_add_string(draft, "message", event->failure->message);
        return;
    }
    record_draft_add_string(draft, "decision", injection_decision_name(event->outcome->decision));
    record_draft_add_string(draft, "reason", event->outcome->reason);
    if (denials->count == 0)
        return;
    record_draft_add_string(draft, "message", denials->items[0].message);
    add_causes(draft, denials);
}

/* Those of the annotations that a decision looks at, when it was given any. */
static void add_annotations(struct record_draft *draft, const cJSON *annotations)
{
    const char *separator = "";
    if (!annotations)
        return;
    buffer_append_string(&draft->text, ",\"namespaceAnnotations\":{");
    for (size_t i = 0; i < sizeof used_annotations / sizeof *used_annotations; i++) {
        const cJSON *annotation = json_member(annotations, used_annotations[i]);
        if (!annotation)
            continue;
        buffer_append_format(&draft->text, "%s\"%s\":", separator, used_annotations[i]);
        json_append(&draft->text, annotation);
        separator = ",";
    }
    buffer_append_character(&draft->text, '}');
}

static void add_patch(struct record_draft *draft, const struct admission_event *event, enum omission omission)
{
    if (!event->patch)
        return;
    record_draft_add_string(draft, "patchSha256", event->outcome->patch_sha256);
    if (omission == OMIT_PATCH)
        return;
    record_draft_set_patch(draft, event->patch, event->patch_length);
}

static void add_object(struct record_draft *draft, const struct admission_evidence *evidence,
                       enum omission omission)
{
    add_if_any(draft, "objectSha256", evidence->object_sha256);
    if (omission != OMIT_NOTHING || evidence->object.length == 0)
        return;
    buffer_append_string(&draft->text, ",\"object\":");
    buffer_append(&draft->text, evidence->object.data, evidence->object.length);
}

/* Names what was to be there and was left out. */
static void add_omitted(struct record_draft *draft, const struct admission_event *event,
                        enum omission omission)
{
    bool has_object = event->evidence->object.length > 0;
    if (omission == OMIT_OBJECT)
        buffer_append_string(&draft->text, ",\"omitted\":[\"object\"]");
    else if (omission == OMIT_PATCH)
        buffer_append_format(&draft->text, ",\"omitted\":[%s\"patch\"]", has_object ? "\"object\"," : "");
}

static bool make(const struct admission_event *event, const struct audit_identity *identity,
                 enum omission omission, struct error *error, struct record_draft *draft)
{
    record_draft_begin(draft, identity, "decision");
    add_request(draft, event);
    add_outcome(draft, event);
    record_draft_add_string(draft, "configuration", event->configuration->digest);
    add_annotations(draft, event->namespace_annotations);
    add_patch(draft, event, omission);
    add_object(draft, event->evidence, omission);
    add_omitted(draft, event, omission);
    return record_draft_seal(draft, error);
}

bool decision_draft_make(const struct admission_event *event, const struct audit_identity *identity,
                         struct error *error, struct record_draft *draft)
{
    struct error why = {.code = ERROR_NONE};
    for (enum omission omission = OMIT_NOTHING; omission <= OMIT_PATCH; omission++) {
        bool has_less = omission != OMIT_OBJECT || event->evidence->object.length > 0;
        if (!has_less)
            continue;
        if (make(event, identity, omission, &why, draft))
            return true;
        if (why.code != ERROR_TOO_LARGE || omission == OMIT_PATCH)
            break;
        record_draft_done(draft);
    }
    *error = why;
    return false;
}
