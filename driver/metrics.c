#include "driver/metrics.h"

#include "common/version.h"
#include "driver/rpc/status.h"

#include <stdio.h>

#define NANOSECONDS 1e-9
#define METHOD_STATUS_SERIES 256
#define REQUEST_SERIES 256

static const double duration_buckets[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                          0.05,    0.1,    0.5,     1,      5,     30,     60};

static const struct prometheus_description rpc_duration = {
    .name = "openshell_driver_rpc_duration_seconds",
    .help = "Time from a call's header to its status; a stream's is its whole life.",
    .type = PROMETHEUS_HISTOGRAM,
    .labels = {"method", "code"},
    .buckets = duration_buckets,
    .bucket_count = sizeof duration_buckets / sizeof *duration_buckets,
    .series_limit = METHOD_STATUS_SERIES,
};
static const struct prometheus_description created = {
    .name = "openshell_driver_sandboxes_created_total",
    .help = "Sandboxes created.",
    .type = PROMETHEUS_COUNTER,
};
static const struct prometheus_description deleted = {
    .name = "openshell_driver_sandboxes_deleted_total",
    .help = "Deletes that came to their end.",
    .type = PROMETHEUS_COUNTER,
};
static const struct prometheus_description create_failures = {
    .name = "openshell_driver_sandbox_create_failures_total",
    .help = "Creates that failed, by kind of error.",
    .type = PROMETHEUS_COUNTER,
    .labels = {"reason"},
    .series_limit = 32,
};
static const struct prometheus_description active = {
    .name = "openshell_driver_sandboxes_active",
    .help = "Sandboxes that the driver keeps, stopped ones included.",
    .type = PROMETHEUS_GAUGE,
};
static const struct prometheus_description events_sent = {
    .name = "openshell_driver_watch_events_total",
    .help = "Events sent to watch streams.",
    .type = PROMETHEUS_COUNTER,
};
static const struct prometheus_description streams = {
    .name = "openshell_driver_watch_streams",
    .help = "Open watch streams.",
    .type = PROMETHEUS_GAUGE,
};
static const struct prometheus_description connections_refused = {
    .name = "openshell_driver_connections_refused_total",
    .help = "Connections closed unused: of another user, or past the limit.",
    .type = PROMETHEUS_COUNTER,
};
static const struct prometheus_description api_requests = {
    .name = "openshell_driver_api_requests_total",
    .help = "Requests to the API server; status 0: no answer.",
    .type = PROMETHEUS_COUNTER,
    .labels = {"verb", "resource", "status"},
    .series_limit = REQUEST_SERIES,
};
static const struct prometheus_description cluster_events = {
    .name = "openshell_driver_cluster_events_total",
    .help = "Objects that lists and watches of the API server brought.",
    .type = PROMETHEUS_COUNTER,
    .labels = {"resource"},
    .series_limit = 8,
};
static const struct prometheus_description token_renewals = {
    .name = "openshell_driver_token_renewals_total",
    .help = "Sandbox tokens renewed, and attempts that failed.",
    .type = PROMETHEUS_COUNTER,
    .labels = {"result"},
    .series_limit = 8,
};
static const struct prometheus_description build_info = {
    .name = "openshell_driver_build_info",
    .help = "Always 1; the version is the label.",
    .type = PROMETHEUS_GAUGE,
    .labels = {"version"},
    .series_limit = 1,
};

static bool add_plain(struct driver_metrics *metrics, const struct prometheus_description *description,
                      struct error *error, struct prometheus_series **series)
{
    struct prometheus_family *family;
    if (!prometheus_add_family(metrics->registry, description, error, &family))
        return false;
    *series = prometheus_series(family, NULL);
    return true;
}

bool driver_metrics_init(struct driver_metrics *metrics, struct error *error)
{
    struct prometheus_family *build;
    *metrics = (struct driver_metrics){0};
    if (!prometheus_registry_new(error, &metrics->registry) ||
        !add_plain(metrics, &created, error, &metrics->created) ||
        !add_plain(metrics, &deleted, error, &metrics->deleted) ||
        !add_plain(metrics, &events_sent, error, &metrics->events_sent) ||
        !add_plain(metrics, &streams, error, &metrics->streams) ||
        !add_plain(metrics, &connections_refused, error, &metrics->connections_refused) ||
        !prometheus_add_family(metrics->registry, &create_failures, error, &metrics->create_failures) ||
        !prometheus_add_family(metrics->registry, &rpc_duration, error, &metrics->rpc_duration) ||
        !prometheus_add_family(metrics->registry, &api_requests, error, &metrics->api_requests) ||
        !prometheus_add_family(metrics->registry, &cluster_events, error, &metrics->cluster_events) ||
        !prometheus_add_family(metrics->registry, &token_renewals, error, &metrics->token_renewals) ||
        !prometheus_add_family(metrics->registry, &build_info, error, &build))
        return false;
    prometheus_set(prometheus_series(build, (const char *const[]){PRODUCT_VERSION}), 1);
    return true;
}

void driver_metrics_done(struct driver_metrics *metrics)
{
    prometheus_registry_free(metrics->registry);
    *metrics = (struct driver_metrics){0};
}

static void collect_active(void *context, struct prometheus_output *output)
{
    prometheus_sample(output, NULL, (double) registry_count(context));
}

bool driver_metrics_watch(struct driver_metrics *metrics, struct registry *sandboxes, struct error *error)
{
    return prometheus_add_collector(metrics->registry, &active, collect_active, sandboxes, error);
}

void driver_metrics_call(struct driver_metrics *metrics, const char *method, grpc_status_code status,
                         uint64_t duration_ns)
{
    const char *const labels[] = {method, rpc_status_name(status)};
    prometheus_observe(prometheus_series(metrics->rpc_duration, labels), (double) duration_ns * NANOSECONDS);
}

void driver_metrics_request(struct driver_metrics *metrics, const struct kubernetes_observation *observation)
{
    char status[16];
    snprintf(status, sizeof status, "%ld", observation->status);
    const char *const labels[] = {observation->verb, observation->resource, status};
    prometheus_add(prometheus_series(metrics->api_requests, labels), 1);
}
