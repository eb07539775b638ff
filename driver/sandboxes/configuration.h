/* The driver's configuration: read once from flags and environment, then read-only.
 *
 * Every option of contract/supervised-pod.md H.7 that concerns the driver, under its upstream flag and
 * variable, and our own. Flag over environment over default. Not for: what the webhook puts into pods.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "common/log.h"

#include <stddef.h>

enum workspace_mode { WORKSPACE_SHARED, WORKSPACE_MANAGED, WORKSPACE_OPERATOR };

/* A network policy for managed namespaces that lets only the gateway's pods in, to port 2222. */
struct ssh_ingress {
    bool is_enabled;
    char *gateway_namespace;
    char *gateway_pod_selector; /* "key=value,key=value" */
};

/* Where sandbox tokens are renewed. */
struct gateway_access {
    char *endpoint; /* "https://host:port" or "http://host:port"; "": tokens are not renewed */
    char *authority_file;
    char *certificate_file;
    char *key_file;
    char *server_name; /* verified instead of the endpoint's host; "": the host */
};

/* Strings are never NULL: what is not set is "". */
struct driver_configuration {
    enum workspace_mode workspace_mode;
    char *gateway_id;
    char *namespace_name; /* of all sandboxes in shared mode */
    char *operator_namespace_label;
    char *operator_namespace_file;
    char *service_account_name;
    bool automount_service_account_token;
    char *default_image;
    char *image_pull_policy;      /* "", Always, IfNotPresent, Never */
    char *image_pull_secrets;     /* separated by commas */
    char *client_tls_secret_name; /* copied into managed namespaces */
    char *workspace_storage_size;
    char *workspace_storage_class;
    char *default_runtime_class_name;
    unsigned image_pull_timeout_seconds;
    struct ssh_ingress ssh_ingress;
    struct gateway_access gateway;

    char *socket_path;
    char *kubeconfig;
    char *kubeconfig_context;
    char *metrics_address; /* "host:port"; "": no listener */
    enum log_level log_level;
    bool wants_help;
    bool wants_version;
};

/* Reads `arguments` (without the program's name and subcommand; both `--name value` and `--name=value`) and
 * `environment` ("NAME=value" entries ended by NULL, or NULL), and checks every value. ERROR_INVALID names
 * the flag or variable and never repeats the value of another one. The caller owns `*configuration`. */
bool driver_configuration_load(const char *const *arguments, size_t count, char *const *environment,
                               struct error *error,
                               struct driver_configuration **configuration) _warn_unused_result_;

/* Accepts NULL. */
void driver_configuration_free(struct driver_configuration *configuration);

/* Appends one line per option, for --help. */
void driver_configuration_append_help(struct buffer *buffer);
