/* The certificates of `serve` when no files are given: a certificate manager, its source for handshakes, its
 * log lines and its metrics. Not for: certificates in files (webhook/server/certificate_files.h).
 */
#pragma once

#include "common/prometheus.h"
#include "kubernetes/client.h"
#include "webhook/commands/certs_options.h"
#include "webhook/server/certificate_source.h"

struct serve_certificates;

/* Prepares, without a thread: `source` serves nothing yet. The caller frees `*certificates` after the last
 * handshake. */
bool serve_certificates_new(struct error *error,
                            struct serve_certificates **certificates) _warn_unused_result_;

/* Registers the metrics and starts the manager. `options`, `client` and `registry` outlive it. ERROR_INVALID
 * names the option. */
bool serve_certificates_start(struct serve_certificates *certificates, const struct certs_options *options,
                              struct kubernetes_client *client, struct prometheus_registry *registry,
                              struct error *error) _warn_unused_result_;

/* Ends the manager; handshakes go on with what they have. Before the client is freed. Accepts NULL. */
void serve_certificates_stop(struct serve_certificates *certificates);
/* Accepts NULL. */
void serve_certificates_free(struct serve_certificates *certificates);

/* Valid as long as `certificates`; its check tells whether the API server verifies what is served. */
struct certificate_source serve_certificates_source(struct serve_certificates *certificates);

/* Samples of openshell_injector_certificate_expiry_timestamp_seconds. */
void serve_certificates_collect_expiry(struct serve_certificates *certificates,
                                       struct prometheus_output *output);
