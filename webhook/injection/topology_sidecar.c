/* Sidecar: a network supervisor in a container of its own holds the credentials and the proxy; the agent's
 * container runs unprivileged under a process supervisor; nftables, set up by an init container, lets only
 * the proxy's uid out. Source: contract/supervised-pod.md H.3 to H.5; native sidecar: contract/decisions.md
 * section 4.
 */
#include "webhook/injection/topology.h"

#include "common/names.h"
#include "webhook/injection/container_rules.h"

#include <string.h>

#define SSH_SOCKET "@openshell-sidecar-ssh"

static void sidecar_plan_command(struct plan *plan)
{
    struct planned_container *agent = &plan->agent;
    plan_add_argument(plan, agent, topology_supervisor_path(plan));
    plan_add_argument(plan, agent, "--mode=process");
    plan_add_argument(plan, agent, "--workdir");
    plan_add_argument(plan, agent, "/sandbox");
}

/* What both supervisors of the pod must agree on. */
static void plan_shared(struct plan *plan, struct planned_container *container)
{
    topology_plan_identity(plan, container, SSH_SOCKET);
    static const char reason[] = "tells the supervisor that the network half runs in a sidecar";
    plan_add_variable(plan, container, "OPENSHELL_SUPERVISOR_TOPOLOGY", "sidecar", reason);
    plan_add_variable(plan, container, "OPENSHELL_NETWORK_ENFORCEMENT_MODE", "sidecar-nftables", reason);
    plan_add_variable(plan, container, "OPENSHELL_SIDECAR_CONTROL_SOCKET",
                      SIDECAR_STATE_DIRECTORY "/control.sock", "where the two supervisors meet");
    plan_add_variable(plan, container, "OPENSHELL_PROXY_TLS_DIR", PROXY_TLS_DIRECTORY,
                      "where the proxy's certificate authority is shared");
    plan_add_mount(plan, container, VOLUME_SIDECAR_STATE, SIDECAR_STATE_DIRECTORY, false,
                   "where the two supervisors meet");
    plan_add_mount(plan, container, VOLUME_SUPERVISOR_TLS, PROXY_TLS_DIRECTORY, false,
                   "where the proxy's certificate authority is shared");
}

static void plan_agent(struct plan *plan)
{
    plan_shared(plan, &plan->agent);
    struct planned_security *security = &plan->agent.security;
    security->run_as_user = plan->sandbox.uid;
    security->run_as_group = plan->sandbox.gid;
    security->run_as_non_root = FLAG_TRUE;
    security->allow_privilege_escalation = FLAG_FALSE;
    security->drops_all = true;
    topology_plan_profiles(plan, security);
}

static void plan_network_init(struct plan *plan)
{
    static const char *const capabilities[] = {"NET_ADMIN", "NET_RAW", "CHOWN", "FOWNER", NULL};
    const struct configuration *configuration = plan->configuration;
    struct planned_container *init =
        plan_add_init_container(plan, CONTAINER_NETWORK_INIT, configuration->supervisor_image,
                                configuration->supervisor_image_pull_policy,
                                "sets up the network fence before anything of the user's runs");
    init->program = configuration->supervisor_binary_path;
    plan_add_argument(plan, init, configuration->supervisor_binary_path);
    plan_add_argument(plan, init, "--mode=network-init");
    plan_add_argument(plan, init, "--proxy-uid");
    plan_add_argument(plan, init, plan_format(plan, "%u", plan->sandbox.proxy_uid));
    plan_add_argument(plan, init, "--proxy-gid");
    plan_add_argument(plan, init, plan_format(plan, "%u", plan->sandbox.gid));
    plan_add_argument(plan, init, "--sidecar-state-dir");
    plan_add_argument(plan, init, SIDECAR_STATE_DIRECTORY);
    plan_add_argument(plan, init, "--sidecar-tls-dir");
    plan_add_argument(plan, init, PROXY_TLS_DIRECTORY);
    plan_add_mount(plan, init, VOLUME_SIDECAR_STATE, SIDECAR_STATE_DIRECTORY, false,
                   "prepared for the two supervisors");
    plan_add_mount(plan, init, VOLUME_SUPERVISOR_TLS, PROXY_TLS_DIRECTORY, false,
                   "prepared for the two supervisors");
    if (*configuration->client_tls_secret_name)
        plan_add_mount(plan, init, VOLUME_CLIENT_TLS, CLIENT_TLS_DIRECTORY, true,
                       "copied from here for the network supervisor's user");
    init->security.run_as_user = 0;
    init->security.allow_privilege_escalation = FLAG_FALSE;
    init->security.drops_all = true;
    init->security.add = capabilities;
    topology_plan_profiles(plan, &init->security);
    init->resources = configuration->resources.network_init;
}

static void plan_network_security(struct plan *plan, struct planned_security *security)
{
    /* Naming the binary behind a connection needs a look into other processes. */
    static const char *const binary_aware[] = {"SYS_PTRACE", "DAC_READ_SEARCH", NULL};
    security->run_as_user = plan->sandbox.proxy_uid;
    security->run_as_group = plan->sandbox.gid;
    security->run_as_non_root = plan->sandbox.proxy_uid == 0 ? FLAG_FALSE : FLAG_TRUE;
    security->allow_privilege_escalation = FLAG_FALSE;
    security->drops_all = true;
    security->add = plan->configuration->sidecar_binary_aware_network_policy ? binary_aware : NULL;
    topology_plan_profiles(plan, security);
}

static void plan_proxy_auth(struct plan *plan, struct planned_container *network)
{
    const struct configuration *configuration = plan->configuration;
    if (!*configuration->upstream_proxy_auth_secret_name)
        return;
    plan_add_volume(plan, &(struct planned_volume){
                              .kind = VOLUME_SECRET,
                              .name = VOLUME_PROXY_AUTH,
                              .source = configuration->upstream_proxy_auth_secret_name,
                              .item_key = configuration->upstream_proxy_auth_secret_key,
                              .item_path = "upstream-proxy",
                              .mode = 0440,
                              .reason = "the credentials for the upstream proxy",
                          });
    plan_add_mount(plan, network, VOLUME_PROXY_AUTH, PROXY_AUTH_DIRECTORY, true,
                   "where the network supervisor finds the upstream proxy's credentials");
}

static void plan_network(struct plan *plan, struct planned_container *network)
{
    const struct configuration *configuration = plan->configuration;
    network->program = configuration->supervisor_binary_path;
    plan_add_argument(plan, network, configuration->supervisor_binary_path);
    plan_add_argument(plan, network, "--mode=network");
    topology_plan_proxy_arguments(plan, network);
    plan_shared(plan, network);
    topology_plan_gateway_access(plan, network, PROXY_TLS_DIRECTORY "/client", 0440);
    plan_proxy_auth(plan, network);
    if (!configuration->sidecar_binary_aware_network_policy)
        plan_add_variable(plan, network, "OPENSHELL_NETWORK_BINARY_IDENTITY", "relaxed",
                          "policies do not ask which binary opened a connection");
    if (plan->sandbox.log_level)
        plan_add_variable(plan, network, "OPENSHELL_LOG_LEVEL", plan->sandbox.log_level,
                          "the log level that the sandbox asked for");
    plan_network_security(plan, &network->security);
    network->resources = configuration->resources.network;
}

static void plan_network_container(struct plan *plan)
{
    static const char reason[] = "holds the sandbox's credentials and the only way out of its network";
    const struct configuration *configuration = plan->configuration;
    struct planned_container *network = &plan->sidecar;
    if (configuration->sidecar_kind == SIDECAR_NATIVE) {
        network = plan_add_init_container(plan, CONTAINER_NETWORK, configuration->supervisor_image,
                                          configuration->supervisor_image_pull_policy, reason);
        network->is_native_sidecar = true;
    } else {
        *network = (struct planned_container){
            .name = CONTAINER_NETWORK,
            .image = configuration->supervisor_image,
            .pull_policy = configuration->supervisor_image_pull_policy,
            .security = planned_security_none(reason),
            .reason = reason,
        };
    }
    plan_network(plan, network);
}

static void sidecar_plan_pod(struct plan *plan)
{
    topology_plan_supervisor_binary(plan);
    plan_agent(plan);
    plan_network_init(plan);
    plan_network_container(plan);
    topology_plan_workspace(plan);
    plan_add_volume(plan, &(struct planned_volume){.kind = VOLUME_EMPTY_DIRECTORY,
                                                   .name = VOLUME_SIDECAR_STATE,
                                                   .reason = "where the two supervisors meet"});
    plan_add_volume(plan, &(struct planned_volume){.kind = VOLUME_EMPTY_DIRECTORY,
                                                   .name = VOLUME_SUPERVISOR_TLS,
                                                   .reason = "shares the proxy's certificate authority"});
    plan->shares_process_namespace = true;
    plan->sets_fs_group = true;
}

/* The baseline forbids it, too, but may be switched off. */
static bool deny_host_network(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    bool is_left_to_baseline = plan->configuration->pod_security != POD_SECURITY_NONE;
    if (is_left_to_baseline || !cJSON_IsTrue(json_member(plan->view.spec, "hostNetwork")))
        return true;
    return denial_list_add(
        denials, "HostNetwork", JSON_MEMBER(&pod_path_spec, "hostNetwork"), error,
        "the fence would be set up in the node's own network, for all that runs there; leave "
        "it out");
}

static bool sidecar_deny_unsupported(const struct plan *plan, struct error *error,
                                     struct denial_list *denials)
{
    return deny_host_network(plan, error, denials) && container_rules_deny_sidecar(plan, error, denials);
}

const struct topology_definition topology_sidecar = {
    .name = "sidecar",
    .plan_command = sidecar_plan_command,
    .plan_pod = sidecar_plan_pod,
    .deny_unsupported = sidecar_deny_unsupported,
};
