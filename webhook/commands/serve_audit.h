/* The audit log of a running server: opened, kept, measured, closed. Not for: its options
 * (audit_options.h). */
#pragma once

#include "common/prometheus.h"
#include "webhook/commands/audit_options.h"

struct serve_audit;

/* Opens the log and registers its metrics. The registry outlives it. The caller owes serve_audit_stop. */
bool serve_audit_start(const struct audit_options *options, struct prometheus_registry *registry,
                       struct error *error, struct serve_audit **audit) _warn_unused_result_;

/* Closes the log, when nobody records any more; a failure is logged. Accepts NULL. */
void serve_audit_stop(struct serve_audit *audit);

/* What the server is given; lives as long as the audit. */
const struct admission_recorder *serve_audit_recorder(const struct serve_audit *audit);

/* Reads the signing key again. */
void serve_audit_reload(struct serve_audit *audit);
/* The same when its file changed. Logs how many decisions left without a record since the last call. */
void serve_audit_poll(struct serve_audit *audit);
