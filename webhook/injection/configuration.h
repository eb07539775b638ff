/* The webhook's configuration: what shapes supervised pods, checked once, then read-only.
 *
 * One value each for every option of contract/supervised-pod.md H.7 that concerns the pod and for the
 * webhook's rows of contract/decisions.md section 4. Sources, strongest first: command-line flag, environment
 * variable, YAML file (kind InjectorConfiguration, injector.openshell.ai/v1alpha1), default.
 *
 * Not for: how the server listens (webhook/server), which does not shape pods.
 */
#pragma once

#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIGURATION_API_VERSION "injector.openshell.ai/v1alpha1"
#define CONFIGURATION_KIND "InjectorConfiguration"

/* Limits, in bytes unless the name says otherwise. */
#define CONFIGURATION_FILE_BYTES ((size_t) 1 << 20) /* as much as a ConfigMap holds */
#define CONFIGURATION_STRING_BYTES 4096             /* a string, an item of a list, a key of a map */
#define CONFIGURATION_LIST_ITEMS 1024
#define CONFIGURATION_MAP_ENTRIES 128
#define CONFIGURATION_MAP_BYTES 65536 /* keys and values of a map together */
#define CONFIGURATION_QUANTITY_BYTES 63

/* 64 hexadecimal digits and the terminating NUL. */
#define CONFIGURATION_DIGEST_BYTES 65

enum topology { TOPOLOGY_COMBINED, TOPOLOGY_SIDECAR };
enum sideload_method { SIDELOAD_IMAGE_VOLUME, SIDELOAD_INIT_CONTAINER };
enum supervisor_install { SUPERVISOR_INSTALL_COPY_SELF, SUPERVISOR_INSTALL_CP };
enum sidecar_kind { SIDECAR_CONTAINER, SIDECAR_NATIVE };
enum credential { CREDENTIAL_AUTO, CREDENTIAL_SANDBOX_TOKEN, CREDENTIAL_SERVICE_ACCOUNT };
enum pod_security { POD_SECURITY_BASELINE, POD_SECURITY_NONE };

struct string_list {
    char **items; /* owned strings */
    size_t count;
};

/* A map of strings, sorted by key; keys are unique. */
struct string_map {
    char **keys;
    char **values;
    size_t count;
};

/* `resources` for each injected container, as Kubernetes objects; NULL: none. */
struct injected_resources {
    cJSON *install;
    cJSON *network_init;
    cJSON *network;
    cJSON *workspace_init;
};

/* Strings are never NULL: an option that is not set is "". */
struct configuration {
    enum topology topology;

    char *supervisor_image;
    char *supervisor_image_pull_policy; /* "", Always, IfNotPresent, Never */
    enum sideload_method sideload_method;
    char *supervisor_binary_path; /* in the supervisor image */
    char *supervisor_mount_path;  /* in the agent's container */
    enum supervisor_install supervisor_install;

    enum sidecar_kind sidecar_kind;
    uint32_t sidecar_proxy_uid; /* 1000..2^32-2 */
    bool sidecar_binary_aware_network_policy;

    char *gateway_endpoint;
    enum credential credential;
    char *client_tls_secret_name;
    uint32_t service_account_token_seconds; /* 600..86400, clamped */

    char *upstream_proxy_url;
    char *upstream_no_proxy;
    char *upstream_proxy_auth_secret_name;
    char *upstream_proxy_auth_secret_key;
    bool upstream_proxy_auth_allow_insecure;
    bool upstream_proxy_connect_by_hostname;

    char *spiffe_workload_api_socket_path;

    uint32_t sandbox_uid; /* 0: from the namespace's annotations, else 1000 */
    uint32_t sandbox_gid; /* 0: see H.6 */
    char *ssh_socket_path;
    char *host_gateway_ip;
    bool user_namespaces;
    char *app_armor_profile; /* "", RuntimeDefault, Unconfined, Localhost/<name> */
    char *seccomp_profile;   /* the same forms */
    bool telemetry;

    struct injected_resources resources;
    struct string_map agent_environment;
    struct string_map pod_labels;
    struct string_map pod_annotations;
    struct string_list allowed_images; /* empty: every image */
    struct string_list allowed_containers;
    struct string_list allowed_creator_users; /* both creator lists empty: every creator */
    struct string_list allowed_creator_groups;
    enum pod_security pod_security;
    bool allow_service_account_token;

    char digest[CONFIGURATION_DIGEST_BYTES]; /* hex SHA-256 of the canonical JSON of the keys above: replicas
                                                compare it */
};

/* One flag given on a command line, name without dashes. `value` is NULL when none was given: true for a flag
 * that takes none. */
struct configuration_flag {
    const char *name;
    const char *value;
};

/* Where the values come from. A variable that is empty counts as not there; a flag or a key of the file that
 * is
 * "" takes a value back that a weaker source gave (where the option may be without). */
struct configuration_sources {
    const char *file;                       /* path of the YAML file, or NULL */
    const char *text;                       /* the file's content, when it was read already; else NULL */
    char *const *environment;               /* "NAME=value" entries ended by NULL, or NULL */
    const struct configuration_flag *flags; /* may be NULL when flag_count is 0 */
    size_t flag_count;
};

/* Reads all sources, validates every rule of H.7 and computes the digest. Call it again to reload. On failure
 * the error names the source and never shows a value, and `*configuration` is left as it was:
 *
 *     config "injector.yaml" line 12: upstreamProxy.url: must be http://host:port without ...
 *     environment OPENSHELL_UPSTREAM_PROXY: must be ...
 *     flag --proxy-uid: must be ...
 *
 * A file is checked as a whole, whatever stronger sources say. Codes: ERROR_INVALID; ERROR_TOO_LARGE for the
 * file's limits; ERROR_NOT_FOUND, ERROR_PERMISSION_DENIED, ERROR_IO from reading it; ERROR_NO_MEMORY. The
 * caller frees `*configuration` with configuration_free. */
bool configuration_load(const struct configuration_sources *sources, struct error *error,
                        struct configuration **configuration) _warn_unused_result_;

/* True when `name` (without dashes) is a flag that configuration_load knows; then says whether it takes a
 * value. One that takes none may be given one all the same, as `--name=false`. */
bool configuration_is_flag(const char *name, bool *takes_value);

/* Appends the help text of all flags for --help, two lines each: flag and variable, then meaning and default.
 */
void configuration_append_help(struct buffer *buffer);

/* The effective configuration in the file's own form, with every key present (null: not set) and no secret in
 * it, since the configuration only names Secrets. A file made from it loads to the same digest. The caller
 * owns
 * `*document`. */
bool configuration_to_json(const struct configuration *configuration, struct error *error,
                           cJSON **document) _warn_unused_result_;

/* Appends the canonical JSON that the digest is of: the keys above, without apiVersion and kind. */
bool configuration_append_canonical(const struct configuration *configuration, struct error *error,
                                    struct buffer *buffer) _warn_unused_result_;

/* Most bytes of that: far past what all lists and maps at their limits can print. */
#define CONFIGURATION_CANONICAL_BYTES ((size_t) 64 << 20)

/* Releases everything; accepts NULL. */
void configuration_free(struct configuration *configuration);
DEFINE_POINTER_CLEANUP(struct configuration *, configuration_free)
