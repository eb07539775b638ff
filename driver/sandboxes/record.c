#include "driver/sandboxes/record.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/token.h"
#include "driver/sandboxes/tree.h"
#include "kubernetes/resource.h"
#include "kubernetes/secret.h"

#include <string.h>

#define PHASE_CREATING "Creating"
#define PHASE_CREATED "Created"

static const char *const desired_names[] = {
    [DESIRED_RUNNING] = "Running",
    [DESIRED_STOPPED] = "Stopped",
    [DESIRED_DELETED] = "Deleted",
};

bool record_build(const struct driver_configuration *configuration, const cJSON *document, const char *token,
                  const char *starting_by, struct error *error, cJSON **record)
{
    char name[SUBDOMAIN_BYTES], namespace_name[LABEL_BYTES];
    name_record(document_id(document), name);
    name_namespace(configuration, document_workspace(document), namespace_name);
    _cleanup_(freep) char *text = NULL;
    if (!json_print(document, false, error, &text))
        return false;
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    tree_add_string(&tree, tree.root, "apiVersion", "v1");
    tree_add_string(&tree, tree.root, "kind", "Secret");
    tree_add_string(&tree, tree.root, "type", "Opaque");
    cJSON *metadata = tree_add_object(&tree, tree.root, "metadata");
    tree_add_string(&tree, metadata, "name", name);
    tree_add_string(&tree, metadata, "namespace", namespace_name);
    bare_pod_add_labels(&tree, metadata, configuration, document);
    cJSON *annotations = tree_add_object(&tree, metadata, "annotations");
    tree_add_string(&tree, annotations, ANNOTATION_DESIRED_STATE, desired_names[DESIRED_RUNNING]);
    tree_add_string(&tree, annotations, ANNOTATION_PHASE, PHASE_CREATING);
    tree_add_string(&tree, annotations, ANNOTATION_STARTING, starting_by);
    cJSON *data = tree_add_object(&tree, tree.root, "stringData");
    tree_add_string(&tree, data, SANDBOX_SECRET_TOKEN_KEY, token);
    tree_add_string(&tree, data, RECORD_DOCUMENT_KEY, text);
    return tree_take(&tree, error, record);
}

static cJSON *add_annotations(struct tree *tree)
{
    tree_init(tree);
    return tree_add_object(tree, tree_add_object(tree, tree->root, "metadata"), "annotations");
}

bool record_patch_created(struct error *error, cJSON **patch)
{
    _cleanup_(tree_done) struct tree tree;
    cJSON *annotations = add_annotations(&tree);
    tree_add_string(&tree, annotations, ANNOTATION_PHASE, PHASE_CREATED);
    tree_add_null(&tree, annotations, ANNOTATION_STARTING);
    return tree_take(&tree, error, patch);
}

bool record_patch_desired(enum desired_state desired, const char *starting_by, struct error *error,
                          cJSON **patch)
{
    _cleanup_(tree_done) struct tree tree;
    cJSON *annotations = add_annotations(&tree);
    tree_add_string(&tree, annotations, ANNOTATION_DESIRED_STATE, desired_names[desired]);
    /* A merge patch removes what it sets to null. */
    if (*starting_by)
        tree_add_string(&tree, annotations, ANNOTATION_STARTING, starting_by);
    else
        tree_add_null(&tree, annotations, ANNOTATION_STARTING);
    return tree_take(&tree, error, patch);
}

bool record_patch_token(const char *token, const char *resource_version, struct error *error, cJSON **patch)
{
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    tree_add_string(&tree, tree_add_object(&tree, tree.root, "metadata"), "resourceVersion",
                    resource_version);
    tree_add_string(&tree, tree_add_object(&tree, tree.root, "stringData"), SANDBOX_SECRET_TOKEN_KEY, token);
    return tree_take(&tree, error, patch);
}

static const char *annotation_of(const cJSON *object, const char *key)
{
    return json_text(json_member(json_member(object, "metadata"), "annotations"), key);
}

static void read_token_times(const cJSON *object, struct record_state *record)
{
    struct error ignored;
    struct token_times times;
    _cleanup_(secret_freep) char *token = NULL;
    if (!record_read_token(object, &ignored, &token) || !token_read_times(token, &ignored, &times))
        return;
    record->token_issued_s = times.issued_s;
    record->token_expires_s = times.expires_s;
}

void record_read(const cJSON *object, struct record_state *record)
{
    const char *uid = kubernetes_object_uid(object);
    const char *desired = annotation_of(object, ANNOTATION_DESIRED_STATE);
    *record = (struct record_state){.exists = true, .version = state_read_version(object)};
    state_copy_text(record->uid, sizeof record->uid, uid ? uid : "");
    for (size_t index = 0; index < sizeof desired_names / sizeof *desired_names; index++) {
        if (strcmp(desired, desired_names[index]) == 0)
            record->desired = (enum desired_state) index;
    }
    record->is_creating = strcmp(annotation_of(object, ANNOTATION_PHASE), PHASE_CREATING) == 0;
    state_copy_text(record->starting_by, sizeof record->starting_by,
                    annotation_of(object, ANNOTATION_STARTING));
    read_token_times(object, record);
}

static bool read_data(const cJSON *object, const char *key, size_t maximum, struct error *error, char **text,
                      size_t *length)
{
    const cJSON *value = json_member(json_member(object, "data"), key);
    if (!cJSON_IsString(value))
        return error_set(error, ERROR_INVALID, "the record has no %s", key);
    struct buffer decoded = BUFFER_INIT(maximum);
    bool is_read = base64_decode(value->valuestring, strlen(value->valuestring), error, &decoded);
    size_t decoded_length = decoded.length;
    is_read = is_read && buffer_take(&decoded, error, text);
    if (is_read)
        *length = decoded_length;
    else
        error_prefix(error, "%s", key);
    buffer_done(&decoded);
    return is_read;
}

bool record_read_document(const cJSON *object, struct error *error, cJSON **document)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    if (!read_data(object, RECORD_DOCUMENT_KEY, DOCUMENT_BYTES_MAXIMUM, error, &text, &length))
        return false;
    return document_parse(text, length, error, document) || error_prefix(error, RECORD_DOCUMENT_KEY);
}

bool record_read_token(const cJSON *object, struct error *error, char **token)
{
    size_t length;
    return read_data(object, SANDBOX_SECRET_TOKEN_KEY, TOKEN_BYTES_MAXIMUM, error, token, &length);
}
