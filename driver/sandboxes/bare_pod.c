#include "driver/sandboxes/bare_pod.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/comma_list.h"
#include "driver/sandboxes/container.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/driver_config.h"
#include "driver/sandboxes/names.h"

#include <string.h>

#define LOG_LEVEL_VARIABLE "OPENSHELL_LOG_LEVEL"

static const cJSON *platform_config(const cJSON *document)
{
    return json_member(json_member(document, "template"), "platform_config");
}

void bare_pod_add_labels(struct tree *tree, cJSON *metadata, const struct driver_configuration *configuration,
                         const cJSON *document)
{
    cJSON *labels = tree_add_object(tree, metadata, "labels");
    tree_merge(tree, labels, json_member(json_member(document, "template"), "labels"));
    tree_add_string(tree, labels, "kagenti.io/type", "agent");
    tree_add_string(tree, labels, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE);
    tree_add_string(tree, labels, LABEL_SANDBOX_ID, document_id(document));
    tree_add_string(tree, labels, LABEL_SANDBOX_NAME, document_name(document));
    tree_add_string(tree, labels, LABEL_SANDBOX_WORKSPACE, document_workspace(document));
    tree_add_string(tree, labels, LABEL_GATEWAY_ID, configuration->gateway_id);
}

bool bare_pod_environment(const cJSON *document, struct error *error, cJSON **environment)
{
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    tree_merge(&tree, tree.root, json_member(json_member(document, "template"), "environment"));
    tree_merge(&tree, tree.root, json_member(document, "environment"));
    const cJSON *log_level = json_member(document, "log_level");
    if (log_level)
        tree_add_copy(&tree, tree.root, LOG_LEVEL_VARIABLE, log_level);
    tree_sort(&tree, tree.root);
    return tree_take(&tree, error, environment);
}

static void add_metadata(struct tree *tree, const struct driver_configuration *configuration,
                         const cJSON *document)
{
    char pod_name[LABEL_BYTES], namespace_name[LABEL_BYTES];
    name_pod(configuration, document_workspace(document), document_name(document), pod_name);
    name_namespace(configuration, document_workspace(document), namespace_name);
    cJSON *metadata = tree_add_object(tree, tree->root, "metadata");
    tree_add_string(tree, metadata, "name", pod_name);
    tree_add_string(tree, metadata, "namespace", namespace_name);
    bare_pod_add_labels(tree, metadata, configuration, document);
    cJSON *annotations = tree_add_object(tree, metadata, "annotations");
    tree_merge(tree, annotations, json_member(platform_config(document), "annotations"));
    tree_add_string(tree, annotations, ANNOTATION_SANDBOX_ID, document_id(document));
}

struct naming {
    struct tree *tree;
    cJSON *spec;
    cJSON *list; /* NULL before the first name */
};

static bool add_pull_secret(void *context, const char *name, struct error *error)
{
    struct naming *naming = context;
    (void) error;
    if (!naming->list)
        naming->list = tree_add_array(naming->tree, naming->spec, "imagePullSecrets");
    tree_add_string(naming->tree, tree_append_object(naming->tree, naming->list), "name", name);
    return true;
}

static void add_pull_secrets(struct tree *tree, cJSON *spec, const char *names)
{
    struct naming naming = {.tree = tree, .spec = spec};
    struct error no_memory;
    if (!comma_list_each(names, add_pull_secret, &naming, &no_memory))
        tree->has_failed = true;
}

/* The node selector of the platform wins over the one of the driver's configuration. */
static void add_placement(struct tree *tree, cJSON *spec, const cJSON *document)
{
    const cJSON *platform = platform_config(document);
    const cJSON *pod = json_member(driver_config_of(document), "pod");
    const cJSON *selector = json_member(pod, "node_selector"),
                *outer = json_member(platform, "node_selector");
    if (selector || outer) {
        cJSON *merged = tree_add_object(tree, spec, "nodeSelector");
        tree_merge(tree, merged, selector);
        tree_merge(tree, merged, outer);
    }
    const cJSON *lists[] = {json_member(platform, "tolerations"), json_member(pod, "tolerations")};
    cJSON *tolerations = lists[0] || lists[1] ? tree_add_array(tree, spec, "tolerations") : NULL;
    for (size_t index = 0; index < 2; index++) {
        const cJSON *toleration;
        cJSON_ArrayForEach(toleration, lists[index]) tree_append_copy(tree, tolerations, toleration);
    }
    const cJSON *priority = json_member(pod, "priority_class_name");
    if (priority)
        tree_add_copy(tree, spec, "priorityClassName", priority);
}

static void add_runtime(struct tree *tree, cJSON *spec, const struct driver_configuration *configuration,
                        const cJSON *document)
{
    const cJSON *platform = platform_config(document);
    const cJSON *runtime_class = json_member(platform, "runtime_class_name");
    if (!runtime_class)
        runtime_class = json_member(json_member(driver_config_of(document), "pod"), "runtime_class_name");
    tree_add_text(tree, spec, "runtimeClassName",
                  runtime_class ? runtime_class->valuestring : configuration->default_runtime_class_name);
    const cJSON *host_users = json_member(platform, "host_users");
    if (host_users)
        tree_add_copy(tree, spec, "hostUsers", host_users);
}

static void add_volumes(struct tree *tree, cJSON *spec, const cJSON *document)
{
    const cJSON *config = driver_config_of(document);
    const cJSON *declared = json_member(config, "volumes");
    bool has_workspace = !driver_config_replaces_workspace(config);
    if (!has_workspace && !declared)
        return;
    cJSON *volumes = tree_add_array(tree, spec, "volumes");
    const cJSON *volume;
    cJSON_ArrayForEach(volume, declared)
    {
        const cJSON *source = json_member(volume, "persistent_volume_claim");
        cJSON *added = tree_append_object(tree, volumes);
        tree_add_copy(tree, added, "name", json_member(volume, "name"));
        cJSON *claim = tree_add_object(tree, added, "persistentVolumeClaim");
        tree_add_copy(tree, claim, "claimName", json_member(source, "claim_name"));
        tree_add_boolean(tree, claim, "readOnly", !cJSON_IsFalse(json_member(source, "read_only")));
    }
    if (has_workspace) {
        char claim_name[SUBDOMAIN_BYTES];
        name_claim(document_id(document), claim_name);
        cJSON *added = tree_append_object(tree, volumes);
        tree_add_string(tree, added, "name", VOLUME_WORKSPACE);
        tree_add_string(tree, tree_add_object(tree, added, "persistentVolumeClaim"), "claimName", claim_name);
    }
}

bool bare_pod_build(const struct driver_configuration *configuration, const cJSON *document,
                    struct error *error, cJSON **pod)
{
    _cleanup_(cJSON_Deletep) cJSON *environment = NULL;
    if (!bare_pod_environment(document, error, &environment))
        return false;
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    tree_add_string(&tree, tree.root, "apiVersion", "v1");
    tree_add_string(&tree, tree.root, "kind", "Pod");
    add_metadata(&tree, configuration, document);
    cJSON *spec = tree_add_object(&tree, tree.root, "spec");
    tree_add_boolean(&tree, spec, "automountServiceAccountToken",
                     configuration->automount_service_account_token);
    tree_add_string(&tree, spec, "restartPolicy", "Never");
    tree_add_string(&tree, spec, "serviceAccountName", configuration->service_account_name);
    add_pull_secrets(&tree, spec, configuration->image_pull_secrets);
    add_placement(&tree, spec, document);
    add_runtime(&tree, spec, configuration, document);
    add_volumes(&tree, spec, document);
    container_add_agent(&tree, tree_add_array(&tree, spec, "containers"), configuration, document,
                        environment);
    return tree_take(&tree, error, pod);
}

bool bare_pod_build_claim(const struct driver_configuration *configuration, const cJSON *document,
                          struct error *error, cJSON **claim)
{
    if (driver_config_replaces_workspace(driver_config_of(document))) {
        *claim = NULL;
        return true;
    }
    char claim_name[SUBDOMAIN_BYTES], namespace_name[LABEL_BYTES];
    name_claim(document_id(document), claim_name);
    name_namespace(configuration, document_workspace(document), namespace_name);
    _cleanup_(tree_done) struct tree tree;
    tree_init(&tree);
    tree_add_string(&tree, tree.root, "apiVersion", "v1");
    tree_add_string(&tree, tree.root, "kind", "PersistentVolumeClaim");
    cJSON *metadata = tree_add_object(&tree, tree.root, "metadata");
    tree_add_string(&tree, metadata, "name", claim_name);
    tree_add_string(&tree, metadata, "namespace", namespace_name);
    bare_pod_add_labels(&tree, metadata, configuration, document);
    cJSON *spec = tree_add_object(&tree, tree.root, "spec");
    tree_append_string(&tree, tree_add_array(&tree, spec, "accessModes"), "ReadWriteOnce");
    tree_add_text(&tree, spec, "storageClassName", configuration->workspace_storage_class);
    cJSON *requests = tree_add_object(&tree, tree_add_object(&tree, spec, "resources"), "requests");
    tree_add_string(&tree, requests, "storage", configuration->workspace_storage_size);
    return tree_take(&tree, error, claim);
}

bool bare_pod_set_owner(cJSON *object, const char *record_name, const char *record_uid, struct error *error)
{
    struct tree tree = {0};
    cJSON *owners = tree_add_array(&tree, json_member(object, "metadata"), "ownerReferences");
    cJSON *owner = tree_append_object(&tree, owners);
    tree_add_string(&tree, owner, "apiVersion", "v1");
    tree_add_string(&tree, owner, "kind", "Secret");
    tree_add_string(&tree, owner, "name", record_name);
    tree_add_string(&tree, owner, "uid", record_uid);
    return !tree.has_failed || error_set_no_memory(error);
}
