#include "webhook/injection/configuration_constraints.h"

#include "webhook/injection/mount_path.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool has_no_proxy_without_proxy(const struct configuration *configuration)
{
    return *configuration->upstream_no_proxy && !*configuration->upstream_proxy_url;
}

static bool has_connect_by_hostname_without_proxy(const struct configuration *configuration)
{
    return configuration->upstream_proxy_connect_by_hostname && !*configuration->upstream_proxy_url;
}

static bool has_secret_name_without_key(const struct configuration *configuration)
{
    return *configuration->upstream_proxy_auth_secret_name && !*configuration->upstream_proxy_auth_secret_key;
}

static bool has_secret_key_without_name(const struct configuration *configuration)
{
    return *configuration->upstream_proxy_auth_secret_key && !*configuration->upstream_proxy_auth_secret_name;
}

static bool has_secret_without_proxy(const struct configuration *configuration)
{
    return *configuration->upstream_proxy_auth_secret_name && !*configuration->upstream_proxy_url;
}

static bool has_secret_without_consent(const struct configuration *configuration)
{
    return *configuration->upstream_proxy_auth_secret_name &&
           !configuration->upstream_proxy_auth_allow_insecure;
}

static bool has_secret_in_combined_topology(const struct configuration *configuration)
{
    return *configuration->upstream_proxy_auth_secret_name && configuration->topology != TOPOLOGY_SIDECAR;
}

static bool has_consent_without_secret(const struct configuration *configuration)
{
    return configuration->upstream_proxy_auth_allow_insecure &&
           !*configuration->upstream_proxy_auth_secret_name;
}

static bool has_proxy_with_sandbox_uid(const struct configuration *configuration)
{
    return configuration->topology == TOPOLOGY_SIDECAR &&
           configuration->sandbox_uid == configuration->sidecar_proxy_uid;
}

/* The SPIFFE socket's directory is a mount of the agent, too. */
static bool has_supervisor_over_spiffe(const struct configuration *configuration)
{
    const char *socket = configuration->spiffe_workload_api_socket_path;
    char directory[MOUNT_PATH_BYTES] = {0};
    if (!*socket)
        return false;
    memcpy(directory, socket, (size_t) (strrchr(socket, '/') - socket));
    return mount_paths_overlap(directory, configuration->supervisor_mount_path);
}

/* The install container mounts there what it copies its binary to. */
static bool has_supervisor_over_its_binary(const struct configuration *configuration)
{
    return configuration->sideload_method == SIDELOAD_INIT_CONTAINER &&
           mount_paths_overlap(configuration->supervisor_binary_path, configuration->supervisor_mount_path);
}

static const struct configuration_constraint constraints[] = {
    {has_no_proxy_without_proxy, "upstreamProxy.noProxy", NULL, "needs upstreamProxy.url"},
    {has_connect_by_hostname_without_proxy, "upstreamProxy.connectByHostname", NULL,
     "needs upstreamProxy.url"},
    {has_secret_name_without_key, "upstreamProxy.auth.secretName", NULL,
     "needs upstreamProxy.auth.secretKey"},
    {has_secret_key_without_name, "upstreamProxy.auth.secretKey", NULL,
     "needs upstreamProxy.auth.secretName"},
    {has_secret_without_proxy, "upstreamProxy.auth.secretName", NULL, "needs upstreamProxy.url"},
    {has_secret_without_consent, "upstreamProxy.auth.secretName", NULL,
     "needs upstreamProxy.auth.allowInsecure: true, since user and password travel unencrypted"},
    {has_secret_in_combined_topology, "upstreamProxy.auth.secretName", NULL,
     "needs topology: sidecar, since the agent could read the Secret in its own container"},
    {has_consent_without_secret, "upstreamProxy.auth.allowInsecure", NULL,
     "needs upstreamProxy.auth.secretName"},
    {has_proxy_with_sandbox_uid, "sandbox.uid", "sidecar.proxyUID",
     "must differ from sidecar.proxyUID, whose traffic the fence lets through"},
    {has_supervisor_over_spiffe, "supervisorMountPath", "spiffe.workloadAPISocketPath",
     "must not overlap the directory of spiffe.workloadAPISocketPath"},
    {has_supervisor_over_its_binary, "supervisorMountPath", "supervisorBinaryPath",
     "must not hide supervisorBinaryPath from the container that installs it"},
};

const struct configuration_constraint *
configuration_broken_constraint(const struct configuration *configuration)
{
    for (size_t i = 0; i < sizeof constraints / sizeof *constraints; i++) {
        if (constraints[i].is_broken(configuration))
            return &constraints[i];
    }
    return NULL;
}
