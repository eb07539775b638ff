#include "webhook/commands/serve_audit.h"

#include "common/log.h"
#include "webhook/server/file_watch.h"

#include <stddef.h>

/* A metric, and the statistic that it shows. */
struct audit_metric {
    struct prometheus_description description;
    size_t offset;
    double scale;
};

#define METRIC(metric, member, text)                                                                         \
    {                                                                                                        \
        .description = {.name = "openshell_injector_audit_" metric, .help = text},                           \
        .offset = offsetof(struct audit_log_statistics, member), .scale = 1                                  \
    }

static const struct audit_metric metrics[] = {
    METRIC("records_total", records, "Audit records written, of every type."),
    METRIC("bytes_total", bytes, "Bytes of audit records written."),
    METRIC("dropped_total", dropped, "Decisions that left without a record; a gap in the log tells of them."),
    METRIC("refused_total", refused, "Decisions refused because they could not be recorded."),
    METRIC("checkpoint_failures_total", checkpoint_failures, "Signed checkpoints that could not be written."),
    METRIC("head_failures_total", head_failures, "Times the log's head could not be written."),
    METRIC("sync_failures_total", sync_failures, "Times the log could not be forced to the disk."),
    {.description = {.name = "openshell_injector_audit_unsynced_seconds",
                     .help = "How long the oldest record has been waiting to be forced to the disk.",
                     .type = PROMETHEUS_GAUGE},
     .offset = offsetof(struct audit_log_statistics, unsynced_ms),
     .scale = 1e-3},
};

#define METRICS (sizeof metrics / sizeof *metrics)

/* What a collector is given. */
struct collected {
    const struct audit_metric *metric;
    struct audit_log *log;
};

struct serve_audit {
    struct audit_log *log;
    struct audit_recorder recorder;
    struct file_watch key_watch;
    struct collected collected[METRICS];
    uint64_t told_of; /* dropped decisions that a line of the program's own log tells of */
};

static void collect(void *context, struct prometheus_output *output)
{
    const struct collected *collected = context;
    struct audit_log_statistics statistics;
    audit_log_read_statistics(collected->log, &statistics);
    const uint64_t *value = (const void *) ((const char *) &statistics + collected->metric->offset);
    prometheus_sample(output, NULL, (double) *value * collected->metric->scale);
}

static bool add_metrics(struct serve_audit *audit, struct prometheus_registry *registry, struct error *error)
{
    for (size_t i = 0; i < METRICS; i++) {
        audit->collected[i] = (struct collected){.metric = &metrics[i], .log = audit->log};
        if (!prometheus_add_collector(registry, &metrics[i].description, collect, &audit->collected[i],
                                      error))
            return false;
    }
    return true;
}

static bool start(struct serve_audit *audit, const struct audit_options *options,
                  struct prometheus_registry *registry, struct error *error)
{
    if (!audit_log_open(&options->log, error, &audit->log))
        return false;
    audit_recorder_init(&audit->recorder, audit->log, &options->log, options->objects);
    file_watch_init(&audit->key_watch, options->log.signing_key, NULL);
    return add_metrics(audit, registry, error) && audit_log_start(audit->log, error);
}

bool serve_audit_start(const struct audit_options *options, struct prometheus_registry *registry,
                       struct error *error, struct serve_audit **result)
{
    struct serve_audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return error_set_no_memory(error);
    if (!start(audit, options, registry, error)) {
        serve_audit_stop(audit);
        return false;
    }
    *result = audit;
    return true;
}

/* A refused decision is logged with its request; one that left without a record looks like any other. */
static void tell_of_loss(struct serve_audit *audit)
{
    struct audit_log_statistics statistics;
    struct log_entry entry;
    audit_log_read_statistics(audit->log, &statistics);
    if (statistics.dropped == audit->told_of)
        return;
    log_begin(&entry, LOG_LEVEL_ERROR, "decisions left without an audit record");
    log_integer(&entry, "decisions", (int64_t) (statistics.dropped - audit->told_of));
    log_string(&entry, "reason", statistics.loss_reason);
    log_end(&entry);
    audit->told_of = statistics.dropped;
}

void serve_audit_stop(struct serve_audit *audit)
{
    struct error error;
    if (!audit)
        return;
    if (audit->log) {
        tell_of_loss(audit);
        if (!audit_log_close(audit->log, &error))
            log_failure(LOG_LEVEL_ERROR, "the audit log was not closed as it should be", &error);
        audit_recorder_done(&audit->recorder);
    }
    free(audit);
}

const struct admission_recorder *serve_audit_recorder(const struct serve_audit *audit)
{
    return &audit->recorder.admission;
}

void serve_audit_reload(struct serve_audit *audit)
{
    struct error error;
    if (audit_log_reload_key(audit->log, &error))
        log_message(LOG_LEVEL_INFO, "audit signing key reloaded");
    else
        log_failure(LOG_LEVEL_ERROR, "the audit signing key was not reloaded, the old one stays", &error);
}

void serve_audit_poll(struct serve_audit *audit)
{
    tell_of_loss(audit);
    if (file_watch_poll(&audit->key_watch))
        serve_audit_reload(audit);
}
