#include "webhook/injection/topology.h"

#include "common/names.h"

#include <string.h>

const struct topology_definition *topology_find(enum topology topology)
{
    static const struct topology_definition *const definitions[] = {
        [TOPOLOGY_COMBINED] = &topology_combined,
        [TOPOLOGY_SIDECAR] = &topology_sidecar,
    };
    return definitions[topology];
}

const char *topology_supervisor_path(struct plan *plan)
{
    const struct configuration *configuration = plan->configuration;
    if (configuration->sideload_method == SIDELOAD_IMAGE_VOLUME)
        return plan_format(plan, "%s%s", configuration->supervisor_mount_path,
                           configuration->supervisor_binary_path);
    return plan_format(plan, "%s/%s", configuration->supervisor_mount_path, SUPERVISOR_BINARY);
}

void topology_plan_profiles(const struct plan *plan, struct planned_security *security)
{
    security->app_armor_profile = plan->configuration->app_armor_profile;
    security->seccomp_profile = plan->configuration->seccomp_profile;
}

static void plan_install_container(struct plan *plan)
{
    const struct configuration *configuration = plan->configuration;
    struct planned_container *install = plan_add_init_container(
        plan, CONTAINER_INSTALL, configuration->supervisor_image, configuration->supervisor_image_pull_policy,
        "copies the supervisor's binary into the volume that the agent's container starts it from");
    const char *target = topology_supervisor_path(plan);
    install->program = configuration->supervisor_binary_path;
    if (configuration->supervisor_install == SUPERVISOR_INSTALL_CP) {
        plan_add_argument(plan, install, "cp");
        plan_add_argument(plan, install, configuration->supervisor_binary_path);
    } else {
        plan_add_argument(plan, install, configuration->supervisor_binary_path);
        plan_add_argument(plan, install, "copy-self");
    }
    plan_add_argument(plan, install, target);
    plan_add_mount(plan, install, VOLUME_SUPERVISOR, configuration->supervisor_mount_path, false,
                   "where the supervisor's binary is copied to");
    install->security.run_as_user = 0;
    install->security.seccomp_profile = configuration->seccomp_profile;
    install->resources = configuration->resources.install;
}

void topology_plan_supervisor_binary(struct plan *plan)
{
    const struct configuration *configuration = plan->configuration;
    struct planned_volume volume = {.name = VOLUME_SUPERVISOR};
    if (configuration->sideload_method == SIDELOAD_IMAGE_VOLUME) {
        volume.kind = VOLUME_IMAGE;
        volume.source = configuration->supervisor_image;
        volume.pull_policy = configuration->supervisor_image_pull_policy;
        volume.reason =
            "brings the supervisor's image into the pod, so that the agent's image needs no change";
    } else {
        volume.kind = VOLUME_EMPTY_DIRECTORY;
        volume.reason = "holds the supervisor's binary, so that the agent's image needs no change";
        plan_install_container(plan);
    }
    plan_add_volume(plan, &volume);
    plan_add_mount(plan, &plan->agent, VOLUME_SUPERVISOR, configuration->supervisor_mount_path, true,
                   "the agent's container starts the supervisor from here");
}

static void plan_credential(struct plan *plan, struct planned_container *holder, int secret_mode)
{
    if (plan->sandbox.credential == CREDENTIAL_SANDBOX_TOKEN) {
        plan_add_volume(plan,
                        &(struct planned_volume){
                            .kind = VOLUME_SECRET,
                            .name = VOLUME_SANDBOX_TOKEN,
                            .source = plan_format(plan, SANDBOX_SECRET_PREFIX "%s", plan->sandbox.id),
                            .item_key = SANDBOX_SECRET_TOKEN_KEY,
                            .item_path = SANDBOX_SECRET_TOKEN_KEY,
                            .mode = secret_mode,
                            .reason = "the sandbox's own token; the Secret's name follows from the id label",
                        });
        plan_add_mount(plan, holder, VOLUME_SANDBOX_TOKEN, CREDENTIAL_DIRECTORY, true,
                       "the supervisor proves to the gateway with it which sandbox it is");
        plan_add_variable(plan, holder, "OPENSHELL_SANDBOX_TOKEN_FILE",
                          CREDENTIAL_DIRECTORY "/" SANDBOX_SECRET_TOKEN_KEY,
                          "where the supervisor finds the sandbox's token");
        return;
    }
    plan_add_volume(plan,
                    &(struct planned_volume){
                        .kind = VOLUME_TOKEN,
                        .name = VOLUME_SERVICE_ACCOUNT_TOKEN,
                        .source = "openshell-gateway",
                        .seconds = plan->configuration->service_account_token_seconds,
                        .mode = secret_mode,
                        .reason = "a token for the gateway alone, which the supervisor exchanges for its own",
                    });
    plan_add_mount(plan, holder, VOLUME_SERVICE_ACCOUNT_TOKEN, CREDENTIAL_DIRECTORY, true,
                   "the supervisor proves to the gateway with it which pod it is in");
    plan_add_variable(plan, holder, "OPENSHELL_K8S_SA_TOKEN_FILE", CREDENTIAL_DIRECTORY "/token",
                      "where the supervisor finds the service account's token");
}

static void plan_client_tls(struct plan *plan, struct planned_container *holder, const char *tls_directory,
                            int secret_mode)
{
    plan_add_volume(plan,
                    &(struct planned_volume){
                        .kind = VOLUME_SECRET,
                        .name = VOLUME_CLIENT_TLS,
                        .source = plan->configuration->client_tls_secret_name,
                        .mode = secret_mode,
                        .reason = "the client certificate with which the supervisor reaches the gateway",
                    });
    static const char reason[] = "where the supervisor finds its TLS material for the gateway";
    plan_add_variable(plan, holder, "OPENSHELL_TLS_CA", plan_format(plan, "%s/ca.crt", tls_directory),
                      reason);
    plan_add_variable(plan, holder, "OPENSHELL_TLS_CERT", plan_format(plan, "%s/tls.crt", tls_directory),
                      reason);
    plan_add_variable(plan, holder, "OPENSHELL_TLS_KEY", plan_format(plan, "%s/tls.key", tls_directory),
                      reason);
}

/* The directory that holds the socket; the configuration refuses a socket directly under `/`. */
static const char *socket_directory(struct plan *plan)
{
    const char *path = plan->configuration->spiffe_workload_api_socket_path;
    const char *slash = strrchr(path, '/');
    return plan_format(plan, "%.*s", slash ? (int) (slash - path) : 0, path);
}

static void plan_spiffe(struct plan *plan, struct planned_container *holder)
{
    plan_add_volume(
        plan, &(struct planned_volume){
                  .kind = VOLUME_CSI,
                  .name = VOLUME_SPIFFE,
                  .source = "csi.spiffe.io",
                  .reason = "the SPIFFE Workload API, from which the supervisor takes provider identities",
              });
    plan->spiffe_directory = socket_directory(plan);
    plan_add_mount(plan, holder, VOLUME_SPIFFE, plan->spiffe_directory, true,
                   "where the supervisor reaches the SPIFFE Workload API");
    plan_add_variable(plan, holder, "OPENSHELL_PROVIDER_SPIFFE_WORKLOAD_API_SOCKET",
                      plan->configuration->spiffe_workload_api_socket_path,
                      "the socket of the SPIFFE Workload API");
}

void topology_plan_gateway_access(struct plan *plan, struct planned_container *holder,
                                  const char *tls_directory, int secret_mode)
{
    plan_add_variable(plan, holder, "OPENSHELL_ENDPOINT", plan->configuration->gateway_endpoint,
                      "the gateway that the supervisor reports to");
    if (*plan->configuration->client_tls_secret_name)
        plan_client_tls(plan, holder, tls_directory, secret_mode);
    if (*plan->configuration->spiffe_workload_api_socket_path)
        plan_spiffe(plan, holder);
    plan_credential(plan, holder, secret_mode);
}

void topology_plan_identity(struct plan *plan, struct planned_container *container,
                            const char *ssh_socket_path)
{
    const struct sandbox *sandbox = &plan->sandbox;
    plan_add_variable(plan, container, "OPENSHELL_SANDBOX_ID", sandbox->id,
                      "the sandbox's id, from its label");
    plan_add_variable(plan, container, "OPENSHELL_SANDBOX", sandbox->name,
                      "the sandbox's name, from its label");
    plan_add_variable(plan, container, "OPENSHELL_TELEMETRY_ENABLED",
                      plan->configuration->telemetry ? "true" : "false", "telemetry as configured");
    plan_add_variable(plan, container, "OPENSHELL_NETWORK_RUNTIME_CAPABILITIES", "",
                      "empty, so that an image cannot claim other network capabilities");
    plan_add_variable(plan, container, "OPENSHELL_SSH_SOCKET_PATH", ssh_socket_path,
                      "where the supervisor offers SSH into the sandbox");
    plan_add_variable(plan, container, "OPENSHELL_OCI_IMAGE_USER", "",
                      "empty, because the numeric user and group below decide");
    plan_add_variable(plan, container, "OPENSHELL_SANDBOX_UID", plan_format(plan, "%u", sandbox->uid),
                      "the user that the agent's process runs as");
    plan_add_variable(plan, container, "OPENSHELL_SANDBOX_GID", plan_format(plan, "%u", sandbox->gid),
                      "the group that the agent's process runs as");
}

void topology_plan_proxy_arguments(struct plan *plan, struct planned_container *container)
{
    const struct configuration *configuration = plan->configuration;
    if (!*configuration->upstream_proxy_url)
        return;
    plan_add_argument(plan, container, "--upstream-proxy");
    plan_add_argument(plan, container, configuration->upstream_proxy_url);
    if (*configuration->upstream_no_proxy) {
        plan_add_argument(plan, container, "--upstream-no-proxy");
        plan_add_argument(plan, container, configuration->upstream_no_proxy);
    }
    if (*configuration->upstream_proxy_auth_secret_name) {
        plan_add_argument(plan, container, "--upstream-proxy-auth-file");
        plan_add_argument(plan, container, PROXY_AUTH_DIRECTORY "/upstream-proxy");
        if (configuration->upstream_proxy_auth_allow_insecure)
            plan_add_argument(plan, container, "--upstream-proxy-auth-allow-insecure");
    }
    if (configuration->upstream_proxy_connect_by_hostname)
        plan_add_argument(plan, container, "--upstream-proxy-connect-by-hostname");
}

/* Copies the image's /sandbox into a fresh workspace once; a file marks that it was done, so that a restart
 * keeps what the agent wrote. Owner and mode are the volume's, not the image's. Written for any POSIX shell
 * with GNU or BusyBox tar: without pipefail, the writing tar's status comes back through descriptor 3. */
static const char workspace_script[] = "set -eu\n"
                                       "[ ! -e /workspace-pvc/.workspace-initialized ] || exit 0\n"
                                       "if [ -d /sandbox ]; then\n"
                                       "  packed=$({ { tar -C /sandbox -cf - .; echo $? >&3; } |\n"
                                       "    tar -C /workspace-pvc -xmof - --no-same-permissions; } 3>&1)\n"
                                       "  [ \"$packed\" = 0 ]\n"
                                       "fi\n"
                                       "touch /workspace-pvc/.workspace-initialized\n";

void topology_plan_workspace(struct plan *plan)
{
    if (!plan->sandbox.has_workspace)
        return;
    struct planned_container *seed = plan_add_init_container(
        plan, CONTAINER_WORKSPACE_INIT, json_text(plan->sandbox.agent, "image"),
        json_text(plan->sandbox.agent, "imagePullPolicy"),
        "fills a fresh workspace from the image's /sandbox, which the volume would otherwise hide");
    plan_add_argument(plan, seed, "sh");
    plan_add_argument(plan, seed, "-c");
    plan_add_argument(plan, seed, workspace_script);
    plan_add_mount(plan, seed, VOLUME_WORKSPACE, "/workspace-pvc", false, "the workspace to fill");
    seed->security.run_as_user = 0;
    seed->security.seccomp_profile = plan->configuration->seccomp_profile;
    seed->resources = plan->configuration->resources.workspace_init;
    plan->sets_fs_group = true;
}
