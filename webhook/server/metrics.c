#include "webhook/server/metrics.h"

#include "common/version.h"

#include <string.h>

/* Finer than the API server's own, which start at 5 ms. */
static const double duration_buckets[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                          0.005,   0.01,   0.05,    0.1,    1};
static const double byte_buckets[] = {0, 256, 1024, 4096, 16384, 65536, 262144, 1048576};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Reason strings are a documented list; this only bounds a mistake. */
#define REASON_LIMIT 64

static const struct prometheus_description requests = {
    .name = "openshell_injector_requests_total",
    .help = "Admission requests by endpoint, operation and how they ended.",
    .labels = {"endpoint", "operation", "result"},
    .series_limit = 64,
};
static const struct prometheus_description denials = {
    .name = "openshell_injector_denials_total",
    .help = "Denied pods by the first reason.",
    .labels = {"reason"},
    .series_limit = REASON_LIMIT,
};
static const struct prometheus_description request_duration = {
    .name = "openshell_injector_request_duration_seconds",
    .help = "Time from a request's header to its answer.",
    .type = PROMETHEUS_HISTOGRAM,
    .buckets = duration_buckets,
    .bucket_count = COUNT(duration_buckets),
};
static const struct prometheus_description injection_duration = {
    .name = "openshell_injector_injection_duration_seconds",
    .help = "Time of the injection alone.",
    .type = PROMETHEUS_HISTOGRAM,
    .buckets = duration_buckets,
    .bucket_count = COUNT(duration_buckets),
};
static const struct prometheus_description patch_bytes = {
    .name = "openshell_injector_patch_bytes",
    .help = "Size of emitted patches.",
    .type = PROMETHEUS_HISTOGRAM,
    .buckets = byte_buckets,
    .bucket_count = COUNT(byte_buckets),
};
static const struct prometheus_description in_flight = {
    .name = "openshell_injector_in_flight_requests",
    .help = "Admission requests being received or answered.",
    .type = PROMETHEUS_GAUGE,
};
static const struct prometheus_description configuration_reloads = {
    .name = "openshell_injector_configuration_reloads_total",
    .help = "Reloads of the configuration by result; a failed one leaves the old configuration in use.",
    .labels = {"result"},
    .series_limit = 2,
};
static const struct prometheus_description certificate_reloads = {
    .name = "openshell_injector_certificate_reloads_total",
    .help = "Reloads of certificate files by result; a failed one leaves the old certificate in use.",
    .labels = {"result"},
    .series_limit = 2,
};
static const struct prometheus_description build_info = {
    .name = "openshell_injector_build_info",
    .help = "Always 1; the label tells the version.",
    .type = PROMETHEUS_GAUGE,
    .labels = {"version"},
    .series_limit = 1,
};

/* Registers a family without labels and returns its one series. */
static bool add_single(struct injector_metrics *metrics, const struct prometheus_description *description,
                       struct error *error, struct prometheus_series **series)
{
    struct prometheus_family *family = NULL;
    if (!prometheus_add_family(metrics->registry, description, error, &family))
        return false;
    *series = prometheus_series(family, NULL);
    return true;
}

static bool add_families(struct injector_metrics *metrics, struct error *error)
{
    struct prometheus_registry *registry = metrics->registry;
    struct prometheus_family *build = NULL;
    if (!prometheus_add_family(registry, &requests, error, &metrics->requests) ||
        !prometheus_add_family(registry, &denials, error, &metrics->denials) ||
        !add_single(metrics, &request_duration, error, &metrics->request_duration) ||
        !add_single(metrics, &injection_duration, error, &metrics->injection_duration) ||
        !add_single(metrics, &patch_bytes, error, &metrics->patch_bytes) ||
        !add_single(metrics, &in_flight, error, &metrics->in_flight) ||
        !prometheus_add_family(registry, &configuration_reloads, error, &metrics->configuration_reloads) ||
        !prometheus_add_family(registry, &certificate_reloads, error, &metrics->certificate_reloads) ||
        !prometheus_add_family(registry, &build_info, error, &build))
        return false;
    prometheus_set(prometheus_series(build, (const char *[]){PRODUCT_VERSION}), 1);
    return true;
}

bool injector_metrics_init(struct injector_metrics *metrics, struct error *error)
{
    *metrics = (struct injector_metrics){.registry = NULL};
    if (!prometheus_registry_new(error, &metrics->registry))
        return false;
    if (!add_families(metrics, error)) {
        injector_metrics_done(metrics);
        return false;
    }
    return true;
}

void injector_metrics_done(struct injector_metrics *metrics)
{
    prometheus_registry_free(metrics->registry);
    *metrics = (struct injector_metrics){.registry = NULL};
}

/* The operation comes from the request: only the four that exist become label values. */
static const char *operation_label(const char *operation)
{
    static const char *const known[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(operation, known[i]) == 0)
            return known[i];
    return "unknown";
}

static const char *result_label(enum request_result result, const struct admission_outcome *outcome)
{
    switch (result) {
    case REQUEST_DECIDED:
        return injection_decision_name(outcome->decision);
    case REQUEST_INVALID:
        return "invalid";
    case REQUEST_FAILED:
        return "error";
    case REQUEST_ABORTED:
        return "aborted";
    }
    return "unknown";
}

void injector_metrics_count_request(struct injector_metrics *metrics, enum admission_endpoint endpoint,
                                    enum request_result result, const struct admission_outcome *outcome,
                                    uint64_t duration_ns)
{
    const char *const labels[] = {admission_endpoint_name(endpoint), operation_label(outcome->operation),
                                  result_label(result, outcome)};
    prometheus_add(prometheus_series(metrics->requests, labels), 1);
    prometheus_observe(metrics->request_duration, (double) duration_ns / 1e9);
    if (result != REQUEST_DECIDED)
        return;
    prometheus_observe(metrics->injection_duration, (double) outcome->injection_ns / 1e9);
    if (outcome->patch_bytes)
        prometheus_observe(metrics->patch_bytes, (double) outcome->patch_bytes);
    if (outcome->decision == INJECTION_DENIED)
        prometheus_add(prometheus_series(metrics->denials, (const char *[]){outcome->reason}), 1);
}

void injector_metrics_count_reload(struct prometheus_family *family, bool has_succeeded)
{
    prometheus_add(prometheus_series(family, (const char *[]){has_succeeded ? "success" : "failure"}), 1);
}
