#include "webhook/audit/decision_record.h"

#include "common/json.h"

#include <stddef.h>
#include <string.h>

/* A text field, and where it goes. */
struct text_field {
    const char *name;
    size_t offset;
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool read_texts(const cJSON *tree, const struct text_field *fields, size_t count, struct error *error,
                       void *target)
{
    for (size_t i = 0; i < count; i++) {
        const char *text;
        if (!json_read_string(tree, JSON_ROOT, fields[i].name, error, &text))
            return false;
        *(const char **) (void *) ((char *) target + fields[i].offset) = text ? text : "";
    }
    return true;
}

bool audit_record_read(const cJSON *tree, struct error *error, struct audit_record *record)
{
    static const struct text_field fields[] = {
        {"type", offsetof(struct audit_record, type)},
        {"time", offsetof(struct audit_record, time)},
        {"replica", offsetof(struct audit_record, replica)},
        {"product", offsetof(struct audit_record, product)},
    };
    struct audit_record read = {0};
    int64_t version;
    if (!json_read_integer(tree, JSON_ROOT, "version", 1, INT64_MAX, 0, error, &version))
        return false;
    if (version != AUDIT_RECORD_VERSION)
        return error_set(error, ERROR_INVALID, "version: must be %d", AUDIT_RECORD_VERSION);
    if (!json_read_integer(tree, JSON_ROOT, "sequence", 1, INT64_MAX, 0, error, &read.sequence) ||
        !read_texts(tree, fields, COUNT(fields), error, &read))
        return false;
    *record = read;
    return true;
}

bool audit_record_is_decision(const struct audit_record *record)
{
    return strcmp(record->type, "decision") == 0;
}

static bool read_trees(const cJSON *tree, struct error *error, struct audit_decision *decision)
{
    cJSON *groups, *causes, *annotations, *object;
    if (!json_read_array(tree, JSON_ROOT, "groups", error, &groups) ||
        !json_read_array(tree, JSON_ROOT, "causes", error, &causes) ||
        !json_read_object(tree, JSON_ROOT, "namespaceAnnotations", error, &annotations) ||
        !json_read_object(tree, JSON_ROOT, "object", error, &object) ||
        !json_read_boolean(tree, JSON_ROOT, "dryRun", false, error, &decision->is_dry_run))
        return false;
    decision->groups = groups;
    decision->causes = causes;
    decision->namespace_annotations = annotations;
    decision->object = object;
    return true;
}

bool audit_decision_read(const cJSON *tree, struct error *error, struct audit_decision *decision)
{
#define FIELD(name, member)                                                                                  \
    {                                                                                                        \
        name, offsetof(struct audit_decision, member)                                                        \
    }
    static const struct text_field fields[] = {
        FIELD("endpoint", endpoint),
        FIELD("uid", uid),
        FIELD("operation", operation),
        FIELD("resource", resource),
        FIELD("user", user),
        FIELD("namespace", namespace_name),
        FIELD("pod", pod),
        FIELD("generateName", generate_name),
        FIELD("sandboxId", sandbox_id),
        FIELD("sandboxName", sandbox_name),
        FIELD("decision", decision),
        FIELD("reason", reason),
        FIELD("message", message),
        FIELD("configuration", configuration),
        FIELD("objectSha256", object_sha256),
        FIELD("patch", patch),
        FIELD("patchSha256", patch_sha256),
    };
#undef FIELD
    struct audit_decision read = {0};
    if (!read_texts(tree, fields, COUNT(fields), error, &read) || !read_trees(tree, error, &read))
        return false;
    *decision = read;
    return true;
}

const char *audit_decision_pod_name(const struct audit_decision *decision)
{
    return *decision->pod ? decision->pod : decision->generate_name;
}
