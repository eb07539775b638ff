/* Any bytes as a kubeconfig. What must hold: a configuration that was accepted names a server that a token
 * may be sent to, and a refusal names the file. */
#include "kubernetes/configuration.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct kubernetes_configuration *configuration)
{
    bool has_token = configuration->token.path || configuration->token.data;
    bool is_https = strncasecmp(configuration->server, "https://", strlen("https://")) == 0;
    if (has_token && !is_https && !strstr(configuration->server, "127.") &&
        !strstr(configuration->server, "localhost") && !strstr(configuration->server, "[::1]"))
        abort();
    bool has_certificate = configuration->client_certificate.path || configuration->client_certificate.data;
    bool has_key = configuration->client_key.path || configuration->client_key.data;
    if (has_certificate != has_key || !configuration->source)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    static const char path_format[] = "/proc/self/fd/%d";
    char path[sizeof path_format + 16];
    if (descriptor < 0)
        descriptor = memfd_create("kubeconfig", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, 0) < 0 || pwrite(descriptor, data, size, 0) != (ssize_t) size)
        abort();
    snprintf(path, sizeof path, path_format, descriptor);
    _cleanup_(kubernetes_configuration_freep) struct kubernetes_configuration *configuration = NULL;
    struct error error;
    if (kubernetes_configuration_load(path, NULL, &error, &configuration))
        check(configuration);
    else if (configuration || !strstr(error.message, "kubeconfig"))
        abort();
    return 0;
}
