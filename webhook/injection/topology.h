/* Placements of the supervisor, one file each. Nothing outside those files may assume how many there are: the
 * rules and the edits ask the table.
 */
#pragma once

#include "webhook/injection/denial.h"
#include "webhook/injection/plan.h"

struct topology_definition {
    const char *name; /* as in the configuration */

    /* The agent's command line: the same for every pod of one configuration. */
    void (*plan_command)(struct plan *plan);

    /* Everything else: volumes, containers, environment, security. Runs after the sandbox is known. */
    void (*plan_pod)(struct plan *plan);

    /* What this placement cannot supervise in the user's part of the pod. */
    bool (*deny_unsupported)(const struct plan *plan, struct error *error, struct denial_list *denials);
};

const struct topology_definition *topology_find(enum topology topology);

extern const struct topology_definition topology_combined;
extern const struct topology_definition topology_sidecar;

/* Parts that more than one placement uses (topology_common.c). */

/* The supervisor's binary as the agent's container sees it. An image volume shows the whole image under the
 * mount path, so the binary keeps its path within the image; the init container copies it to the mount path
 * itself (H.3). */
const char *topology_supervisor_path(struct plan *plan);

/* openshell-supervisor-bin and its mount in the agent; with init-container, the container that fills it. */
void topology_plan_supervisor_binary(struct plan *plan);

/* The credential's, client TLS' and SPIFFE's volumes and their mounts and variables in `holder`, the
 * container whose supervisor talks to the gateway; `tls_directory` is where that container finds the client
 * certificate. */
void topology_plan_gateway_access(struct plan *plan, struct planned_container *holder,
                                  const char *tls_directory, int secret_mode);

/* Id, name, telemetry, runtime capabilities, SSH socket, user identity (H.5). */
void topology_plan_identity(struct plan *plan, struct planned_container *container,
                            const char *ssh_socket_path);

/* --upstream-proxy and its kin, in H.4's order. */
void topology_plan_proxy_arguments(struct plan *plan, struct planned_container *container);

/* workspace-init, when the pod has a workspace. */
void topology_plan_workspace(struct plan *plan);

/* App Armor and seccomp as configured. */
void topology_plan_profiles(const struct plan *plan, struct planned_security *security);
