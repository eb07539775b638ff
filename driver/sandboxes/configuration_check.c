#include "driver/sandboxes/configuration_check.h"

#include "common/cleanup.h"
#include "common/syntax.h"
#include "driver/sandboxes/comma_list.h"

#include <string.h>

/* Gateway ids go into label values and, in managed mode, into namespace names:
 * openshell-<gateway>-<workspace>. */
#define MANAGED_GATEWAY_ID_LENGTH 33

static bool check_mode(const struct driver_configuration *configuration, struct error *error)
{
    bool has_label = *configuration->operator_namespace_label,
         has_file = *configuration->operator_namespace_file;
    if (configuration->workspace_mode == WORKSPACE_OPERATOR && has_label == has_file)
        return error_set(error, ERROR_INVALID,
                         "--workspace-mode operator: needs exactly one of --operator-namespace-label and "
                         "--operator-namespace-file");
    if (configuration->workspace_mode == WORKSPACE_MANAGED &&
        (!syntax_is_dns_label(configuration->gateway_id) ||
         strlen(configuration->gateway_id) > MANAGED_GATEWAY_ID_LENGTH))
        return error_set(error, ERROR_INVALID,
                         "--gateway-id: managed mode needs a DNS label of at most %d characters, so that "
                         "openshell-<gateway>-<workspace> is a namespace name",
                         MANAGED_GATEWAY_ID_LENGTH);
    return true;
}

static bool check_label(void *context, const char *part, struct error *error)
{
    bool *has_label = context;
    const char *equals = strchr(part, '=');
    *has_label = true;
    _cleanup_(freep) char *key = strndup(part, equals ? (size_t) (equals - part) : 0);
    if (!key)
        return error_set_no_memory(error);
    return (equals && syntax_is_qualified_name(key) && syntax_is_label_value(equals + 1)) ||
           error_set(error, ERROR_INVALID,
                     "--managed-ssh-gateway-pod-selector: \"%s\" is no label, key=value", part);
}

static bool check_ssh_ingress(const struct driver_configuration *configuration, struct error *error)
{
    const struct ssh_ingress *ingress = &configuration->ssh_ingress;
    if (configuration->workspace_mode != WORKSPACE_MANAGED || !ingress->is_enabled)
        return true;
    bool has_label = false;
    if (!comma_list_each(ingress->gateway_pod_selector, check_label, &has_label, error))
        return false;
    /* Without a label the policy would admit every pod of that namespace. */
    return (has_label && syntax_is_dns_label(ingress->gateway_namespace)) ||
           error_set(error, ERROR_INVALID,
                     "--managed-ssh-ingress-enabled: needs --managed-ssh-gateway-namespace, a DNS label, and "
                     "--managed-ssh-gateway-pod-selector");
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

static bool check_pull_secret(void *context, const char *name, struct error *error)
{
    (void) context;
    return syntax_is_dns_subdomain(name) ||
           error_set(error, ERROR_INVALID, "--sandbox-image-pull-secrets: \"%s\" is no DNS subdomain", name);
}

/* Names of objects, which the cluster would refuse with every single pod. */
static bool check_object_names(const struct driver_configuration *configuration, struct error *error)
{
    const struct {
        const char *flag;
        const char *name;
        bool may_be_empty;
    } flags[] = {
        {"--sandbox-service-account", configuration->service_account_name, false},
        {"--client-tls-secret-name", configuration->client_tls_secret_name, true},
        {"--workspace-storage-class", configuration->workspace_storage_class, true},
        {"--default-runtime-class-name", configuration->default_runtime_class_name, true},
    };
    for (size_t index = 0; index < sizeof flags / sizeof *flags; index++) {
        bool is_left_out = flags[index].may_be_empty && !*flags[index].name;
        if (!is_left_out && !syntax_is_dns_subdomain(flags[index].name))
            return error_set(error, ERROR_INVALID, "%s: must be a DNS subdomain", flags[index].flag);
    }
    return comma_list_each(configuration->image_pull_secrets, check_pull_secret, NULL, error);
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
    if (!syntax_is_dns_label(configuration->namespace_name))
        return error_set(error, ERROR_INVALID, "--namespace: must be a DNS label of at most 63 characters");
    if (!*configuration->gateway_id || !syntax_is_label_value(configuration->gateway_id))
        return error_set(error, ERROR_INVALID, "--gateway-id: must be usable as a label's value");
    if (!syntax_is_quantity(configuration->workspace_storage_size))
        return error_set(error, ERROR_INVALID, "--workspace-storage-size: must be a quantity such as 2Gi");
    return true;
}

bool driver_configuration_check(const struct driver_configuration *configuration, struct error *error)
{
    return check_values(configuration, error) && check_object_names(configuration, error) &&
           check_mode(configuration, error) && check_ssh_ingress(configuration, error) &&
           check_gateway(&configuration->gateway, error);
}
