#include "kubernetes/transport.h"

#include "common/buffer.h"
#include "kubernetes/connection.h"
#include "kubernetes/curl_cleanup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TRANSPORT_URL_BYTES 4096u

struct transport {
    struct connection_settings settings;
    char *base_url;
    char *user_agent;
    struct curl_slist *connect_to;
    struct kubernetes_credentials *credentials;

    pthread_mutex_t mutex; /* guards the idle connections */
    struct connection *idle[TRANSPORT_IDLE_CONNECTIONS];
    size_t idle_count;
};

static bool set_url_error(struct error *error, const char *server, CURLUcode code)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_set_no_memory(error);
    return error_set(error, ERROR_INVALID, "server \"%s\": %s", server, curl_url_strerror(code));
}

/* The certificate is verified, and SNI sent, for the host of the URL: so the URL names tls-server-name, and
 * libcurl is told to connect to the real host instead. */
static bool replace_host(struct transport *transport, const struct kubernetes_configuration *configuration,
                         struct error *error)
{
    _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
    _cleanup_(curl_freep) char *host = NULL;
    _cleanup_(curl_freep) char *port = NULL;
    _cleanup_(curl_freep) char *changed = NULL;
    if (!url)
        return error_set_no_memory(error);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, configuration->server, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_HOST, configuration->tls_server_name, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &changed, 0);
    if (code != CURLUE_OK)
        return set_url_error(error, configuration->server, code);

    _cleanup_(buffer_done) struct buffer rule = BUFFER_INIT(TRANSPORT_URL_BYTES);
    buffer_append_format(&rule, "%s:%s:%s:%s", configuration->tls_server_name, port, host, port);
    if (!buffer_check(&rule, error))
        return error_prefix(error, "tls-server-name");
    transport->connect_to = curl_slist_append(NULL, buffer_string(&rule));
    transport->base_url = strdup(changed);
    return (transport->connect_to && transport->base_url) || error_set_no_memory(error);
}

static bool set_addresses(struct transport *transport, const struct kubernetes_configuration *configuration,
                          struct error *error)
{
    if (configuration->tls_server_name && !replace_host(transport, configuration, error))
        return false;
    if (!transport->base_url)
        transport->base_url = strdup(configuration->server);
    if (!transport->base_url)
        return error_set_no_memory(error);
    /* A parsed URL gets a path; the paths of requests begin with the slash themselves. */
    size_t length = strlen(transport->base_url);
    while (length && transport->base_url[length - 1] == '/')
        transport->base_url[--length] = '\0';
    return true;
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
        .base_url = made->base_url,
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
    free(transport->base_url);
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
        if (connection_generation(idle) == generation) {
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
