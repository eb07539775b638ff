#include "webhook/admission/review_request.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_arena.h"
#include "webhook/admission/admission.h"

#include <string.h>

static const struct json_path root = {0};
static const struct json_path request_path = {.parent = &root, .key = "request"};

static bool check_type(const cJSON *review, struct error *error)
{
    const char *version, *kind;
    if (!cJSON_IsObject(review))
        return error_set(error, ERROR_INVALID, "the body must be an AdmissionReview object");
    if (!json_require_string(review, &root, "apiVersion", error, &version) ||
        !json_require_string(review, &root, "kind", error, &kind))
        return false;
    if (strcmp(kind, "AdmissionReview") != 0)
        return json_set_invalid(error, JSON_MEMBER(&root, "kind"), "must be AdmissionReview, not %.60s",
                                kind);
    if (strcmp(version, "admission.k8s.io/v1") != 0)
        return json_set_invalid(error, JSON_MEMBER(&root, "apiVersion"),
                                "must be admission.k8s.io/v1, not %.60s", version);
    return true;
}

/* The webhook is registered for core v1 pods alone; anything else is a registration gone wrong. */
static bool check_subject(const cJSON *request, struct error *error)
{
    cJSON *kind;
    if (!json_require_object(request, &request_path, "kind", error, &kind))
        return false;
    const struct json_path *path = JSON_MEMBER(&request_path, "kind");
    const char *group, *version, *name;
    if (!json_read_string(kind, path, "group", error, &group) ||
        !json_require_string(kind, path, "version", error, &version) ||
        !json_require_string(kind, path, "kind", error, &name))
        return false;
    if ((group && *group) || strcmp(version, "v1") != 0 || strcmp(name, "Pod") != 0)
        return json_set_invalid(error, path, "must be the Pod of the core group, v1, not %.60s/%.60s %.60s",
                                group ? group : "", version, name);
    return true;
}

static const char *or_empty(const char *string)
{
    return string ? string : "";
}

static bool read_strings(const cJSON *tree, struct error *error, struct review_request *request)
{
    cJSON *user, *groups;
    const char *sub_resource, *namespace_name, *name, *user_name;
    const struct json_path *user_path = JSON_MEMBER(&request_path, "userInfo");
    if (!json_require_string(tree, &request_path, "uid", error, &request->uid) ||
        !json_require_string(tree, &request_path, "operation", error, &request->operation) ||
        !json_read_string(tree, &request_path, "subResource", error, &sub_resource) ||
        !json_read_string(tree, &request_path, "namespace", error, &namespace_name) ||
        !json_read_string(tree, &request_path, "name", error, &name) ||
        !json_read_boolean(tree, &request_path, "dryRun", false, error, &request->is_dry_run) ||
        !json_read_object(tree, &request_path, "userInfo", error, &user) ||
        !json_read_string(user, user_path, "username", error, &user_name) ||
        !json_read_array(user, user_path, "groups", error, &groups))
        return false;
    request->sub_resource = or_empty(sub_resource);
    request->namespace_name = or_empty(namespace_name);
    request->name = or_empty(name);
    request->user_name = or_empty(user_name);
    request->user_groups = groups;
    return true;
}

static bool read_objects(const cJSON *tree, struct error *error, struct review_request *request)
{
    if (!json_read_object(tree, &request_path, "object", error, &request->object) ||
        !json_read_object(tree, &request_path, "oldObject", error, &request->old_object))
        return false;
    if (!request->object && strcmp(request->operation, "CREATE") == 0)
        return json_set_invalid(error, JSON_MEMBER(&request_path, "object"), "must be set for CREATE");
    if (*request->name)
        return true;
    const cJSON *metadata = json_member(request->object, "metadata");
    const cJSON *name = json_member(metadata, "name");
    if (!name) {
        name = json_member(metadata, "generateName");
        request->is_name_generated = cJSON_IsString(name);
    }
    request->name = cJSON_IsString(name) ? name->valuestring : "";
    return true;
}

bool review_request_parse(const char *body, size_t length, struct error *error,
                          struct review_request *request)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    struct review_request parsed = {0};
    _cleanup_(cJSON_Deletep) cJSON *review = NULL;
    cJSON *tree;
    if (!json_parse(body, length, &limits, error, &review) || !check_type(review, error) ||
        !json_require_object(review, &root, "request", error, &tree) || !read_strings(tree, error, &parsed) ||
        !check_subject(tree, error) || !read_objects(tree, error, &parsed))
        return false;
    parsed.review = take_pointer(&review);
    *request = parsed;
    return true;
}

void review_request_done(struct review_request *request)
{
    json_arena_delete(request->review);
    *request = (struct review_request){0};
}
