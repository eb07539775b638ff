#include "common/prometheus.h"

#include "common/cleanup.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct prometheus_series {
    struct prometheus_series *next;
    char *values[PROMETHEUS_LABELS]; /* owned; NULL from the family's label count on */
    atomic_bool is_used;             /* "other" alone is printed only after its first use */
    size_t bucket_count;
    const double *buckets;
    /* A counter's count; a gauge's value or a histogram's sum as the bits of a double. */
    _Atomic uint64_t number;
    _Atomic uint64_t observations[]; /* per bucket, not cumulative; the last one is +Inf */
};

struct prometheus_family {
    struct prometheus_family *next;
    struct prometheus_description description;
    size_t label_count;
    struct prometheus_series *_Atomic first; /* newest first; never shortened, so readers need no lock */
    struct prometheus_series *other;
    size_t series_count;
    pthread_mutex_t creation;
    void (*collect)(void *context, struct prometheus_output *output);
    void *collect_context;
};

struct prometheus_registry {
    pthread_mutex_t mutex; /* the list of families */
    struct prometheus_family *first;
    struct prometheus_family **end;
};

struct prometheus_output {
    const struct prometheus_family *family;
    struct buffer *buffer;
};

static const char *const other_values[PROMETHEUS_LABELS] = {PROMETHEUS_OTHER, PROMETHEUS_OTHER,
                                                            PROMETHEUS_OTHER, PROMETHEUS_OTHER};

static void series_free(struct prometheus_series *series)
{
    for (size_t i = 0; i < PROMETHEUS_LABELS; i++)
        free(series->values[i]);
    free(series);
}

DEFINE_POINTER_CLEANUP(struct prometheus_series *, series_free)

/* NULL without memory. */
static struct prometheus_series *series_new(const struct prometheus_family *family, const char *const *values)
{
    size_t slots =
        family->description.type == PROMETHEUS_HISTOGRAM ? family->description.bucket_count + 1 : 0;
    _cleanup_(series_freep) struct prometheus_series *series =
        calloc(1, sizeof *series + slots * sizeof *series->observations);
    if (!series)
        return NULL;
    for (size_t i = 0; i < family->label_count; i++) {
        series->values[i] = strdup(values[i]);
        if (!series->values[i])
            return NULL;
    }
    series->buckets = family->description.buckets;
    series->bucket_count = family->description.bucket_count;
    return take_pointer(&series);
}

static void family_free(struct prometheus_family *family)
{
    struct prometheus_series *series = atomic_load(&family->first);
    while (series) {
        struct prometheus_series *next = series->next;
        series_free(series);
        series = next;
    }
    if (family->other)
        series_free(family->other);
    pthread_mutex_destroy(&family->creation);
    free(family);
}

DEFINE_POINTER_CLEANUP(struct prometheus_family *, family_free)

bool prometheus_registry_new(struct error *error, struct prometheus_registry **registry)
{
    struct prometheus_registry *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    made->end = &made->first;
    *registry = made;
    return true;
}

void prometheus_registry_free(struct prometheus_registry *registry)
{
    if (!registry)
        return;
    for (struct prometheus_family *family = registry->first; family;) {
        struct prometheus_family *next = family->next;
        family_free(family);
        family = next;
    }
    pthread_mutex_destroy(&registry->mutex);
    free(registry);
}

static bool is_name(const char *name, bool may_have_colon)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    if (!*name || !(strchr(letters, *name) || (may_have_colon && *name == ':')))
        return false;
    for (const char *at = name; *at; at++)
        if (!strchr(letters, *at) && !strchr("0123456789", *at) && !(may_have_colon && *at == ':'))
            return false;
    return true;
}

static bool check_description(const struct prometheus_description *description, struct error *error)
{
    if (!is_name(description->name, true))
        return error_set(error, ERROR_INVALID, "\"%s\": not a metric name", description->name);
    for (size_t i = 0; i < PROMETHEUS_LABELS && description->labels[i]; i++)
        if (!is_name(description->labels[i], false) || strcmp(description->labels[i], "le") == 0)
            return error_set(error, ERROR_INVALID, "metric %s: \"%s\": not a label name", description->name,
                             description->labels[i]);
    if (description->bucket_count > PROMETHEUS_BUCKETS)
        return error_set(error, ERROR_INVALID, "metric %s: more than %d buckets", description->name,
                         PROMETHEUS_BUCKETS);
    for (size_t i = 1; i < description->bucket_count; i++)
        if (!(description->buckets[i - 1] < description->buckets[i]))
            return error_set(error, ERROR_INVALID, "metric %s: buckets must ascend", description->name);
    return true;
}

static bool family_new(const struct prometheus_description *description, struct error *error,
                       struct prometheus_family **result)
{
    if (!check_description(description, error))
        return false;
    _cleanup_(family_freep) struct prometheus_family *family = calloc(1, sizeof *family);
    if (!family)
        return error_set_no_memory(error);
    pthread_mutex_init(&family->creation, NULL);
    family->description = *description;
    while (family->label_count < PROMETHEUS_LABELS && description->labels[family->label_count])
        family->label_count++;
    family->other = series_new(family, other_values);
    if (!family->other)
        return error_set_no_memory(error);
    *result = take_pointer(&family);
    return true;
}

static bool registry_append(struct prometheus_registry *registry, struct prometheus_family *family,
                            struct error *error)
{
    bool is_known = false;
    pthread_mutex_lock(&registry->mutex);
    for (struct prometheus_family *other = registry->first; other && !is_known; other = other->next)
        is_known = strcmp(other->description.name, family->description.name) == 0;
    if (!is_known) {
        *registry->end = family;
        registry->end = &family->next;
    }
    pthread_mutex_unlock(&registry->mutex);
    if (is_known)
        return error_set(error, ERROR_ALREADY_EXISTS, "metric %s: registered twice",
                         family->description.name);
    return true;
}

bool prometheus_add_family(struct prometheus_registry *registry,
                           const struct prometheus_description *description, struct error *error,
                           struct prometheus_family **result)
{
    _cleanup_(family_freep) struct prometheus_family *family = NULL;
    if (!family_new(description, error, &family) || !registry_append(registry, family, error))
        return false;
    *result = take_pointer(&family);
    return true;
}

bool prometheus_add_collector(struct prometheus_registry *registry,
                              const struct prometheus_description *description,
                              void (*collect)(void *context, struct prometheus_output *output), void *context,
                              struct error *error)
{
    _cleanup_(family_freep) struct prometheus_family *family = NULL;
    if (description->type == PROMETHEUS_HISTOGRAM)
        return error_set(error, ERROR_INVALID, "metric %s: a collector has no histograms", description->name);
    if (!family_new(description, error, &family))
        return false;
    family->collect = collect;
    family->collect_context = context;
    if (!registry_append(registry, family, error))
        return false;
    (void) take_pointer(&family);
    return true;
}

static struct prometheus_series *find_series(const struct prometheus_family *family,
                                             const char *const *values)
{
    struct prometheus_series *series = atomic_load_explicit(&family->first, memory_order_acquire);
    for (; series; series = series->next) {
        size_t same = 0;
        while (same < family->label_count && strcmp(series->values[same], values[same]) == 0)
            same++;
        if (same == family->label_count)
            return series;
    }
    return NULL;
}

static struct prometheus_series *find_or_make_series(struct prometheus_family *family,
                                                     const char *const *values)
{
    pthread_mutex_lock(&family->creation);
    struct prometheus_series *series = find_series(family, values);
    if (!series && family->series_count < family->description.series_limit) {
        series = series_new(family, values);
        if (series) {
            family->series_count++;
            series->next = atomic_load_explicit(&family->first, memory_order_relaxed);
            atomic_store_explicit(&family->first, series, memory_order_release);
        }
    }
    pthread_mutex_unlock(&family->creation);
    return series ? series : family->other;
}

struct prometheus_series *prometheus_series(struct prometheus_family *family, const char *const *values)
{
    if (family->label_count == 0)
        return family->other;
    struct prometheus_series *series = find_series(family, values);
    if (!series)
        series = find_or_make_series(family, values);
    if (series == family->other)
        atomic_store_explicit(&series->is_used, true, memory_order_relaxed);
    return series;
}

static double as_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t as_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void prometheus_add(struct prometheus_series *series, uint64_t amount)
{
    atomic_fetch_add_explicit(&series->number, amount, memory_order_relaxed);
}

void prometheus_set(struct prometheus_series *series, double value)
{
    atomic_store_explicit(&series->number, as_bits(value), memory_order_relaxed);
}

void prometheus_adjust(struct prometheus_series *series, double amount)
{
    uint64_t old = atomic_load_explicit(&series->number, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&series->number, &old, as_bits(as_double(old) + amount),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void prometheus_observe(struct prometheus_series *series, double value)
{
    size_t bucket = 0;
    while (bucket < series->bucket_count && value > series->buckets[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->observations[bucket], 1, memory_order_relaxed);
    prometheus_adjust(series, value);
}

static void print_escaped(struct buffer *buffer, const char *text, bool is_label)
{
    for (; *text; text++) {
        if (*text == '\\')
            buffer_append_string(buffer, "\\\\");
        else if (*text == '\n')
            buffer_append_string(buffer, "\\n");
        else if (*text == '"' && is_label)
            buffer_append_string(buffer, "\\\"");
        else
            buffer_append_character(buffer, *text);
    }
}

static void print_number(struct buffer *buffer, double value)
{
    if (isnan(value))
        buffer_append_string(buffer, "NaN");
    else if (isinf(value))
        buffer_append_string(buffer, value > 0 ? "+Inf" : "-Inf");
    else
        buffer_append_format(buffer, "%.15g", value);
}

/* `name<suffix>{labels,le="..."} `; `bound` NULL: no le. */
static void print_name(struct buffer *buffer, const struct prometheus_family *family, const char *suffix,
                       const char *const *values, const double *bound)
{
    buffer_append_format(buffer, "%s%s", family->description.name, suffix);
    if (family->label_count || bound)
        buffer_append_character(buffer, '{');
    for (size_t i = 0; i < family->label_count; i++) {
        buffer_append_format(buffer, "%s%s=\"", i ? "," : "", family->description.labels[i]);
        print_escaped(buffer, values[i], true);
        buffer_append_character(buffer, '"');
    }
    if (bound) {
        buffer_append_format(buffer, "%sle=\"", family->label_count ? "," : "");
        print_number(buffer, *bound);
        buffer_append_character(buffer, '"');
    }
    buffer_append_string(buffer, family->label_count || bound ? "} " : " ");
}

/* Buckets are read one by one while others count on; `_count` is their sum, so the histogram is always
 * consistent in itself. */
static void print_histogram(struct buffer *buffer, const struct prometheus_family *family,
                            struct prometheus_series *series, const char *const *values)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= series->bucket_count; i++) {
        double bound = i < series->bucket_count ? series->buckets[i] : (double) INFINITY;
        count += atomic_load_explicit(&series->observations[i], memory_order_relaxed);
        print_name(buffer, family, "_bucket", values, &bound);
        buffer_append_format(buffer, "%" PRIu64 "\n", count);
    }
    print_name(buffer, family, "_sum", values, NULL);
    print_number(buffer, as_double(atomic_load_explicit(&series->number, memory_order_relaxed)));
    buffer_append_character(buffer, '\n');
    print_name(buffer, family, "_count", values, NULL);
    buffer_append_format(buffer, "%" PRIu64 "\n", count);
}

static void print_series(struct buffer *buffer, const struct prometheus_family *family,
                         struct prometheus_series *series)
{
    const char *const *values = (const char *const *) series->values;
    if (family->description.type == PROMETHEUS_HISTOGRAM) {
        print_histogram(buffer, family, series, values);
        return;
    }
    uint64_t number = atomic_load_explicit(&series->number, memory_order_relaxed);
    print_name(buffer, family, "", values, NULL);
    if (family->description.type == PROMETHEUS_COUNTER)
        buffer_append_format(buffer, "%" PRIu64, number);
    else
        print_number(buffer, as_double(number));
    buffer_append_character(buffer, '\n');
}

void prometheus_sample(struct prometheus_output *output, const char *const *values, double value)
{
    print_name(output->buffer, output->family, "", values, NULL);
    print_number(output->buffer, value);
    buffer_append_character(output->buffer, '\n');
}

static void print_family(struct buffer *buffer, struct prometheus_family *family)
{
    static const char *const type_names[] = {"counter", "gauge", "histogram"};
    const struct prometheus_description *description = &family->description;
    buffer_append_format(buffer, "# HELP %s ", description->name);
    print_escaped(buffer, description->help, false);
    buffer_append_format(buffer, "\n# TYPE %s %s\n", description->name, type_names[description->type]);
    if (family->collect) {
        struct prometheus_output output = {.family = family, .buffer = buffer};
        family->collect(family->collect_context, &output);
        return;
    }
    struct prometheus_series *series = atomic_load_explicit(&family->first, memory_order_acquire);
    for (; series; series = series->next)
        print_series(buffer, family, series);
    if (family->label_count == 0 || atomic_load_explicit(&family->other->is_used, memory_order_relaxed))
        print_series(buffer, family, family->other);
}

bool prometheus_print(struct prometheus_registry *registry, struct error *error, struct buffer *buffer)
{
    pthread_mutex_lock(&registry->mutex);
    for (struct prometheus_family *family = registry->first; family; family = family->next)
        print_family(buffer, family);
    pthread_mutex_unlock(&registry->mutex);
    return buffer_check(buffer, error);
}
