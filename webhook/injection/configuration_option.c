#include "webhook/injection/configuration_option.h"

#include "webhook/injection/configuration_check.h"

#include <stddef.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct configuration, member)

/* User and group ids that Linux knows as such: not root, and not the reserved largest value. */
#define FIRST_ID 1
#define FIRST_PROXY_ID 1000
#define LAST_ID 4294967294

#define SHORTEST_TOKEN_SECONDS 600
#define LONGEST_TOKEN_SECONDS 86400

static const char *const topologies[] = {"combined", "sidecar", NULL};
static const char *const sideload_methods[] = {"image-volume", "init-container", NULL};
static const char *const installs[] = {"copy-self", "cp", NULL};
static const char *const sidecar_kinds[] = {"container", "native", NULL};
static const char *const credentials[] = {"auto", "sandbox-token", "service-account", NULL};
static const char *const pod_securities[] = {"baseline", "none", NULL};

/* In the order of docs/configuration.md. A row is read as a whole: what it is called, what it holds, what it
 * says of itself. */
/* clang-format off */
const struct option configuration_options[] = {
    {.key = "topology", .flag = "topology", .variable = "OPENSHELL_K8S_TOPOLOGY",
     .kind = OPTION_CHOICE, AT(topology), .fallback = "combined", .choices = topologies,
     .help = "where the supervisor runs: in the agent's container, or network part beside it"},

    {.key = "supervisor.image", .flag = "supervisor-image", .variable = "OPENSHELL_SUPERVISOR_IMAGE",
     .kind = OPTION_STRING, AT(supervisor_image),
     .fallback = "ghcr.io/nvidia/openshell/supervisor:0.0.116", .check = check_image,
     .placeholder = "IMAGE", .help = "image that holds the supervisor"},
    {.key = "supervisor.imagePullPolicy", .flag = "supervisor-image-pull-policy",
     .variable = "OPENSHELL_SUPERVISOR_IMAGE_PULL_POLICY",
     .kind = OPTION_STRING, AT(supervisor_image_pull_policy), .check = check_pull_policy,
     .placeholder = "Always|IfNotPresent|Never", .help = "pull policy of that image"},
    {.key = "supervisor.sideloadMethod", .flag = "supervisor-sideload-method",
     .variable = "OPENSHELL_SUPERVISOR_SIDELOAD_METHOD",
     .kind = OPTION_CHOICE, AT(sideload_method), .fallback = "image-volume", .choices = sideload_methods,
     .help = "how the supervisor's binary gets into the agent's container"},

    {.key = "sidecar.proxyUID", .flag = "sidecar-proxy-uid", .alias = "proxy-uid",
     .variable = "OPENSHELL_K8S_SIDECAR_PROXY_UID",
     .kind = OPTION_NUMBER, AT(sidecar_proxy_uid), .fallback = "1337",
     .minimum = FIRST_PROXY_ID, .maximum = LAST_ID,
     .placeholder = "UID", .help = "user of the network supervisor when it needs no rights of root"},
    {.key = "sidecar.binaryAwareNetworkPolicy", .flag = "sidecar-process-binary-aware-network-policy",
     .variable = "OPENSHELL_K8S_SIDECAR_PROCESS_BINARY_AWARE_NETWORK_POLICY",
     .kind = OPTION_BOOLEAN, AT(sidecar_binary_aware_network_policy), .fallback = "true",
     .help = "network policy may name binaries, for which the network supervisor runs as root"},
    {.key = "sidecar.kind", .flag = "sidecar-kind", .variable = "OPENSHELL_INJECTOR_SIDECAR_KIND",
     .kind = OPTION_CHOICE, AT(sidecar_kind), .fallback = "container", .choices = sidecar_kinds,
     .help = "network supervisor as a container, or as a native sidecar"},

    {.key = "gateway.endpoint", .flag = "grpc-endpoint", .variable = "OPENSHELL_GRPC_ENDPOINT",
     .kind = OPTION_STRING, AT(gateway_endpoint), .check = check_endpoint,
     .placeholder = "URL", .help = "the gateway, as the supervisor reaches it"},
    {.key = "gateway.credential", .flag = "credential", .variable = "OPENSHELL_INJECTOR_CREDENTIAL",
     .kind = OPTION_CHOICE, AT(credential), .fallback = "auto", .choices = credentials,
     .help = "what the supervisor shows to the gateway"},
    {.key = "gateway.clientTLSSecretName", .flag = "client-tls-secret-name",
     .variable = "OPENSHELL_CLIENT_TLS_SECRET_NAME",
     .kind = OPTION_STRING, AT(client_tls_secret_name), .check = check_secret_name,
     .placeholder = "SECRET", .help = "Secret with the supervisor's TLS client certificate"},
    {.key = "gateway.serviceAccountTokenSeconds", .flag = "sa-token-ttl-secs",
     .variable = "OPENSHELL_K8S_SA_TOKEN_TTL_SECS",
     .kind = OPTION_NUMBER, AT(service_account_token_seconds), .fallback = "3600", .is_clamped = true,
     .minimum = SHORTEST_TOKEN_SECONDS, .maximum = LONGEST_TOKEN_SECONDS,
     .placeholder = "SECONDS", .help = "life of the service account's token, within 600 and 86400"},

    {.key = "sandbox.uid", .flag = "sandbox-uid", .variable = "OPENSHELL_K8S_SANDBOX_UID",
     .kind = OPTION_NUMBER, AT(sandbox_uid), .minimum = FIRST_ID, .maximum = LAST_ID,
     .placeholder = "UID", .help = "user of the agent; not set: from the namespace, else 1000"},
    {.key = "sandbox.gid", .flag = "sandbox-gid", .variable = "OPENSHELL_K8S_SANDBOX_GID",
     .kind = OPTION_NUMBER, AT(sandbox_gid), .minimum = FIRST_ID, .maximum = LAST_ID,
     .placeholder = "GID", .help = "group of the agent; not set: from the namespace, else the user's number"},
    {.key = "sandbox.sshSocketPath", .flag = "sandbox-ssh-socket-path",
     .variable = "OPENSHELL_SANDBOX_SSH_SOCKET_PATH",
     .kind = OPTION_STRING, AT(ssh_socket_path), .fallback = "/run/openshell/ssh.sock",
     .check = check_socket_path,
     .placeholder = "PATH", .help = "socket of the supervisor's SSH server (combined topology)"},
    {.key = "sandbox.hostGatewayIP", .flag = "host-gateway-ip", .variable = "OPENSHELL_HOST_GATEWAY_IP",
     .kind = OPTION_STRING, AT(host_gateway_ip), .check = check_ip_address,
     .placeholder = "ADDRESS", .help = "address for host.openshell.internal in the pod"},
    {.key = "sandbox.userNamespaces", .flag = "enable-user-namespaces",
     .variable = "OPENSHELL_ENABLE_USER_NAMESPACES",
     .kind = OPTION_BOOLEAN, AT(user_namespaces),
     .help = "pods get a user namespace of their own (hostUsers: false)"},
    {.key = "sandbox.appArmorProfile", .flag = "app-armor-profile",
     .variable = "OPENSHELL_K8S_APP_ARMOR_PROFILE",
     .kind = OPTION_STRING, AT(app_armor_profile), .check = check_app_armor_profile,
     .placeholder = "PROFILE", .help = "RuntimeDefault, Unconfined or Localhost/NAME"},
    {.key = "sandbox.telemetry", .flag = "telemetry", .variable = "OPENSHELL_TELEMETRY_ENABLED",
     .kind = OPTION_BOOLEAN, AT(telemetry), .fallback = "true",
     .help = "the supervisor sends telemetry"},

    {.key = "upstreamProxy.url", .flag = "https-proxy", .variable = "OPENSHELL_UPSTREAM_PROXY",
     .kind = OPTION_STRING, AT(upstream_proxy_url), .check = check_proxy_url,
     .placeholder = "URL", .help = "proxy that the supervisor's own proxy goes through: http://HOST:PORT"},
    {.key = "upstreamProxy.noProxy", .flag = "no-proxy", .variable = "OPENSHELL_UPSTREAM_NO_PROXY",
     .kind = OPTION_STRING, AT(upstream_no_proxy), .check = check_no_proxy,
     .placeholder = "LIST", .help = "destinations that bypass it, separated by commas"},
    {.key = "upstreamProxy.connectByHostname", .flag = "proxy-connect-by-hostname",
     .variable = "OPENSHELL_UPSTREAM_PROXY_CONNECT_BY_HOSTNAME",
     .kind = OPTION_BOOLEAN, AT(upstream_proxy_connect_by_hostname),
     .help = "it is asked for host names and not for addresses"},
    {.key = "upstreamProxy.auth.secretName", .flag = "proxy-auth-secret-name",
     .variable = "OPENSHELL_UPSTREAM_PROXY_AUTH_SECRET_NAME",
     .kind = OPTION_STRING, AT(upstream_proxy_auth_secret_name), .check = check_secret_name,
     .placeholder = "SECRET", .help = "Secret with its user and password"},
    {.key = "upstreamProxy.auth.secretKey", .flag = "proxy-auth-secret-key",
     .variable = "OPENSHELL_UPSTREAM_PROXY_AUTH_SECRET_KEY",
     .kind = OPTION_STRING, AT(upstream_proxy_auth_secret_key), .check = check_secret_key,
     .placeholder = "KEY", .help = "key in that Secret"},
    {.key = "upstreamProxy.auth.allowInsecure", .flag = "proxy-auth-allow-insecure",
     .variable = "OPENSHELL_UPSTREAM_PROXY_AUTH_ALLOW_INSECURE",
     .kind = OPTION_BOOLEAN, AT(upstream_proxy_auth_allow_insecure),
     .help = "agrees to send them over plain HTTP"},

    {.key = "spiffe.workloadAPISocketPath", .flag = "provider-spiffe-workload-api-socket-path",
     .variable = "OPENSHELL_PROVIDER_SPIFFE_WORKLOAD_API_SOCKET",
     .kind = OPTION_STRING, AT(spiffe_workload_api_socket_path), .check = check_spiffe_socket_path,
     .placeholder = "PATH", .help = "socket of the SPIFFE workload API, from the csi.spiffe.io driver"},

    {.key = "supervisorBinaryPath", .flag = "supervisor-binary-path",
     .variable = "OPENSHELL_INJECTOR_SUPERVISOR_BINARY_PATH",
     .kind = OPTION_STRING, AT(supervisor_binary_path), .fallback = "/openshell-sandbox",
     .check = check_binary_path,
     .placeholder = "PATH", .help = "the supervisor in its image"},
    {.key = "supervisorMountPath", .flag = "supervisor-mount-path",
     .variable = "OPENSHELL_INJECTOR_SUPERVISOR_MOUNT_PATH",
     .kind = OPTION_STRING, AT(supervisor_mount_path), .fallback = "/opt/openshell/bin",
     .check = check_supervisor_mount_path,
     .placeholder = "PATH", .help = "where it is mounted in the agent's container"},
    {.key = "supervisorInstall", .flag = "supervisor-install",
     .variable = "OPENSHELL_INJECTOR_SUPERVISOR_INSTALL",
     .kind = OPTION_CHOICE, AT(supervisor_install), .fallback = "copy-self", .choices = installs,
     .help = "how the init container copies it: by its own command, or by cp"},
    {.key = "seccompProfile", .flag = "seccomp-profile", .variable = "OPENSHELL_INJECTOR_SECCOMP_PROFILE",
     .kind = OPTION_STRING, AT(seccomp_profile), .check = check_seccomp_profile,
     .placeholder = "PROFILE", .help = "RuntimeDefault, Unconfined or Localhost/PATH"},
    {.key = "resources.install", .kind = OPTION_RESOURCES, AT(resources.install),
     .help = "resources of openshell-supervisor-install"},
    {.key = "resources.networkInit", .kind = OPTION_RESOURCES, AT(resources.network_init),
     .help = "resources of openshell-network-init"},
    {.key = "resources.network", .kind = OPTION_RESOURCES, AT(resources.network),
     .help = "resources of openshell-supervisor-network"},
    {.key = "resources.workspaceInit", .kind = OPTION_RESOURCES, AT(resources.workspace_init),
     .help = "resources of workspace-init"},
    {.key = "agentEnvironment", .kind = OPTION_MAP, AT(agent_environment),
     .check_entry = check_environment_entry,
     .help = "variables added to the agent's environment where it has none of that name"},
    {.key = "podLabels", .kind = OPTION_MAP, AT(pod_labels), .check_entry = check_label_entry,
     .help = "labels added to the pod where it has none of that key"},
    {.key = "podAnnotations", .kind = OPTION_MAP, AT(pod_annotations), .check_entry = check_annotation_entry,
     .takes_lines = true,
     .help = "annotations added likewise"},

    {.key = "allowedImages", .kind = OPTION_LIST, AT(allowed_images), .check = check_image_pattern,
     .help = "the agent's image must match one of these; empty: any image"},
    {.key = "allowedContainers", .kind = OPTION_LIST, AT(allowed_containers), .check = check_container_name,
     .help = "containers beside the agent that are let through although the fence does not cover them"},
    {.key = "allowedCreators.users", .kind = OPTION_LIST, AT(allowed_creator_users), .check = check_creator,
     .help = "who may create sandbox pods, by user name; with the next empty: everyone"},
    {.key = "allowedCreators.groups", .kind = OPTION_LIST, AT(allowed_creator_groups),
     .check = check_creator, .help = "the same by group"},
    {.key = "podSecurity", .flag = "pod-security", .variable = "OPENSHELL_INJECTOR_POD_SECURITY",
     .kind = OPTION_CHOICE, AT(pod_security), .fallback = "baseline", .choices = pod_securities,
     .help = "Pod Security Standard that the user's part of the pod must meet"},
    {.key = "allowServiceAccountToken", .flag = "allow-service-account-token",
     .variable = "OPENSHELL_INJECTOR_ALLOW_SERVICE_ACCOUNT_TOKEN",
     .kind = OPTION_BOOLEAN, AT(allow_service_account_token),
     .help = "pods may mount a token for the Kubernetes API"},
};
/* clang-format on */

const size_t configuration_option_count = sizeof configuration_options / sizeof *configuration_options;

const struct option *option_find_key(const char *key)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        if (strcmp(configuration_options[i].key, key) == 0)
            return &configuration_options[i];
    }
    return NULL;
}

static bool is_same(const char *name, const char *wanted)
{
    return name && strcmp(name, wanted) == 0;
}

const struct option *option_find_flag(const char *flag)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        if (is_same(option->flag, flag) || is_same(option->alias, flag))
            return option;
    }
    return NULL;
}

bool option_is_group(const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < configuration_option_count; i++) {
        const char *key = configuration_options[i].key;
        if (strncmp(key, prefix, length) == 0 && key[length] == '.')
            return true;
    }
    return false;
}

bool option_is_switch(const struct option *option)
{
    return option->kind == OPTION_BOOLEAN && !option->fallback;
}

bool configuration_is_flag(const char *name, bool *takes_value)
{
    const struct option *option = option_find_flag(name);
    if (!option)
        return false;
    *takes_value = !option_is_switch(option);
    return true;
}
