#include "webhook/commands/cluster_client.h"

#include "common/version.h"

#include <curl/curl.h>
#include <signal.h>

bool cluster_client_open(const char *kubeconfig, const char *context, struct error *error,
                         struct kubernetes_client **client)
{
    struct kubernetes_configuration *configuration = NULL;
    const struct kubernetes_client_options options = {.user_agent = PRODUCT_IDENTIFIER};
    /* A connection that the API server drops is an error to report, not the end. */
    signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return error_set(error, ERROR_INTERNAL, "curl cannot start");
    if (kubernetes_configuration_load(kubeconfig, context, error, &configuration) &&
        kubernetes_client_new(configuration, &options, error, client))
        return true;
    curl_global_cleanup();
    return false;
}

void cluster_client_close(struct kubernetes_client *client)
{
    if (!client)
        return;
    kubernetes_client_free(client);
    curl_global_cleanup();
}
