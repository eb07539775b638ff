/* The driver's Prometheus metrics; all names begin with openshell_driver_. Updating is safe from any thread.
 */
#pragma once

#include "common/error.h"
#include "common/prometheus.h"
#include "driver/sandboxes/registry.h"
#include "kubernetes/client.h"

#include <grpc/status.h>

struct driver_metrics {
    struct prometheus_registry *registry; /* owned */
    struct prometheus_family *rpc_duration;
    struct prometheus_family *create_failures;
    struct prometheus_family *api_requests;
    struct prometheus_family *cluster_events;
    struct prometheus_family *token_renewals;
    struct prometheus_series *created;
    struct prometheus_series *deleted;
    struct prometheus_series *events_sent;
    struct prometheus_series *streams;
    struct prometheus_series *connections_refused;
};

/* Needs driver_metrics_done, also after a failure. */
bool driver_metrics_init(struct driver_metrics *metrics, struct error *error) _warn_unused_result_;
void driver_metrics_done(struct driver_metrics *metrics);

/* Adds the number of sandboxes, read from `sandboxes` whenever it is asked for; `sandboxes` outlives it. */
bool driver_metrics_watch(struct driver_metrics *metrics, struct registry *sandboxes,
                          struct error *error) _warn_unused_result_;

void driver_metrics_call(struct driver_metrics *metrics, const char *method, grpc_status_code status,
                         uint64_t duration_ns);
void driver_metrics_request(struct driver_metrics *metrics, const struct kubernetes_observation *observation);
