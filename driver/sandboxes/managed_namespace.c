#include "driver/sandboxes/managed_namespace.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/comma_list.h"
#include "driver/sandboxes/tree.h"
#include "kubernetes/objects.h"

#include <string.h>

#define FIELD_MANAGER "openshell"
#define SSH_POLICY "openshell-sandbox-ssh"
#define SSH_PORT 2222

static const struct kubernetes_resource network_policies = {"networking.k8s.io", "v1", "networkpolicies",
                                                            "NetworkPolicy", true};

/* apiVersion, kind, metadata with our label; returns metadata. */
static cJSON *begin_object(struct tree *tree, const char *api_version, const char *kind, const char *name,
                           const char *namespace_name)
{
    tree_init(tree);
    tree_add_string(tree, tree->root, "apiVersion", api_version);
    tree_add_string(tree, tree->root, "kind", kind);
    cJSON *metadata = tree_add_object(tree, tree->root, "metadata");
    tree_add_string(tree, metadata, "name", name);
    tree_add_string(tree, metadata, "namespace", namespace_name);
    tree_add_string(tree, tree_add_object(tree, metadata, "labels"), LABEL_MANAGED_BY,
                    LABEL_MANAGED_BY_VALUE);
    return metadata;
}

static bool apply(struct sandboxes *sandboxes, const struct kubernetes_resource *resource, struct tree *tree,
                  struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    if (!tree_take(tree, error, &object))
        return false;
    const struct kubernetes_target target = {.resource = resource,
                                             .namespace_name = kubernetes_object_namespace(object),
                                             .name = kubernetes_object_name(object)};
    return kubernetes_apply(sandboxes->client, &target, object, FIELD_MANAGER, true, NULL, error, NULL) ||
           error_prefix(error, "%s %s", resource->plural, target.name);
}

static bool add_service_account(struct sandboxes *sandboxes, const char *namespace_name, struct error *error)
{
    const char *name = sandboxes->configuration->service_account_name;
    _cleanup_(tree_done) struct tree tree = {0};
    if (strcmp(name, "default") == 0) /* every namespace has it */
        return true;
    begin_object(&tree, "v1", "ServiceAccount", name, namespace_name);
    tree_add_boolean(&tree, tree.root, "automountServiceAccountToken", false);
    return apply(sandboxes, &kubernetes_service_accounts, &tree, error);
}

static bool copy_secret(struct sandboxes *sandboxes, const char *name, const char *namespace_name,
                        struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *source = NULL;
    _cleanup_(tree_done) struct tree tree = {0};
    const struct kubernetes_target target = {.resource = &kubernetes_secrets,
                                             .namespace_name = sandboxes->configuration->namespace_name,
                                             .name = name};
    if (!kubernetes_get(sandboxes->client, &target, NULL, error, &source)) {
        if (error->code == ERROR_NOT_FOUND)
            error->code = ERROR_FAILED_PRECONDITION;
        return error_prefix(error, "copying secret %s", name);
    }
    begin_object(&tree, "v1", "Secret", name, namespace_name);
    const cJSON *type = json_member(source, "type"), *data = json_member(source, "data");
    if (type)
        tree_add_copy(&tree, tree.root, "type", type);
    if (data)
        tree_add_copy(&tree, tree.root, "data", data);
    return apply(sandboxes, &kubernetes_secrets, &tree, error);
}

struct copying {
    struct sandboxes *sandboxes;
    const char *namespace_name;
};

static bool copy_part(void *context, const char *part, struct error *error)
{
    const struct copying *copying = context;
    return copy_secret(copying->sandboxes, part, copying->namespace_name, error);
}

static bool copy_secrets(struct sandboxes *sandboxes, const char *namespace_name, struct error *error)
{
    const struct driver_configuration *configuration = sandboxes->configuration;
    struct copying copying = {sandboxes, namespace_name};
    return (!*configuration->client_tls_secret_name ||
            copy_secret(sandboxes, configuration->client_tls_secret_name, namespace_name, error)) &&
           comma_list_each(configuration->image_pull_secrets, copy_part, &copying, error);
}

struct selecting {
    struct tree *tree;
    cJSON *labels;
};

static bool select_part(void *context, const char *part, struct error *error)
{
    struct selecting *selecting = context;
    const char *equals = strchr(part, '=');
    if (!equals) /* was refused at the start */
        return true;
    _cleanup_(freep) char *key = strndup(part, (size_t) (equals - part));
    if (!key)
        return error_set_no_memory(error);
    tree_add_string(selecting->tree, selecting->labels, key, equals + 1);
    return true;
}

static bool add_network_policy(struct sandboxes *sandboxes, const char *namespace_name, struct error *error)
{
    const struct ssh_ingress *ingress = &sandboxes->configuration->ssh_ingress;
    _cleanup_(tree_done) struct tree tree = {0};
    if (!ingress->is_enabled)
        return true;
    begin_object(&tree, "networking.k8s.io/v1", "NetworkPolicy", SSH_POLICY, namespace_name);
    cJSON *spec = tree_add_object(&tree, tree.root, "spec");
    cJSON *selected = tree_add_object(&tree, tree_add_object(&tree, spec, "podSelector"), "matchLabels");
    tree_add_string(&tree, selected, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE);
    tree_append_string(&tree, tree_add_array(&tree, spec, "policyTypes"), "Ingress");
    cJSON *rule = tree_append_object(&tree, tree_add_array(&tree, spec, "ingress"));
    cJSON *peer = tree_append_object(&tree, tree_add_array(&tree, rule, "from"));
    cJSON *namespaces =
        tree_add_object(&tree, tree_add_object(&tree, peer, "namespaceSelector"), "matchLabels");
    tree_add_string(&tree, namespaces, "kubernetes.io/metadata.name", ingress->gateway_namespace);
    cJSON *pods = tree_add_object(&tree, tree_add_object(&tree, peer, "podSelector"), "matchLabels");
    struct selecting selecting = {&tree, pods};
    if (!comma_list_each(ingress->gateway_pod_selector, select_part, &selecting, error))
        return false;
    cJSON *port = tree_append_object(&tree, tree_add_array(&tree, rule, "ports"));
    tree_add_string(&tree, port, "protocol", "TCP");
    tree_add_integer(&tree, port, "port", SSH_PORT);
    return apply(sandboxes, &network_policies, &tree, error);
}

bool managed_namespace_fill(struct sandboxes *sandboxes, const char *namespace_name, struct error *error)
{
    return (add_service_account(sandboxes, namespace_name, error) &&
            copy_secrets(sandboxes, namespace_name, error) &&
            add_network_policy(sandboxes, namespace_name, error)) ||
           error_prefix(error, "namespace %s", namespace_name);
}
