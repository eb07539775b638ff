/* The injector's metrics, all families in one place. Names: shared facts on admission, documented in
 * docs/operating.md. Updating is safe from any thread. Not for: text and series themselves
 * (common/prometheus.h).
 */
#pragma once

#include "common/prometheus.h"
#include "webhook/admission/admission.h"

#include <stdint.h>

/* How a request ended, beside the decisions. */
enum request_result {
    REQUEST_DECIDED, /* see the outcome's decision */
    REQUEST_INVALID, /* answered with 4xx */
    REQUEST_FAILED,  /* answered with 5xx */
    REQUEST_ABORTED, /* the client went away, or did not take its answer in time */
};

struct injector_metrics {
    struct prometheus_registry *registry; /* owned */
    struct prometheus_family *requests;
    struct prometheus_family *denials;
    struct prometheus_series *request_duration;
    struct prometheus_series *injection_duration;
    struct prometheus_series *patch_bytes;
    struct prometheus_series *in_flight;
    struct prometheus_family *configuration_reloads;
    struct prometheus_family *certificate_reloads;
};

/* Makes the registry and registers every family that is not collected elsewhere. The caller owns the registry
 * (injector_metrics_done). */
bool injector_metrics_init(struct injector_metrics *metrics, struct error *error) _warn_unused_result_;
void injector_metrics_done(struct injector_metrics *metrics);

/* Counts one request of an endpoint. `outcome` as far as known. */
void injector_metrics_count_request(struct injector_metrics *metrics, enum admission_endpoint endpoint,
                                    enum request_result result, const struct admission_outcome *outcome,
                                    uint64_t duration_ns);

/* Counts one reload of the family. */
void injector_metrics_count_reload(struct prometheus_family *family, bool has_succeeded);
