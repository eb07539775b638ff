#include "webhook/commands/serve_parts.h"

#include "common/version.h"

#include <string.h>

#define CONNECTION_MEMORY_BYTES (16u * 1024)
/* A refused pair is looked at again after so many polls. */
#define REFUSED_POLLS 4

/* Namespaces matter only while no sandbox uid is configured (contract/supervised-pod.md H.6). */
static bool needs_namespaces(struct serve_parts *parts)
{
    const struct configuration *configuration = configuration_store_acquire(parts->configurations);
    bool needs = configuration->sandbox_uid == 0;
    configuration_store_release(parts->configurations, configuration);
    return needs;
}

static void report_watch_failure(void *context, const struct error *error, unsigned retry_ms)
{
    (void) context;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_WARN, "watching namespaces failed");
    log_error(&entry, error);
    log_integer(&entry, "retry_ms", retry_ms);
    log_end(&entry);
}

static bool connect_kubernetes(struct serve_parts *parts, struct error *error)
{
    struct kubernetes_configuration *where = NULL;
    const struct kubernetes_client_options client_options = {.user_agent = PRODUCT_IDENTIFIER};
    return parts->kubernetes ||
           (kubernetes_configuration_load(parts->options->kubeconfig, NULL, error, &where) &&
            kubernetes_client_new(where, &client_options, error, &parts->kubernetes));
}

static bool start_namespaces(struct serve_parts *parts, struct error *error)
{
    struct namespace_cache *cache = NULL;
    if (atomic_load(&parts->namespace_cache))
        return true;
    if (!connect_kubernetes(parts, error))
        return error_prefix(error, "sandbox.uid is not configured, so namespaces must be read");
    if (!namespace_cache_new(parts->kubernetes, NULL, report_watch_failure, NULL, error, &cache))
        return error_prefix(error, "cannot watch namespaces");
    atomic_store(&parts->namespace_cache, cache);
    return true;
}

static bool find_namespace(void *context, const char *name, unsigned wait_ms, struct error *error,
                           cJSON **annotations)
{
    struct serve_parts *parts = context;
    struct namespace_cache *cache = atomic_load_explicit(&parts->namespace_cache, memory_order_acquire);
    if (!cache)
        return error_set(error, ERROR_UNAVAILABLE, "namespace %.80s: namespaces are not being watched", name);
    struct namespace_source source = namespace_cache_source(cache);
    return source.find(source.context, name, wait_ms, error, annotations);
}

static bool are_namespaces_synced(struct serve_parts *parts)
{
    struct namespace_cache *cache = atomic_load(&parts->namespace_cache);
    return cache && namespace_cache_is_synced(cache);
}

static bool check_namespaces(void *context, struct error *error)
{
    struct serve_parts *parts = context;
    return !needs_namespaces(parts) || are_namespaces_synced(parts) ||
           error_set(error, ERROR_UNAVAILABLE, "not all namespaces are known yet");
}

/* The configuration is loaded before anything listens; the line is there for people. */
static bool check_configuration(void *context, struct error *error)
{
    (void) context, (void) error;
    return true;
}

static bool add_checks(struct serve_parts *parts, struct error *error)
{
    if (!readiness_add(&parts->readiness, "configuration", check_configuration, parts) ||
        !readiness_add(&parts->readiness, "certificate", parts->certificates.check,
                       parts->certificates.context) ||
        !readiness_add(&parts->readiness, "namespaces", check_namespaces, parts))
        return error_set(error, ERROR_INTERNAL, "too many readiness checks");
    return true;
}

static void collect_expiry(void *context, struct prometheus_output *output)
{
    struct serve_parts *parts = context;
    if (parts->own_certificates)
        serve_certificates_collect_expiry(parts->own_certificates, output);
    else
        prometheus_sample(output, (const char *[]){"serving"},
                          (double) certificate_files_expiry(parts->certificate_files));
    time_t client_expiry = parts->clients ? client_authentication_expiry(parts->clients) : 0;
    if (client_expiry)
        prometheus_sample(output, (const char *[]){"client-authority"}, (double) client_expiry);
}

static void collect_configuration(void *context, struct prometheus_output *output)
{
    struct serve_parts *parts = context;
    const struct configuration *configuration = configuration_store_acquire(parts->configurations);
    prometheus_sample(output, (const char *[]){configuration->digest}, 1);
    configuration_store_release(parts->configurations, configuration);
}

static void collect_synced(void *context, struct prometheus_output *output)
{
    prometheus_sample(output, NULL, are_namespaces_synced(context) ? 1 : 0);
}

static const struct collector {
    struct prometheus_description description;
    void (*collect)(void *context, struct prometheus_output *output);
} collectors[] = {
    {{.name = "openshell_injector_certificate_expiry_timestamp_seconds",
      .help = "When the certificate expires, in seconds since 1970.",
      .type = PROMETHEUS_GAUGE,
      .labels = {"certificate"}},
     collect_expiry},
    {{.name = "openshell_injector_configuration_info",
      .help = "Always 1; the label is the SHA-256 of the configuration in use.",
      .type = PROMETHEUS_GAUGE,
      .labels = {"digest"}},
     collect_configuration},
    {{.name = "openshell_injector_namespace_cache_synced",
      .help = "1 when every namespace is known; 0 also when namespaces are not needed.",
      .type = PROMETHEUS_GAUGE},
     collect_synced},
};

static bool add_collectors(struct serve_parts *parts, struct error *error)
{
    for (size_t i = 0; i < sizeof collectors / sizeof *collectors; i++)
        if (!prometheus_add_collector(parts->metrics.registry, &collectors[i].description,
                                      collectors[i].collect, parts, error))
            return false;
    return true;
}

static unsigned answer_health(void *context, struct buffer *body, const char **content_type)
{
    (void) context, (void) content_type;
    buffer_append_string(body, "ok\n");
    return MHD_HTTP_OK;
}

static unsigned answer_readiness(void *context, struct buffer *body, const char **content_type)
{
    (void) content_type;
    struct serve_parts *parts = context;
    return readiness_report(&parts->readiness, body) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned answer_metrics(void *context, struct buffer *body, const char **content_type)
{
    struct serve_parts *parts = context;
    *content_type = PROMETHEUS_CONTENT_TYPE;
    return prometheus_print(parts->metrics.registry, NULL, body) ? MHD_HTTP_OK
                                                                 : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static const struct http_listener_route plain_routes[] = {
    {"/healthz", answer_health}, {"/readyz", answer_readiness}, {"/metrics", answer_metrics}, {NULL, NULL}};

static bool start_server(struct serve_parts *parts, struct error *error)
{
    const struct serve_options *options = parts->options;
    struct server_options server = {
        .address = options->listen,
        .threads = options->threads,
        .limits = {.connections = options->connections,
                   .header_ms = options->header_timeout_ms,
                   .request_ms = options->request_timeout_ms,
                   .idle_ms = options->idle_timeout_ms,
                   .memory_bytes = CONNECTION_MEMORY_BYTES},
        .certificates = &parts->certificates,
        .clients = parts->clients,
        .configurations = parts->configurations,
        .namespaces = &parts->namespaces,
        .metrics = &parts->metrics,
        .readiness = &parts->readiness,
        .recorder = parts->audit ? serve_audit_recorder(parts->audit) : NULL,
    };
    return server_start(&server, error, &parts->server) &&
           http_listener_start(options->metrics_listen, plain_routes, parts, error, &parts->listener);
}

static bool read_certificates(struct serve_parts *parts, struct error *error)
{
    const struct serve_options *options = parts->options;
    if (!options->tls_certificate) {
        if (!serve_certificates_new(error, &parts->own_certificates))
            return false;
        parts->certificates = serve_certificates_source(parts->own_certificates);
        return true;
    }
    if (!certificate_files_new(options->tls_certificate, options->tls_key, error, &parts->certificate_files))
        return false;
    parts->certificates = certificate_files_source(parts->certificate_files);
    return true;
}

/* Certificates of our own come about once the API server is reached; the server listens before. */
static bool start_certificates(struct serve_parts *parts, struct error *error)
{
    if (!parts->own_certificates)
        return true;
    return connect_kubernetes(parts, error)
               ? serve_certificates_start(parts->own_certificates, &parts->options->certificates,
                                          parts->kubernetes, parts->metrics.registry, error)
               : error_prefix(error, "no certificate files are given, so the "
                                     "injector keeps its own in the cluster");
}

static bool read_credentials(struct serve_parts *parts, struct error *error)
{
    const struct serve_options *options = parts->options;
    return read_certificates(parts, error) &&
           (!options->client_authority ||
            client_authentication_new(options->client_authority, options->client_names,
                                      options->client_name_count, error, &parts->clients));
}

static bool start_audit(struct serve_parts *parts, struct error *error)
{
    return !parts->options->audit.log.directory ||
           serve_audit_start(&parts->options->audit, parts->metrics.registry, error, &parts->audit);
}

bool serve_parts_start(struct serve_parts *parts, const struct serve_options *options,
                       struct configuration_store *configurations, struct error *error)
{
    *parts = (struct serve_parts){.options = options, .configurations = configurations};
    parts->namespaces = (struct namespace_source){.find = find_namespace, .context = parts};
    file_watch_init(&parts->configuration_watch, options->configuration_file, NULL);
    file_watch_init(&parts->certificate_watch, options->tls_certificate, options->tls_key);
    file_watch_init(&parts->client_watch, options->client_authority, NULL);
    return read_credentials(parts, error) && injector_metrics_init(&parts->metrics, error) &&
           add_checks(parts, error) && add_collectors(parts, error) &&
           (!needs_namespaces(parts) || start_namespaces(parts, error)) && start_certificates(parts, error) &&
           start_audit(parts, error) && start_server(parts, error);
}

unsigned serve_parts_stop(struct serve_parts *parts, unsigned timeout_ms)
{
    unsigned cut_off = server_stop(parts->server, timeout_ms);
    http_listener_free(parts->listener);
    serve_audit_stop(parts->audit);
    namespace_cache_free(atomic_load(&parts->namespace_cache));
    serve_certificates_stop(parts->own_certificates);
    kubernetes_client_free(parts->kubernetes);
    client_authentication_free(parts->clients);
    certificate_files_free(parts->certificate_files);
    serve_certificates_free(parts->own_certificates);
    injector_metrics_done(&parts->metrics);
    *parts = (struct serve_parts){.options = NULL};
    return cut_off;
}

static void reload_configuration(struct serve_parts *parts)
{
    struct error error;
    struct log_entry entry;
    bool is_loaded = configuration_store_reload(parts->configurations, &error);
    injector_metrics_count_reload(parts->metrics.configuration_reloads, is_loaded);
    if (!is_loaded) {
        log_failure(LOG_LEVEL_ERROR, "the configuration was not reloaded, the old one stays", &error);
        return;
    }
    const struct configuration *configuration = configuration_store_acquire(parts->configurations);
    log_begin(&entry, LOG_LEVEL_INFO, "configuration reloaded");
    log_string(&entry, "digest", configuration->digest);
    log_end(&entry);
    configuration_store_release(parts->configurations, configuration);
    /* Until this works sandbox pods are refused and the server is not ready. */
    if (needs_namespaces(parts) && !start_namespaces(parts, &error))
        log_failure(LOG_LEVEL_ERROR, "namespaces are not watched", &error);
}

static void reload_certificate(struct serve_parts *parts)
{
    struct error error;
    bool is_loaded = certificate_files_reload(parts->certificate_files, &error);
    injector_metrics_count_reload(parts->metrics.certificate_reloads, is_loaded);
    parts->refused_polls = !is_loaded;
    if (is_loaded)
        log_message(LOG_LEVEL_INFO, "certificate reloaded");
    else
        log_failure(LOG_LEVEL_ERROR, "the certificate was not reloaded, the old one stays", &error);
}

/* A pair that was refused since it is not valid yet by this machine's clock will be, without another change
 * of its files. That it was refused is logged and counted once. */
static void retry_certificate(struct serve_parts *parts)
{
    struct error error;
    if (!parts->refused_polls || parts->refused_polls++ % REFUSED_POLLS ||
        !certificate_files_reload(parts->certificate_files, &error))
        return;
    parts->refused_polls = 0;
    injector_metrics_count_reload(parts->metrics.certificate_reloads, true);
    log_message(LOG_LEVEL_INFO, "certificate reloaded");
}

static void reload_clients(struct serve_parts *parts)
{
    struct error error;
    if (client_authentication_reload(parts->clients, &error))
        log_message(LOG_LEVEL_INFO, "client authorities reloaded");
    else
        log_failure(LOG_LEVEL_ERROR, "client authorities were not reloaded, the old ones stay", &error);
}

void serve_parts_reload(struct serve_parts *parts)
{
    reload_configuration(parts);
    if (parts->certificate_files)
        reload_certificate(parts);
    if (parts->clients)
        reload_clients(parts);
    if (parts->audit)
        serve_audit_reload(parts->audit);
}

void serve_parts_poll_files(struct serve_parts *parts)
{
    if (file_watch_poll(&parts->configuration_watch))
        reload_configuration(parts);
    if (file_watch_poll(&parts->certificate_watch))
        reload_certificate(parts);
    else
        retry_certificate(parts);
    if (file_watch_poll(&parts->client_watch))
        reload_clients(parts);
    if (parts->audit)
        serve_audit_poll(parts->audit);
}
