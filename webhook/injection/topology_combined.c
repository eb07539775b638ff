/* Combined: the supervisor runs in the agent's own container, starts as root, fences its child and drops to
 * the sandbox's user. Source: contract/supervised-pod.md H.3 to H.5.
 */
#include "webhook/injection/topology.h"

#include "webhook/injection/container_rules.h"

static void combined_plan_command(struct plan *plan)
{
    struct planned_container *agent = &plan->agent;
    plan_add_argument(plan, agent, topology_supervisor_path(plan));
    plan_add_argument(plan, agent, "--workdir");
    plan_add_argument(plan, agent, "/sandbox");
    topology_plan_proxy_arguments(plan, agent);
}

static void plan_agent_security(struct plan *plan)
{
    static const char *const capabilities[] = {"SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYSLOG", NULL};
    /* Inside a user namespace root lacks these over files and identities of the container. */
    static const char *const namespaced_capabilities[] = {
        "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYSLOG", "SETUID", "SETGID", "DAC_READ_SEARCH", NULL};
    struct planned_security *security = &plan->agent.security;
    security->run_as_user = 0;
    security->add = plan->sandbox.has_user_namespace ? namespaced_capabilities : capabilities;
    topology_plan_profiles(plan, security);
}

static void combined_plan_pod(struct plan *plan)
{
    struct planned_container *agent = &plan->agent;
    topology_plan_identity(plan, agent, plan->configuration->ssh_socket_path);
    topology_plan_gateway_access(plan, agent, CLIENT_TLS_DIRECTORY, 0400);
    if (*plan->configuration->client_tls_secret_name)
        plan_add_mount(plan, agent, VOLUME_CLIENT_TLS, CLIENT_TLS_DIRECTORY, true,
                       "where the supervisor finds its TLS material for the gateway");
    static const char neutral[] = "empty, so that an image cannot bring a value of its own";
    plan_add_variable(plan, agent, "OPENSHELL_SANDBOX_TOKEN", "", neutral);
    plan_add_variable(plan, agent, "OPENSHELL_GATEWAY_TLS_SERVER_NAME", "", neutral);
    topology_plan_supervisor_binary(plan);
    topology_plan_workspace(plan);
    plan_agent_security(plan);
}

const struct topology_definition topology_combined = {
    .name = "combined",
    .plan_command = combined_plan_command,
    .plan_pod = combined_plan_pod,
    .deny_unsupported = container_rules_deny_combined,
};
