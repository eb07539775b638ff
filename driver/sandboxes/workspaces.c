#include "driver/sandboxes/workspaces.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/managed_namespace.h"
#include "driver/sandboxes/tree.h"
#include "kubernetes/objects.h"

#include <stdio.h>
#include <string.h>

#define OPERATOR_FILE_BYTES_MAXIMUM (1024u * 1024)

static struct kubernetes_target namespace_target(const char *name)
{
    return (struct kubernetes_target){.resource = &kubernetes_namespaces, .name = name};
}

static bool has_label(const cJSON *object, const char *key, const char *value)
{
    const cJSON *label = json_member(json_member(json_member(object, "metadata"), "labels"), key);
    return cJSON_IsString(label) && strcmp(label->valuestring, value) == 0;
}

/* A namespace that somebody else made is never taken over. */
static bool check_ownership(const struct sandboxes *sandboxes, const cJSON *object, const char *workspace,
                            struct error *error)
{
    if (has_label(object, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE) &&
        has_label(object, LABEL_GATEWAY_ID, sandboxes->configuration->gateway_id) &&
        has_label(object, LABEL_SANDBOX_WORKSPACE, workspace))
        return true;
    return error_set(error, ERROR_FAILED_PRECONDITION,
                     "namespace %s does not belong to workspace %s of gateway %s",
                     kubernetes_object_name(object), workspace, sandboxes->configuration->gateway_id);
}

static bool is_terminating(const cJSON *object)
{
    return json_member(json_member(object, "metadata"), "deletionTimestamp") != NULL;
}

static bool create_namespace(struct sandboxes *sandboxes, const char *name, const char *workspace,
                             struct error *error, cJSON **created)
{
    _cleanup_(tree_done) struct tree tree;
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    const struct kubernetes_target target = namespace_target(name);
    tree_init(&tree);
    tree_add_string(&tree, tree.root, "apiVersion", "v1");
    tree_add_string(&tree, tree.root, "kind", "Namespace");
    cJSON *metadata = tree_add_object(&tree, tree.root, "metadata");
    tree_add_string(&tree, metadata, "name", name);
    cJSON *labels = tree_add_object(&tree, metadata, "labels");
    tree_add_string(&tree, labels, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE);
    tree_add_string(&tree, labels, LABEL_GATEWAY_ID, sandboxes->configuration->gateway_id);
    tree_add_string(&tree, labels, LABEL_SANDBOX_WORKSPACE, workspace);
    if (!tree_take(&tree, error, &object))
        return false;
    if (kubernetes_create(sandboxes->client, &target, object, NULL, error, created))
        return true;
    /* Another call was faster. */
    return error->code == ERROR_ALREADY_EXISTS &&
           kubernetes_get(sandboxes->client, &target, NULL, error, created);
}

static bool ensure_managed(struct sandboxes *sandboxes, const char *workspace, struct error *error)
{
    char name[LABEL_BYTES];
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    name_namespace(sandboxes->configuration, workspace, name);
    const struct kubernetes_target target = namespace_target(name);
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &object) &&
        (error->code != ERROR_NOT_FOUND || !create_namespace(sandboxes, name, workspace, error, &object)))
        return false;
    if (!check_ownership(sandboxes, object, workspace, error))
        return false;
    if (is_terminating(object))
        return error_set(error, ERROR_FAILED_PRECONDITION, "namespace %s is being deleted", name);
    return managed_namespace_fill(sandboxes, name, error);
}

/* The file lists namespaces between blanks or commas; `#` begins a comment. */
static bool is_listed(const char *text, const char *name)
{
    size_t name_length = strlen(name);
    while (*text) {
        text += strspn(text, " \t\r\n,");
        if (*text == '#') {
            text += strcspn(text, "\n");
            continue;
        }
        size_t length = strcspn(text, " \t\r\n,#");
        if (length == name_length && memcmp(text, name, length) == 0)
            return true;
        text += length;
    }
    return false;
}

static bool check_operator_file(const struct sandboxes *sandboxes, const char *workspace, struct error *error)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    if (!file_read(sandboxes->configuration->operator_namespace_file, OPERATOR_FILE_BYTES_MAXIMUM, error,
                   &text, &length))
        return false;
    return is_listed(text, workspace) ||
           error_set(error, ERROR_FAILED_PRECONDITION, "namespace %s is not listed in %s", workspace,
                     sandboxes->configuration->operator_namespace_file);
}

/* The API server itself evaluates the selector. */
static bool check_operator_label(struct sandboxes *sandboxes, const char *workspace, struct error *error)
{
    char field_selector[LABEL_BYTES + 32];
    snprintf(field_selector, sizeof field_selector, "metadata.name=%s", workspace);
    const struct kubernetes_target target = {.resource = &kubernetes_namespaces};
    const struct kubernetes_list_options options = {.label_selector =
                                                        sandboxes->configuration->operator_namespace_label,
                                                    .field_selector = field_selector};
    _cleanup_(cJSON_Deletep) cJSON *found = NULL;
    if (!kubernetes_list(sandboxes->client, &target, &options, NULL, error, &found))
        return false;
    return cJSON_GetArraySize(found) > 0 ||
           error_set(error, ERROR_FAILED_PRECONDITION, "there is no namespace %s with the labels %s",
                     workspace, sandboxes->configuration->operator_namespace_label);
}

static bool check_name(const char *workspace, struct error *error)
{
    return name_is_sandbox(workspace) ||
           error_set(error, ERROR_INVALID,
                     "workspace: must be 1 to 19 of a-z, 0-9 and -, without - at an end and without --");
}

bool workspace_ensure(struct sandboxes *sandboxes, const char *workspace, struct error *error)
{
    if (!check_name(workspace, error))
        return false;
    switch (sandboxes->configuration->workspace_mode) {
    case WORKSPACE_SHARED:
        return true;
    case WORKSPACE_MANAGED:
        return ensure_managed(sandboxes, workspace, error);
    case WORKSPACE_OPERATOR:
        return *sandboxes->configuration->operator_namespace_file
                   ? check_operator_file(sandboxes, workspace, error)
                   : check_operator_label(sandboxes, workspace, error);
    }
    return error_set(error, ERROR_INTERNAL, "unknown workspace mode");
}

bool workspace_delete(struct sandboxes *sandboxes, const char *workspace, struct error *error)
{
    char name[LABEL_BYTES];
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    if (!check_name(workspace, error))
        return false;
    if (sandboxes->configuration->workspace_mode != WORKSPACE_MANAGED)
        return true;
    name_namespace(sandboxes->configuration, workspace, name);
    const struct kubernetes_target target = namespace_target(name);
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &object))
        return error->code == ERROR_NOT_FOUND;
    if (!check_ownership(sandboxes, object, workspace, error))
        return false;
    if (is_terminating(object))
        return true;
    const struct kubernetes_delete_options options = {.uid = kubernetes_object_uid(object),
                                                      .grace_period_s = KUBERNETES_GRACE_DEFAULT};
    return kubernetes_delete(sandboxes->client, &target, &options, NULL, error) ||
           error->code == ERROR_NOT_FOUND;
}
