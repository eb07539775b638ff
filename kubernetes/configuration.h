/* Where the API server is and as whom to speak to it: read from kubeconfig files or from the files that a pod
 * finds mounted. Holds secrets: they are wiped when freed and never part of a message.
 *
 * Served of a kubeconfig: server, certificate-authority(-data), insecure-skip-tls-verify, tls-server-name,
 * proxy-url; client-certificate(-data), client-key(-data), token, tokenFile; contexts with their namespace.
 * Refused with a message that says so: exec and auth-provider plugins, user names with passwords,
 * impersonation, a token for a server that is neither https nor loopback. The proxy variables of the
 * environment are not read.
 *
 * Not for: talking to the server (kubernetes/client.h).
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <stddef.h>

/* Largest kubeconfig, certificate, key or token file. */
#define KUBERNETES_FILE_BYTES (1024u * 1024)

#define KUBERNETES_SERVICE_ACCOUNT_DIRECTORY "/var/run/secrets/kubernetes.io/serviceaccount"

/* A certificate, key or token: a file that is read again when it changes, or the bytes themselves, or (both
 * NULL) nothing. */
struct kubernetes_material {
    char *path;
    char *data; /* `length` bytes and a NUL */
    size_t length;
};

struct kubernetes_configuration {
    char *source;          /* for messages: `kubeconfig "/path", context "admin"` or "in-cluster" */
    char *server;          /* "https://host:port" and perhaps a path, without a slash at the end */
    char *namespace_name;  /* the context's or the pod's namespace; NULL: none named */
    char *tls_server_name; /* verified instead of the server's host; NULL: the host */
    char *proxy_url;       /* NULL: direct */
    bool is_insecure;      /* insecure-skip-tls-verify */
    struct kubernetes_material authority; /* PEM; nothing: the system's authorities */
    struct kubernetes_material client_certificate;
    struct kubernetes_material client_key;
    struct kubernetes_material token;
};

/* Finds the configuration as the flags and the environment say, first match: `kubeconfig` (a file; must
 * exist); the files of $KUBECONFIG, merged as kubectl does (missing files are passed over, the first file
 * that defines an entry wins it whole); the pod's own account when $KUBERNETES_SERVICE_HOST is set;
 * ~/.kube/config. `kubeconfig` NULL or "": not given. `context` NULL or "": the current-context; ignored
 * in-cluster. Fails with ERROR_INVALID naming file and field, ERROR_NOT_FOUND when there is nothing,
 * ERROR_IO. The caller owns `*configuration` (kubernetes_configuration_free). */
bool kubernetes_configuration_load(const char *kubeconfig, const char *context, struct error *error,
                                   struct kubernetes_configuration **configuration) _warn_unused_result_;

/* From one or more kubeconfig files; `paths` is separated by ':' as in $KUBECONFIG. */
bool kubernetes_configuration_from_kubeconfig(const char *paths, const char *context, struct error *error,
                                              struct kubernetes_configuration **configuration)
    _warn_unused_result_;

/* From $KUBERNETES_SERVICE_HOST, $KUBERNETES_SERVICE_PORT and the files token, ca.crt and namespace in
 * `directory` (KUBERNETES_SERVICE_ACCOUNT_DIRECTORY). */
bool kubernetes_configuration_in_cluster(const char *directory, struct error *error,
                                         struct kubernetes_configuration **configuration)
    _warn_unused_result_;

/* Wipes the secrets. Accepts NULL. */
void kubernetes_configuration_free(struct kubernetes_configuration *configuration);
DEFINE_POINTER_CLEANUP(struct kubernetes_configuration *, kubernetes_configuration_free)
