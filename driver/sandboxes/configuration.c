#include "driver/sandboxes/configuration.h"

#include "common/cleanup.h"
#include "driver/sandboxes/names.h"
#include "driver/sandboxes/quantity.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FLAG_SPELLINGS 3

/* Gateway ids go into label values and, in managed mode, into namespace names:
 * openshell-<gateway>-<workspace>. */
#define MANAGED_GATEWAY_ID_LENGTH 33

enum option_kind { OPTION_STRING, OPTION_BOOLEAN, OPTION_SWITCH, OPTION_COUNT, OPTION_MODE, OPTION_LEVEL };

struct option {
    const char *flags[FLAG_SPELLINGS]; /* without dashes; all NULL: environment only */
    const char *variable;              /* NULL: flag only */
    enum option_kind kind;
    size_t offset; /* in struct driver_configuration */
    const char *fallback;
    const char *help;
};

#define FIELD(name) offsetof(struct driver_configuration, name)

static const struct option options[] = {
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

#define OPTION_NUMBER (sizeof options / sizeof *options)

static void *field_of(struct driver_configuration *configuration, const struct option *option)
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

static bool parse_level(const char *value, struct error *error, enum log_level *level)
{
    /* The variable is shared with the gateway, whose finest level is below ours. */
    return log_level_parse(strcmp(value, "trace") == 0 ? "debug" : value, error, level);
}

static bool set_option(struct driver_configuration *configuration, const struct option *option,
                       const char *value, struct error *error)
{
    void *field = field_of(configuration, option);
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
        return parse_level(value, error, field);
    }
    return error_set(error, ERROR_INTERNAL, "unknown kind of option");
}

static const struct option *find_flag(const char *name, size_t length)
{
    for (size_t index = 0; index < OPTION_NUMBER; index++) {
        for (size_t spelling = 0; spelling < FLAG_SPELLINGS && options[index].flags[spelling]; spelling++) {
            const char *flag = options[index].flags[spelling];
            if (strlen(flag) == length && memcmp(flag, name, length) == 0)
                return &options[index];
        }
    }
    return NULL;
}

static bool read_arguments(struct driver_configuration *configuration, const char *const *arguments,
                           size_t count, struct error *error)
{
    for (size_t index = 0; index < count; index++) {
        const char *argument = arguments[index];
        if (strncmp(argument, "--", 2) != 0)
            return error_set(error, ERROR_INVALID, "unexpected argument \"%s\"; see --help", argument);
        const char *name = argument + 2;
        size_t length = strcspn(name, "=");
        const struct option *option = find_flag(name, length);
        if (!option)
            return error_set(error, ERROR_INVALID, "unknown flag --%.*s; see --help", (int) length, name);
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        bool is_switch = option->kind == OPTION_SWITCH || option->kind == OPTION_BOOLEAN;
        /* As in `--flag` and `--flag false`: a word after a boolean belongs to it when it is one of its
         * values. */
        if (!value && option->kind == OPTION_BOOLEAN && index + 1 < count &&
            (strcmp(arguments[index + 1], "true") == 0 || strcmp(arguments[index + 1], "false") == 0))
            value = arguments[++index];
        if (!value && is_switch)
            value = "true";
        if (!value && ++index == count)
            return error_set(error, ERROR_INVALID, "--%s: needs a value", name);
        if (!value)
            value = arguments[index];
        if (!set_option(configuration, option, value, error))
            return error_prefix(error, "--%.*s", (int) length, name);
    }
    return true;
}

static const char *find_variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

static bool read_environment(struct driver_configuration *configuration, char *const *environment,
                             struct error *error)
{
    for (size_t index = 0; index < OPTION_NUMBER; index++) {
        const struct option *option = &options[index];
        const char *value = option->variable ? find_variable(environment, option->variable) : NULL;
        /* An empty variable is one that a manifest left out. */
        if (value && *value && !set_option(configuration, option, value, error))
            return error_prefix(error, "%s", option->variable);
    }
    return true;
}

static bool set_defaults(struct driver_configuration *configuration, struct error *error)
{
    for (size_t index = 0; index < OPTION_NUMBER; index++) {
        if (!set_option(configuration, &options[index], options[index].fallback, error))
            return false;
    }
    return true;
}

static bool check_mode(const struct driver_configuration *configuration, struct error *error)
{
    bool has_label = *configuration->operator_namespace_label,
         has_file = *configuration->operator_namespace_file;
    if (configuration->workspace_mode == WORKSPACE_OPERATOR && has_label == has_file)
        return error_set(error, ERROR_INVALID,
                         "--workspace-mode operator: needs exactly one of --operator-namespace-label and "
                         "--operator-namespace-file");
    if (configuration->workspace_mode == WORKSPACE_MANAGED &&
        (!name_is_label(configuration->gateway_id) ||
         strlen(configuration->gateway_id) > MANAGED_GATEWAY_ID_LENGTH))
        return error_set(error, ERROR_INVALID,
                         "--gateway-id: managed mode needs a DNS label of at most %d characters, so that "
                         "openshell-<gateway>-<workspace> is a namespace name",
                         MANAGED_GATEWAY_ID_LENGTH);
    if (configuration->ssh_ingress.is_enabled &&
        (!*configuration->ssh_ingress.gateway_namespace || !*configuration->ssh_ingress.gateway_pod_selector))
        return error_set(error, ERROR_INVALID,
                         "--managed-ssh-ingress-enabled: needs --managed-ssh-gateway-namespace and "
                         "--managed-ssh-gateway-pod-selector");
    return true;
}

static bool check_gateway(const struct gateway_access *gateway, struct error *error)
{
    bool is_secure = strncmp(gateway->endpoint, "https://", 8) == 0;
    if (*gateway->endpoint && !is_secure && strncmp(gateway->endpoint, "http://", 7) != 0)
        return error_set(error, ERROR_INVALID, "--gateway-endpoint: must begin with http:// or https://");
    if (is_secure && !*gateway->authority_file)
        return error_set(error, ERROR_INVALID, "--gateway-endpoint: https needs --gateway-ca-file");
    if (!*gateway->certificate_file != !*gateway->key_file)
        return error_set(error, ERROR_INVALID,
                         "--gateway-certificate-file and --gateway-key-file: both or neither");
    return true;
}

static bool check_values(const struct driver_configuration *configuration, struct error *error)
{
    static const char *const policies[] = {"", "Always", "IfNotPresent", "Never"};
    bool is_policy = false;
    for (size_t index = 0; index < sizeof policies / sizeof *policies; index++)
        is_policy = is_policy || strcmp(configuration->image_pull_policy, policies[index]) == 0;
    if (!is_policy)
        return error_set(error, ERROR_INVALID,
                         "--sandbox-image-pull-policy: must be Always, IfNotPresent or Never");
    if (!name_is_label(configuration->namespace_name))
        return error_set(error, ERROR_INVALID, "--namespace: must be a DNS label of at most 63 characters");
    if (!*configuration->gateway_id || !name_is_label_value(configuration->gateway_id))
        return error_set(error, ERROR_INVALID, "--gateway-id: must be usable as a label's value");
    if (!name_is_subdomain(configuration->service_account_name))
        return error_set(error, ERROR_INVALID, "--sandbox-service-account: must be a DNS subdomain");
    if (!quantity_is_valid(configuration->workspace_storage_size))
        return error_set(error, ERROR_INVALID, "--workspace-storage-size: must be a quantity such as 2Gi");
    return true;
}

DEFINE_POINTER_CLEANUP(struct driver_configuration *, driver_configuration_free)

bool driver_configuration_load(const char *const *arguments, size_t count, char *const *environment,
                               struct error *error, struct driver_configuration **configuration)
{
    _cleanup_(driver_configuration_freep) struct driver_configuration *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        return error_set_no_memory(error);
    if (!set_defaults(loaded, error) || !read_environment(loaded, environment, error) ||
        !read_arguments(loaded, arguments, count, error))
        return false;
    /* Who asks for help need not have a valid configuration. */
    if (!loaded->wants_help && !loaded->wants_version &&
        (!check_values(loaded, error) || !check_mode(loaded, error) ||
         !check_gateway(&loaded->gateway, error)))
        return false;
    *configuration = take_pointer(&loaded);
    return true;
}

void driver_configuration_free(struct driver_configuration *configuration)
{
    if (!configuration)
        return;
    for (size_t index = 0; index < OPTION_NUMBER; index++) {
        if (options[index].kind == OPTION_STRING)
            free(*(char **) field_of(configuration, &options[index]));
    }
    free(configuration);
}

void driver_configuration_append_help(struct buffer *buffer)
{
    for (size_t index = 0; index < OPTION_NUMBER; index++) {
        const struct option *option = &options[index];
        buffer_append_format(buffer, "  --%s", option->flags[0]);
        for (size_t spelling = 1; spelling < FLAG_SPELLINGS && option->flags[spelling]; spelling++)
            buffer_append_format(buffer, ", --%s", option->flags[spelling]);
        if (option->variable)
            buffer_append_format(buffer, " (%s)", option->variable);
        buffer_append_format(buffer, "\n      %s", option->help);
        if (*option->fallback && option->kind != OPTION_SWITCH)
            buffer_append_format(buffer, " [%s]", option->fallback);
        buffer_append_character(buffer, '\n');
    }
}
