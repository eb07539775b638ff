/* The plan: everything that a supervised pod must have, worked out before the first edit, as plain values
 * that can be compared with what a pod has and built where it is missing. A topology fills it (topology.h);
 * apply.c and the rules read it. Source: contract/supervised-pod.md H.1 to H.6, contract/decisions.md
 * section 2.
 */
#pragma once

#include "webhook/injection/configuration.h"
#include "webhook/injection/pod_view.h"

#include <stdint.h>

#define CONTAINER_INSTALL "openshell-supervisor-install"
#define CONTAINER_NETWORK_INIT "openshell-network-init"
#define CONTAINER_WORKSPACE_INIT "workspace-init"

#define VOLUME_CLIENT_TLS "openshell-client-tls"
#define VOLUME_PROXY_AUTH "openshell-upstream-proxy-auth"
#define VOLUME_SPIFFE "spiffe-workload-api"
#define VOLUME_SERVICE_ACCOUNT_TOKEN "openshell-sa-token"
#define VOLUME_SANDBOX_TOKEN "openshell-sandbox-token"
#define VOLUME_SIDECAR_STATE "openshell-sidecar-state"
#define VOLUME_SUPERVISOR_TLS "openshell-supervisor-tls"

#define CLIENT_TLS_DIRECTORY "/etc/openshell-tls/client"
#define PROXY_TLS_DIRECTORY "/etc/openshell-tls/proxy"
#define PROXY_AUTH_DIRECTORY "/etc/openshell/auth"
#define SIDECAR_STATE_DIRECTORY "/run/openshell-sidecar"
#define CREDENTIAL_DIRECTORY "/var/run/secrets/openshell"

/* More than any topology needs; the tables below are filled by plan_add_*, which check. */
#define PLAN_ARGUMENTS 24
#define PLAN_VARIABLES 28
#define PLAN_MOUNTS 12
#define PLAN_VOLUMES 12
#define PLAN_INIT_CONTAINERS 4
#define PLAN_STRINGS 48
#define PLAN_STRING_BYTES (4u * 1024 * 1024)

struct planned_variable {
    const char *name;
    const char *value;
    const char *reason;
};

struct planned_mount {
    const char *volume;
    const char *path;
    bool is_read_only;
    const char *reason;
};

enum planned_flag { FLAG_UNSET, FLAG_FALSE, FLAG_TRUE };

/* A container's security context; what is unset must be absent. */
struct planned_security {
    int64_t run_as_user;  /* -1: unset */
    int64_t run_as_group; /* -1: unset */
    enum planned_flag run_as_non_root;
    enum planned_flag allow_privilege_escalation;
    const char *const *add; /* capabilities, ended by NULL; NULL: none */
    bool drops_all;
    const char *app_armor_profile; /* "": unset */
    const char *seccomp_profile;   /* "": unset */
    const char *reason;
};

struct planned_container {
    const char *name;
    const char *image;       /* NULL for the agent: its own */
    const char *pull_policy; /* "": not ours to say */
    const char *program;     /* the supervisor in its own image; NULL: another image's program */
    const char *arguments[PLAN_ARGUMENTS + 1];
    size_t argument_count;
    struct planned_variable variables[PLAN_VARIABLES];
    size_t variable_count;
    struct planned_mount mounts[PLAN_MOUNTS];
    size_t mount_count;
    struct planned_security security;
    const cJSON *resources; /* NULL: none */
    bool is_native_sidecar; /* restartPolicy: Always */
    const cJSON *present;   /* see plan_find_own_containers; NULL: the pod does not have it */
    const char *reason;
};

enum volume_kind { VOLUME_SECRET, VOLUME_TOKEN, VOLUME_IMAGE, VOLUME_EMPTY_DIRECTORY, VOLUME_CSI };

struct planned_volume {
    enum volume_kind kind;
    const char *name;
    const char *source;      /* secret name, image reference, audience or CSI driver */
    const char *pull_policy; /* VOLUME_IMAGE; "": unset */
    const char *item_key;    /* VOLUME_SECRET: mount just this key; NULL: all */
    const char *item_path;
    int mode;         /* VOLUME_SECRET, VOLUME_TOKEN */
    uint32_t seconds; /* VOLUME_TOKEN */
    const char *reason;
};

/* What the labels and the owner say of the sandbox, and what follows from it. */
struct sandbox {
    const char *id;
    const char *name;
    cJSON *agent;
    size_t agent_index;
    enum credential credential; /* never CREDENTIAL_AUTO */
    bool has_user_namespace;    /* an effective hostUsers: false */
    bool has_workspace;         /* volume `workspace` at /sandbox */
    bool has_our_command;       /* the agent's command is exactly the supervisor's, or was: see is_stored */
    bool is_marked;             /* our second pass: command, volume and annotation are there, or were */
    const char *log_level;      /* the pod's literal OPENSHELL_LOG_LEVEL, or NULL */
    uint32_t uid;
    uint32_t gid;
    uint32_t proxy_uid; /* of the network supervisor; sidecar topology */
};

struct plan {
    const struct configuration *configuration;
    bool is_stored; /* as in struct injection_request */
    struct pod_view view;
    struct sandbox sandbox;

    struct planned_container agent;
    struct planned_container init_containers[PLAN_INIT_CONTAINERS]; /* in their order, before the user's */
    size_t init_container_count;
    struct planned_container sidecar; /* name NULL: none as a container */
    struct planned_volume volumes[PLAN_VOLUMES];
    size_t volume_count;
    const char *spiffe_directory; /* holds the Workload API's socket; NULL: not configured */
    bool shares_process_namespace;
    bool sets_fs_group;
    const char *warning; /* static, or NULL */

    char *strings[PLAN_STRINGS]; /* owned; what the tables point to */
    size_t string_count;
    bool has_failed; /* memory; checked by plan_check */
};

void plan_done(struct plan *plan);

/* True when nothing failed; else ERROR_NO_MEMORY (or ERROR_INTERNAL: a table is too small). */
bool plan_check(const struct plan *plan, struct error *error) _warn_unused_result_;

/* Makes a string that lives as long as the plan; "" after a failure. */
const char *plan_format(struct plan *plan, const char *format, ...) _printf_(2, 3);

/* Takes over a heap string (NULL: its making failed). */
const char *plan_keep(struct plan *plan, char *string);

/* Append to the tables. */
void plan_add_argument(struct plan *plan, struct planned_container *container, const char *argument);
void plan_add_variable(struct plan *plan, struct planned_container *container, const char *name,
                       const char *value, const char *reason);
void plan_add_mount(struct plan *plan, struct planned_container *container, const char *volume,
                    const char *path, bool is_read_only, const char *reason);
void plan_add_volume(struct plan *plan, const struct planned_volume *volume);

/* A new init container after those planned so far; its fields are zero but for what is given. */
struct planned_container *plan_add_init_container(struct plan *plan, const char *name, const char *image,
                                                  const char *pull_policy, const char *reason);

/* A security context in which nothing is set. */
struct planned_security planned_security_none(const char *reason);

/* Lookups; NULL when there is none. */
const struct planned_variable *planned_find_variable(const struct planned_container *container,
                                                     const char *name);
const struct planned_mount *planned_find_mount(const struct planned_container *container, const char *volume,
                                               const char *path);
const struct planned_volume *plan_find_volume(const struct plan *plan, const char *name);

/* A container of this name is planned. */
bool plan_has_container(const struct plan *plan, const char *name);

/* Finds the containers of the plan that the pod has already: each bears the name, in the list where it
 * belongs, as the first of that list. Whatever else bears the name is the user's, or another webhook's. Once,
 * when the plan is made and nothing is edited: the rules ask often, and lists may be long. */
void plan_find_own_containers(struct plan *plan);

/* The container is one of those, or one of that name is. */
bool plan_owns_container(const struct plan *plan, const cJSON *container);
bool plan_owns_name(const struct plan *plan, const char *name);

/* A name that only we may give a volume / a container (F.3 and decisions section 2); `workspace` is not among
 * them. */
bool is_reserved_volume(const char *name);
bool is_reserved_container(const char *name);
