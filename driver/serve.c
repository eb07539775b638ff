#include "driver/commands.h"

#include "common/cleanup.h"
#include "common/http_listener.h"
#include "common/version.h"
#include "driver/metrics.h"
#include "driver/rpc/server.h"
#include "driver/rpc/status.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/renewal.h"
#include "driver/sandboxes/sandboxes.h"
#include "driver/sandboxes/service.h"
#include "driver/sandboxes/sync.h"

#include <errno.h>
#include <grpc/grpc.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

/* Everything that serving needs, in the order in which it is started; stopped in the reverse. */
struct driver {
    const struct driver_configuration *configuration;
    struct driver_metrics metrics;
    struct sandboxes sandboxes;
    struct service service;
    struct sync *sync;
    struct renewal *renewal;
    struct http_listener *listener;
    _Atomic(struct rpc_server *) server; /* NULL before it is started */
    int signals;
};

static void log_call(void *context, const char *method, grpc_status_code status, const char *message,
                     uint64_t duration_ns)
{
    struct driver *driver = context;
    struct log_entry entry;
    driver_metrics_call(&driver->metrics, method, status, duration_ns);
    log_begin(&entry, status == GRPC_STATUS_OK ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "call finished");
    log_string(&entry, "method", method);
    log_string(&entry, "code", rpc_status_name(status));
    if (status != GRPC_STATUS_OK)
        log_string(&entry, "reason", message);
    log_seconds(&entry, "duration_seconds", duration_ns);
    log_end(&entry);
}

static void log_refused_connection(void *context, const struct error *reason)
{
    struct driver *driver = context;
    prometheus_add(driver->metrics.connections_refused, 1);
    log_failure(LOG_LEVEL_WARN, "connection refused", reason);
}

static void observe_request(void *context, const struct kubernetes_observation *observation)
{
    driver_metrics_request(&((struct driver *) context)->metrics, observation);
}

static void log_sync_failure(void *context, const char *resource, const struct error *error,
                             unsigned retry_ms)
{
    struct log_entry entry;
    (void) context;
    log_begin(&entry, LOG_LEVEL_WARN, "following the cluster failed");
    log_string(&entry, "resource", resource);
    log_error(&entry, error);
    log_integer(&entry, "retry_ms", retry_ms);
    log_end(&entry);
}

static void count_cluster_event(void *context, const char *resource)
{
    struct driver *driver = context;
    prometheus_add(prometheus_series(driver->metrics.cluster_events, (const char *const[]){resource}), 1);
}

static void log_keeper_failure(void *context, const char *sandbox_id, const char *what,
                               const struct error *error)
{
    struct log_entry entry;
    (void) context;
    log_begin(&entry, LOG_LEVEL_WARN, "will be tried again");
    log_string(&entry, "what", what);
    log_string(&entry, "sandbox_id", sandbox_id);
    log_error(&entry, error);
    log_end(&entry);
}

static void log_sandbox(const char *message, const char *sandbox_id)
{
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_INFO, message);
    log_string(&entry, "sandbox_id", sandbox_id);
    log_end(&entry);
}

static void count_deleted(void *context, const char *sandbox_id)
{
    prometheus_add(((struct driver *) context)->metrics.deleted, 1);
    log_sandbox("sandbox deleted", sandbox_id);
}

static void count_renewal(void *context, const char *sandbox_id, const struct error *error)
{
    struct driver *driver = context;
    const char *const labels[] = {error ? "failed" : "renewed"};
    struct log_entry entry;
    prometheus_add(prometheus_series(driver->metrics.token_renewals, labels), 1);
    log_begin(&entry, error ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, error ? "token not renewed" : "token renewed");
    log_string(&entry, "sandbox_id", sandbox_id);
    if (error)
        log_error(&entry, error);
    log_end(&entry);
}

static void count_created(void *context, const char *sandbox_id)
{
    prometheus_add(((struct driver *) context)->metrics.created, 1);
    log_sandbox("sandbox created", sandbox_id);
}

static void count_create_failure(void *context, const char *reason)
{
    struct driver *driver = context;
    prometheus_add(prometheus_series(driver->metrics.create_failures, (const char *const[]){reason}), 1);
}

static void count_stream(void *context)
{
    prometheus_adjust(((struct driver *) context)->metrics.streams, 1);
}

static void discount_stream(void *context)
{
    prometheus_adjust(((struct driver *) context)->metrics.streams, -1);
}

static void count_sent_event(void *context)
{
    prometheus_add(((struct driver *) context)->metrics.events_sent, 1);
}

static unsigned answer_metrics(void *context, struct buffer *body, const char **content_type)
{
    struct driver *driver = context;
    struct error error;
    *content_type = PROMETHEUS_CONTENT_TYPE;
    return prometheus_print(driver->metrics.registry, &error, body) ? 200 : 500;
}

static unsigned answer_health(void *context, struct buffer *body, const char **content_type)
{
    (void) context;
    (void) content_type;
    buffer_append_string(body, "ok\n");
    return 200;
}

static unsigned answer_readiness(void *context, struct buffer *body, const char **content_type)
{
    struct driver *driver = context;
    (void) content_type;
    bool is_ready = registry_is_synced(driver->sandboxes.registry);
    buffer_append_string(body, is_ready ? "ok\n" : "the cluster has not been listed yet\n");
    return is_ready ? 200 : 503;
}

static const struct http_listener_route routes[] = {
    {"/metrics", answer_metrics},
    {"/healthz", answer_health},
    {"/readyz", answer_readiness},
    {NULL, NULL},
};

/* The registry's news are for the gateway's streams and for the keeper. */
static void spread_news(void *context)
{
    struct driver *driver = context;
    struct rpc_server *server = atomic_load(&driver->server);
    if (server)
        rpc_server_wake_streams(server);
    keeper_wake(driver->sandboxes.keeper);
}

static bool name_instance(char instance[INSTANCE_BYTES], struct error *error)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return error_set_errno(error, ERROR_IO, errno, "reading random bytes");
    snprintf(instance, INSTANCE_BYTES, "%016" PRIx64, number);
    return true;
}

static bool start_client(struct driver *driver, struct error *error)
{
    struct kubernetes_configuration *configuration;
    const struct kubernetes_client_options options = {.user_agent = "openshell-driver-pods/" PRODUCT_VERSION,
                                                      .observe = observe_request,
                                                      .observe_context = driver};
    return kubernetes_configuration_load(driver->configuration->kubeconfig,
                                         driver->configuration->kubeconfig_context, error, &configuration) &&
           kubernetes_client_new(configuration, &options, error, &driver->sandboxes.client);
}

/* Before any thread, so that all of them leave these signals to the descriptor. */
static bool block_signals(struct driver *driver, struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        (driver->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
        return error_set_errno(error, ERROR_IO, errno, "taking over signals");
    return true;
}

static bool start_server(struct driver *driver, struct error *error)
{
    const struct rpc_server_options options = {
        .socket_path = driver->configuration->socket_path,
        .service_name = SERVICE_NAME,
        .methods = service_methods,
        .method_count = service_method_count,
        .service = &driver->service,
        .observer = {log_call, log_refused_connection, driver},
    };
    struct rpc_server *server;
    if (!rpc_server_start(&options, error, &server))
        return false;
    atomic_store(&driver->server, server);
    return true;
}

static bool start(struct driver *driver, struct error *error)
{
    struct sandboxes *sandboxes = &driver->sandboxes;
    const struct sync_observer sync_observer = {log_sync_failure, count_cluster_event, driver};
    const struct keeper_observer keeper_observer = {log_keeper_failure, count_deleted, driver};
    const struct renewal_observer renewal_observer = {count_renewal, driver};
    const struct registry_listener listener = {spread_news, driver};
    sandboxes->configuration = driver->configuration;
    operations_init(&sandboxes->operations);
    driver->service = (struct service){
        sandboxes,
        {count_created, count_create_failure, count_stream, discount_stream, count_sent_event, driver}};
    if (!driver_metrics_init(&driver->metrics, error) || !name_instance(sandboxes->instance, error) ||
        !start_client(driver, error) || !registry_new(driver->configuration, error, &sandboxes->registry) ||
        !driver_metrics_watch(&driver->metrics, sandboxes->registry, error))
        return false;
    /* The keeper does nothing before the cluster has been listed, and that begins after the socket is ours:
     * of two drivers on one path only one goes on. */
    if (!keeper_start(sandboxes, &keeper_observer, error))
        return false;
    registry_set_listener(sandboxes->registry, &listener);
    if (!start_server(driver, error))
        return false;
    if (*driver->configuration->metrics_address &&
        !http_listener_start(driver->configuration->metrics_address, routes, driver, error,
                             &driver->listener))
        return error_prefix(error, "--metrics-address");
    if (*driver->configuration->gateway.endpoint &&
        !renewal_start(sandboxes, &renewal_observer, error, &driver->renewal))
        return false;
    return sync_start(sandboxes->client, driver->configuration, sandboxes->registry, &sync_observer, error,
                      &driver->sync);
}

static void stop(struct driver *driver)
{
    struct sandboxes *sandboxes = &driver->sandboxes;
    /* Calls that wait for a pod to end give up; the keeper of the next driver goes on with them. */
    if (sandboxes->registry)
        registry_cancel_waits(sandboxes->registry);
    if (sandboxes->keeper)
        keeper_stop(sandboxes->keeper);
    renewal_free(driver->renewal);
    sync_free(driver->sync);
    http_listener_free(driver->listener);
    /* Calls still use what follows. */
    rpc_server_free(atomic_load(&driver->server));
    keeper_free(sandboxes->keeper);
    registry_free(sandboxes->registry);
    kubernetes_client_free(sandboxes->client);
    driver_metrics_done(&driver->metrics);
    operations_done(&sandboxes->operations);
    if (driver->signals >= 0)
        close(driver->signals);
}

static void log_start(const struct driver *driver)
{
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_INFO, "serving");
    log_string(&entry, "version", PRODUCT_VERSION);
    log_string(&entry, "socket", driver->configuration->socket_path);
    log_string(&entry, "namespace", driver->configuration->namespace_name);
    log_string(&entry, "cluster", kubernetes_client_configuration(driver->sandboxes.client)->source);
    log_end(&entry);
}

int command_serve(const struct driver_configuration *configuration)
{
    struct driver driver = {.configuration = configuration, .signals = -1};
    struct error error = {0};
    struct signalfd_siginfo received;
    if (!*configuration->socket_path) {
        fprintf(stderr, "openshell-driver-pods: --socket: is needed\n");
        return 2;
    }
    if (!block_signals(&driver, &error)) {
        log_failure(LOG_LEVEL_ERROR, "cannot start", &error);
        return 1;
    }
    grpc_init();
    bool is_started = start(&driver, &error);
    if (is_started) {
        log_start(&driver);
        while (read(driver.signals, &received, sizeof received) < 0 && errno == EINTR)
            continue;
        log_message(LOG_LEVEL_INFO, "stopping");
    } else {
        log_failure(LOG_LEVEL_ERROR, "cannot start", &error);
    }
    stop(&driver);
    grpc_shutdown_blocking();
    return is_started ? 0 : 1;
}
