#include "kubernetes/transport.h"

#include "kubernetes/connection.h"
#include "kubernetes/curl_cleanup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct transport {
    struct connection_settings settings;
    char *server_url;
    char *base_path;
    char *user_agent;
    struct curl_slist *connect_to;
    struct kubernetes_credentials *credentials;

    pthread_mutex_t mutex; /* guards the idle connections */
    struct connection *idle[TRANSPORT_IDLE_CONNECTIONS];
    size_t idle_count;
};

/* The certificate is verified, and SNI sent, for the host of the URL: so the URL names tls-server-name, and
 * libcurl is told to connect to the real host instead. */
static CURLUcode replace_host(struct transport *transport, CURLU *url, const char *name)
{
    _cleanup_(curl_freep) char *host = NULL;
    _cleanup_(curl_freep) char *port = NULL;
    CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_HOST, name, 0);
    if (code != CURLUE_OK)
        return code;
    _cleanup_(freep) char *rule = NULL;
    if (asprintf(&rule, "%s:%s:%s:%s", name, port, host, port) < 0)
        rule = NULL;
    transport->connect_to = rule ? curl_slist_append(NULL, rule) : NULL;
    return transport->connect_to ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
}

/* What is left of the URL without its path, and the path without a slash at its end. */
static CURLUcode split_path(struct transport *transport, CURLU *url)
{
    _cleanup_(curl_freep) char *path = NULL;
    _cleanup_(curl_freep) char *server = NULL;
    CURLUcode code = curl_url_get(url, CURLUPART_PATH, &path, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_PATH, NULL, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &server, 0);
    if (code != CURLUE_OK)
        return code;
    size_t length = strlen(path);
    while (length && path[length - 1] == '/')
        length--;
    transport->base_path = strndup(path, length);
    transport->server_url = strdup(server);
    return transport->base_path && transport->server_url ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
}

static bool set_addresses(struct transport *transport, const struct kubernetes_configuration *configuration,
                          struct error *error)
{
    _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
    if (!url)
        return error_set_no_memory(error);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, configuration->server, 0);
    if (code == CURLUE_OK && configuration->tls_server_name)
        code = replace_host(transport, url, configuration->tls_server_name);
    if (code == CURLUE_OK)
        code = split_path(transport, url);
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_set_no_memory(error);
    return code == CURLUE_OK || error_set(error, ERROR_INVALID, "server: %s", curl_url_strerror(code));
}

bool transport_new(const struct kubernetes_configuration *configuration, const char *user_agent,
                   struct error *error, struct transport **transport)
{
    struct transport *allocated = calloc(1, sizeof *allocated);
    if (!allocated)
        return error_set_no_memory(error);
    pthread_mutex_init(&allocated->mutex, NULL);
    _cleanup_(transport_freep) struct transport *made = allocated;
    made->user_agent = strdup(user_agent);
    if (!made->user_agent)
        return error_set_no_memory(error);
    if (!set_addresses(made, configuration, error) ||
        !kubernetes_credentials_new(configuration, error, &made->credentials))
        return false;
    made->settings = (struct connection_settings){
        .server_url = made->server_url,
        .base_path = made->base_path,
        .user_agent = made->user_agent,
        .proxy_url = configuration->proxy_url,
        .connect_to = made->connect_to,
        .credentials = made->credentials,
    };
    *transport = take_pointer(&made);
    return true;
}

void transport_free(struct transport *transport)
{
    if (!transport)
        return;
    while (transport->idle_count)
        connection_free(transport->idle[--transport->idle_count]);
    pthread_mutex_destroy(&transport->mutex);
    kubernetes_credentials_free(transport->credentials);
    curl_slist_free_all(transport->connect_to);
    free(transport->server_url);
    free(transport->base_path);
    free(transport->user_agent);
    free(transport);
}

static struct connection *take_idle(struct transport *transport)
{
    pthread_mutex_lock(&transport->mutex);
    struct connection *connection = NULL;
    /* The one used last: its connection is the least likely to have been closed. */
    if (transport->idle_count)
        connection = transport->idle[--transport->idle_count];
    pthread_mutex_unlock(&transport->mutex);
    return connection;
}

static bool acquire(struct transport *transport, struct error *error, struct connection **connection)
{
    uint64_t generation = kubernetes_credentials_generation(transport->credentials);
    for (;;) {
        struct connection *idle = take_idle(transport);
        if (!idle)
            return connection_new(&transport->settings, generation, error, connection);
        if (connection_generation(idle) == generation && !connection_is_stale(idle)) {
            *connection = idle;
            return true;
        }
        connection_free(idle);
    }
}

static void release(struct transport *transport, struct connection *connection)
{
    pthread_mutex_lock(&transport->mutex);
    bool is_kept = transport->idle_count < TRANSPORT_IDLE_CONNECTIONS;
    if (is_kept)
        transport->idle[transport->idle_count++] = connection;
    pthread_mutex_unlock(&transport->mutex);
    if (!is_kept)
        connection_free(connection);
}

bool transport_perform(struct transport *transport, const struct exchange *exchange, struct error *error,
                       struct exchange_result *result)
{
    *result = (struct exchange_result){0};
    struct connection *connection = NULL;
    if (!acquire(transport, error, &connection))
        return false;
    bool is_done = connection_perform(connection, exchange, error, result);
    release(transport, connection);
    return is_done;
}
