#include "kubernetes/configuration.h"

#include "kubernetes/kubeconfig.h"
#include "kubernetes/secret.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_set(const char *value)
{
    return value && *value;
}

static bool from_one_file(const char *path, const char *context, struct error *error,
                          struct kubernetes_configuration **configuration)
{
    _cleanup_(kubeconfig_files_done) struct kubeconfig_files files = {0};
    return kubeconfig_files_read_one(path, error, &files) &&
           kubeconfig_resolve(&files, context, error, configuration);
}

bool kubernetes_configuration_from_kubeconfig(const char *paths, const char *context, struct error *error,
                                              struct kubernetes_configuration **configuration)
{
    _cleanup_(kubeconfig_files_done) struct kubeconfig_files files = {0};
    return kubeconfig_files_read_list(paths, error, &files) &&
           kubeconfig_resolve(&files, context, error, configuration);
}

static bool from_home(const char *context, struct error *error,
                      struct kubernetes_configuration **configuration)
{
    const char *home = getenv("HOME");
    _cleanup_(freep) char *path = NULL;
    if (!is_set(home))
        return error_set(error, ERROR_NOT_FOUND, "no kubeconfig was given and the program is not in a pod");
    if (asprintf(&path, "%s/.kube/config", home) < 0) {
        path = NULL;
        return error_set_no_memory(error);
    }
    struct error failure;
    if (from_one_file(path, context, &failure, configuration))
        return true;
    if (failure.code != ERROR_NOT_FOUND)
        return error_set(error, failure.code, "%s", failure.message);
    return error_set(error, ERROR_NOT_FOUND,
                     "no kubeconfig was given, there is none at \"%s\", and the program is not in a pod",
                     path);
}

bool kubernetes_configuration_load(const char *kubeconfig, const char *context, struct error *error,
                                   struct kubernetes_configuration **configuration)
{
    if (is_set(kubeconfig))
        return from_one_file(kubeconfig, context, error, configuration);
    const char *list = getenv("KUBECONFIG");
    if (is_set(list))
        return kubernetes_configuration_from_kubeconfig(list, context, error, configuration);
    if (is_set(getenv("KUBERNETES_SERVICE_HOST")))
        return kubernetes_configuration_in_cluster(KUBERNETES_SERVICE_ACCOUNT_DIRECTORY, error,
                                                   configuration);
    return from_home(context, error, configuration);
}

static void material_done(struct kubernetes_material *material)
{
    free(material->path);
    secret_wipe(material->data, material->length);
}

void kubernetes_configuration_free(struct kubernetes_configuration *configuration)
{
    if (!configuration)
        return;
    material_done(&configuration->authority);
    material_done(&configuration->client_certificate);
    material_done(&configuration->client_key);
    material_done(&configuration->token);
    /* A proxy's URL may carry a password. */
    secret_free(configuration->proxy_url);
    free(configuration->source);
    free(configuration->server);
    free(configuration->namespace_name);
    free(configuration->tls_server_name);
    free(configuration);
}
