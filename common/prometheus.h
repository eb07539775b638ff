/* Metrics in Prometheus' text format 0.0.4: counters, gauges and histograms with labels.
 *
 * Updating a series is one atomic addition (two for a histogram) and never allocates; finding a series by its
 * label values takes no lock. Series of a family are limited: past the limit, or without memory, all further
 * label values share one series whose labels say "other", so a label can never exhaust memory.
 *
 * Not for: serving the text (common/http_listener.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

/* Most labels of a family, and most buckets of a histogram besides +Inf. */
#define PROMETHEUS_LABELS 4
#define PROMETHEUS_BUCKETS 16

/* Value of every label of the series that takes what passes the limit. */
#define PROMETHEUS_OTHER "other"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

/* What a family is. All strings and arrays must outlive the registry. */
struct prometheus_description {
    const char *name; /* `[a-zA-Z_:][a-zA-Z0-9_:]*`; a counter's ends in `_total` */
    const char *help;
    enum prometheus_type type;
    const char *labels[PROMETHEUS_LABELS]; /* the first NULL ends them */
    const double *buckets;                 /* histogram: upper bounds, ascending, without +Inf */
    size_t bucket_count;
    size_t series_limit; /* with labels: most series besides "other" */
};

struct prometheus_registry;
struct prometheus_family;
struct prometheus_series;
struct prometheus_output;

/* The caller frees `*registry` with prometheus_registry_free, when nobody uses its families any more. */
bool prometheus_registry_new(struct error *error, struct prometheus_registry **registry) _warn_unused_result_;
void prometheus_registry_free(struct prometheus_registry *registry);

/* Adds a family; the registry owns it. ERROR_ALREADY_EXISTS for a name twice, ERROR_INVALID for a description
 * that breaks the rules above, ERROR_NO_MEMORY. */
bool prometheus_add_family(struct prometheus_registry *registry,
                           const struct prometheus_description *description, struct error *error,
                           struct prometheus_family **family) _warn_unused_result_;

/* Adds a family of counters or gauges whose samples are made while it is printed: `collect` calls
 * prometheus_sample for each, from the thread that prints, and must not call the registry. `context` must
 * outlive the registry. Errors as above. */
bool prometheus_add_collector(struct prometheus_registry *registry,
                              const struct prometheus_description *description,
                              void (*collect)(void *context, struct prometheus_output *output), void *context,
                              struct error *error) _warn_unused_result_;

/* One sample of a collector; `values` holds one string per label, NULL without labels. */
void prometheus_sample(struct prometheus_output *output, const char *const *values, double value);

/* The series with these label values (one per label; NULL without labels), made when it is new. Never NULL;
 * lives as long as the registry. */
struct prometheus_series *prometheus_series(struct prometheus_family *family, const char *const *values);

/* Counter: adds. */
void prometheus_add(struct prometheus_series *series, uint64_t amount);

/* Gauge: sets, and adds (also negative amounts). */
void prometheus_set(struct prometheus_series *series, double value);
void prometheus_adjust(struct prometheus_series *series, double amount);

/* Histogram: counts one observation. */
void prometheus_observe(struct prometheus_series *series, double value);

/* Appends everything, families in the order they were added. Fails as the buffer does. */
bool prometheus_print(struct prometheus_registry *registry, struct error *error,
                      struct buffer *buffer) _warn_unused_result_;

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
