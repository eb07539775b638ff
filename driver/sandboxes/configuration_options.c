#include "driver/sandboxes/configuration_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct driver_configuration, name)

const struct configuration_option configuration_options[] = {
    {{"socket", "bind-socket"},
     "OPENSHELL_COMPUTE_DRIVER_SOCKET",
     OPTION_STRING,
     FIELD(socket_path),
     "",
     "path of the Unix socket to serve on"},
    {{"workspace-mode"},
     "OPENSHELL_WORKSPACE_MODE",
     OPTION_MODE,
     FIELD(workspace_mode),
     "shared",
     "shared, managed or operator"},
    {{"gateway-id"},
     "OPENSHELL_GATEWAY_ID",
     OPTION_STRING,
     FIELD(gateway_id),
     "openshell",
     "which gateway's sandboxes these are"},
    {{"namespace", "sandbox-namespace"},
     "OPENSHELL_SANDBOX_NAMESPACE",
     OPTION_STRING,
     FIELD(namespace_name),
     "openshell",
     "namespace of the sandboxes (shared mode), source of copied secrets (managed mode)"},
    {{"operator-namespace-label"},
     "OPENSHELL_OPERATOR_NAMESPACE_LABEL",
     OPTION_STRING,
     FIELD(operator_namespace_label),
     "",
     "operator mode: label selector of the namespaces that may be used"},
    {{"operator-namespace-file"},
     "OPENSHELL_OPERATOR_NAMESPACE_FILE",
     OPTION_STRING,
     FIELD(operator_namespace_file),
     "",
     "operator mode: file that lists the namespaces that may be used"},
    {{"sandbox-service-account"},
     "OPENSHELL_K8S_SANDBOX_SERVICE_ACCOUNT",
     OPTION_STRING,
     FIELD(service_account_name),
     "default",
     "service account of the sandboxes"},
    {{"automount-service-account-token"},
     "OPENSHELL_K8S_AUTOMOUNT_SERVICE_ACCOUNT_TOKEN",
     OPTION_BOOLEAN,
     FIELD(automount_service_account_token),
     "false",
     "let sandboxes use the Kubernetes API as their service account"},
    {{"sandbox-image"},
     "OPENSHELL_SANDBOX_IMAGE",
     OPTION_STRING,
     FIELD(default_image),
     "ghcr.io/nvidia/openshell-community/sandboxes/base:latest",
     "image of sandboxes that name none"},
    {{"sandbox-image-pull-policy"},
     "OPENSHELL_SANDBOX_IMAGE_PULL_POLICY",
     OPTION_STRING,
     FIELD(image_pull_policy),
     "",
     "Always, IfNotPresent or Never"},
    {{"sandbox-image-pull-secrets"},
     "OPENSHELL_SANDBOX_IMAGE_PULL_SECRETS",
     OPTION_STRING,
     FIELD(image_pull_secrets),
     "",
     "names of image pull secrets, separated by commas"},
    {{"client-tls-secret-name"},
     "OPENSHELL_CLIENT_TLS_SECRET_NAME",
     OPTION_STRING,
     FIELD(client_tls_secret_name),
     "",
     "managed mode: secret to copy into each workspace's namespace"},
    {{"workspace-storage-size"},
     "OPENSHELL_K8S_WORKSPACE_DEFAULT_STORAGE_SIZE",
     OPTION_STRING,
     FIELD(workspace_storage_size),
     "2Gi",
     "size of each sandbox's volume"},
    {{"workspace-storage-class"},
     "OPENSHELL_K8S_WORKSPACE_STORAGE_CLASS",
     OPTION_STRING,
     FIELD(workspace_storage_class),
     "",
     "storage class of each sandbox's volume (empty: the cluster's default)"},
    {{"default-runtime-class-name"},
     "OPENSHELL_K8S_DEFAULT_RUNTIME_CLASS_NAME",
     OPTION_STRING,
     FIELD(default_runtime_class_name),
     "",
     "runtime class of sandboxes that name none"},
    {{"image-pull-timeout-seconds"},
     "OPENSHELL_K8S_IMAGE_PULL_TIMEOUT_SECONDS",
     OPTION_COUNT,
     FIELD(image_pull_timeout_seconds),
     "300",
     "patience with a failing image pull, 1 to 86400"},
    {{"managed-ssh-ingress-enabled"},
     "OPENSHELL_MANAGED_SSH_INGRESS_ENABLED",
     OPTION_BOOLEAN,
     FIELD(ssh_ingress.is_enabled),
     "false",
     "managed mode: write a network policy that admits the gateway alone, to port 2222"},
    {{"managed-ssh-gateway-namespace"},
     "OPENSHELL_MANAGED_SSH_INGRESS_GATEWAY_NAMESPACE",
     OPTION_STRING,
     FIELD(ssh_ingress.gateway_namespace),
     "",
     "the gateway's namespace for that policy"},
    {{"managed-ssh-gateway-pod-selector"},
     "OPENSHELL_MANAGED_SSH_INGRESS_GATEWAY_POD_SELECTOR",
     OPTION_STRING,
     FIELD(ssh_ingress.gateway_pod_selector),
     "",
     "the gateway's pod labels for that policy, key=value separated by commas"},
    {{"gateway-endpoint", "grpc-endpoint"},
     "OPENSHELL_GRPC_ENDPOINT",
     OPTION_STRING,
     FIELD(gateway.endpoint),
     "",
     "gateway where sandbox tokens are renewed, http://host:port or https://host:port"},
    {{"gateway-ca-file"},
     "OPENSHELL_GATEWAY_CA_FILE",
     OPTION_STRING,
     FIELD(gateway.authority_file),
     "",
     "certificate authority of that gateway (PEM)"},
    {{"gateway-certificate-file"},
     "OPENSHELL_GATEWAY_CERTIFICATE_FILE",
     OPTION_STRING,
     FIELD(gateway.certificate_file),
     "",
     "client certificate for that gateway (PEM)"},
    {{"gateway-key-file"},
     "OPENSHELL_GATEWAY_KEY_FILE",
     OPTION_STRING,
     FIELD(gateway.key_file),
     "",
     "key of the client certificate (PEM)"},
    {{"gateway-server-name"},
     "OPENSHELL_GATEWAY_TLS_SERVER_NAME",
     OPTION_STRING,
     FIELD(gateway.server_name),
     "",
     "name in that gateway's certificate, when it is not the endpoint's host"},
    {{"kubeconfig"}, NULL, OPTION_STRING, FIELD(kubeconfig), "", "kubeconfig file"},
    {{"context"}, NULL, OPTION_STRING, FIELD(kubeconfig_context), "", "context in the kubeconfig file"},
    {{"metrics-address"},
     "OPENSHELL_DRIVER_METRICS_ADDRESS",
     OPTION_STRING,
     FIELD(metrics_address),
     "",
     "host:port for /metrics, /healthz and /readyz (empty: none)"},
    {{"log-level"},
     "OPENSHELL_LOG_LEVEL",
     OPTION_LEVEL,
     FIELD(log_level),
     "info",
     "debug, info, warn or error"},
    {{"help"}, NULL, OPTION_SWITCH, FIELD(wants_help), "false", "print this help"},
    {{"version"}, NULL, OPTION_SWITCH, FIELD(wants_version), "false", "print the version"},
};

const size_t configuration_option_count = sizeof configuration_options / sizeof *configuration_options;

const struct configuration_option *configuration_option_find(const char *name, size_t length)
{
    for (size_t index = 0; index < configuration_option_count; index++) {
        for (size_t spelling = 0; spelling < OPTION_SPELLINGS && configuration_options[index].flags[spelling];
             spelling++) {
            const char *flag = configuration_options[index].flags[spelling];
            if (strlen(flag) == length && memcmp(flag, name, length) == 0)
                return &configuration_options[index];
        }
    }
    return NULL;
}

void *configuration_option_field(struct driver_configuration *configuration,
                                 const struct configuration_option *option)
{
    return (char *) configuration + option->offset;
}

static bool set_string(char **field, const char *value, struct error *error)
{
    char *copy = strdup(value);
    if (!copy)
        return error_set_no_memory(error);
    free(*field);
    *field = copy;
    return true;
}

static bool parse_boolean(const char *value, struct error *error, bool *result)
{
    bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return error_set(error, ERROR_INVALID, "must be true or false");
    *result = is_true;
    return true;
}

static bool parse_count(const char *value, struct error *error, unsigned *result)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (errno || *end || end == value || *value == '-' || number < 1 || number > 86400)
        return error_set(error, ERROR_INVALID, "must be a number from 1 to 86400");
    *result = (unsigned) number;
    return true;
}

static bool parse_mode(const char *value, struct error *error, enum workspace_mode *mode)
{
    static const char *const names[] = {"shared", "managed", "operator"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        if (strcmp(value, names[index]) == 0) {
            *mode = (enum workspace_mode) index;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "must be shared, managed or operator");
}

bool configuration_option_set(struct driver_configuration *configuration,
                              const struct configuration_option *option, const char *value,
                              struct error *error)
{
    void *field = configuration_option_field(configuration, option);
    switch (option->kind) {
    case OPTION_STRING:
        return set_string(field, value, error);
    case OPTION_BOOLEAN:
    case OPTION_SWITCH:
        return parse_boolean(value, error, field);
    case OPTION_COUNT:
        return parse_count(value, error, field);
    case OPTION_MODE:
        return parse_mode(value, error, field);
    case OPTION_LEVEL:
        return log_level_parse(value, error, field);
    }
    return error_set(error, ERROR_INTERNAL, "unknown kind of option");
}
