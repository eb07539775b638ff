#include "kubernetes/configuration_check.h"

#include "kubernetes/curl_cleanup.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_material_given(const struct kubernetes_material *material)
{
    return material->path || material->data;
}

static bool is_loopback(const char *host)
{
    /* As an address, not as text: 127.example.com is anyone's. */
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    _cleanup_(curl_freep) char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

/* As RFC 3986 has it: libcurl also takes one slash, or three, for two. */
static bool has_authority(const char *server, const char *scheme)
{
    const char *rest = server + strlen(scheme);
    return strncmp(rest, "://", strlen("://")) == 0 && rest[strlen("://")] != '/';
}

static bool check_server(const struct kubernetes_configuration *configuration, struct error *error)
{
    _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
    _cleanup_(curl_freep) char *scheme = NULL;
    _cleanup_(curl_freep) char *host = NULL;
    if (!url)
        return error_set_no_memory(error);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, configuration->server, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_set_no_memory(error);
    /* Not repeated in the message: a user part would hold a password. */
    if (code != CURLUE_OK || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) ||
        !has_authority(configuration->server, scheme))
        return error_set(error, ERROR_INVALID, "server: must be a URL that begins with https:// or http://");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
        has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return error_set(error, ERROR_INVALID, "server: must have no user, query or fragment");
    if (strcmp(scheme, "http") == 0 && is_material_given(&configuration->token) && !is_loopback(host))
        return error_set(error, ERROR_INVALID,
                         "server: must be https, since a token would go over the network in the clear");
    return true;
}

static bool check(const struct kubernetes_configuration *configuration, struct error *error)
{
    bool has_certificate = is_material_given(&configuration->client_certificate);
    bool has_key = is_material_given(&configuration->client_key);
    if (!check_server(configuration, error))
        return false;
    if (has_certificate && !has_key)
        return error_set(error, ERROR_INVALID, "client-key: must be given with client-certificate");
    if (has_key && !has_certificate)
        return error_set(error, ERROR_INVALID, "client-certificate: must be given with client-key");
    if (configuration->is_insecure && is_material_given(&configuration->authority))
        return error_set(error, ERROR_INVALID,
                         "insecure-skip-tls-verify: must not be true beside a certificate-authority");
    return true;
}

bool configuration_check(struct kubernetes_configuration *configuration, struct error *error)
{
    if (!check(configuration, error))
        return error_prefix(error, "%s", configuration->source);
    size_t length = strlen(configuration->server);
    while (length && configuration->server[length - 1] == '/')
        configuration->server[--length] = '\0';
    return true;
}
