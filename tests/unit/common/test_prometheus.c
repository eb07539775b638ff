#include "common/cleanup.h"
#include "common/prometheus.h"
#include "tests/support/allocation.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_BYTES 65536

static const double buckets[] = {0.00005, 0.001, 1};

static int make_registry(void **state)
{
    struct error error;
    struct prometheus_registry *registry = NULL;
    if (!prometheus_registry_new(&error, &registry))
        return -1;
    *state = registry;
    return 0;
}

static int free_registry(void **state)
{
    prometheus_registry_free(*state);
    return 0;
}

static struct prometheus_family *add(struct prometheus_registry *registry,
                                     const struct prometheus_description *description)
{
    struct error error;
    struct prometheus_family *family = NULL;
    assert_true(prometheus_add_family(registry, description, &error, &family));
    return family;
}

static void assert_prints(struct prometheus_registry *registry, const char *expected)
{
    struct error error;
    struct buffer buffer = BUFFER_INIT(TEXT_BYTES);
    assert_true(prometheus_print(registry, &error, &buffer));
    assert_string_equal(buffer_string(&buffer), expected);
    buffer_done(&buffer);
}

static void prints_counters_with_their_labels(void **state)
{
    struct prometheus_family *family =
        add(*state, &(struct prometheus_description){.name = "requests_total",
                                                     .help = "Requests.",
                                                     .labels = {"endpoint", "result"},
                                                     .series_limit = 4});
    prometheus_add(prometheus_series(family, (const char *[]){"mutate", "ok"}), 2);
    prometheus_add(prometheus_series(family, (const char *[]){"mutate", "failed"}), 1);
    prometheus_add(prometheus_series(family, (const char *[]){"mutate", "ok"}), 40);
    assert_prints(*state, "# HELP requests_total Requests.\n"
                          "# TYPE requests_total counter\n"
                          "requests_total{endpoint=\"mutate\",result=\"failed\"} 1\n"
                          "requests_total{endpoint=\"mutate\",result=\"ok\"} 42\n");
}

static void prints_gauges_and_always_one_without_labels(void **state)
{
    struct prometheus_family *family =
        add(*state,
            &(struct prometheus_description){.name = "in_flight", .help = "Now.", .type = PROMETHEUS_GAUGE});
    assert_prints(*state, "# HELP in_flight Now.\n# TYPE in_flight gauge\nin_flight 0\n");
    prometheus_adjust(prometheus_series(family, NULL), 3);
    prometheus_adjust(prometheus_series(family, NULL), -1);
    assert_prints(*state, "# HELP in_flight Now.\n# TYPE in_flight gauge\nin_flight 2\n");
    prometheus_set(prometheus_series(family, NULL), 1732370000.5);
    assert_prints(*state, "# HELP in_flight Now.\n# TYPE in_flight gauge\nin_flight 1732370000.5\n");
}

static void prints_histograms_cumulatively(void **state)
{
    struct prometheus_family *family =
        add(*state, &(struct prometheus_description){.name = "seconds",
                                                     .help = "Time.",
                                                     .type = PROMETHEUS_HISTOGRAM,
                                                     .labels = {"endpoint"},
                                                     .series_limit = 1,
                                                     .buckets = buckets,
                                                     .bucket_count = 3});
    struct prometheus_series *series = prometheus_series(family, (const char *[]){"mutate"});
    prometheus_observe(series, 0.00005);
    prometheus_observe(series, 0.0005);
    prometheus_observe(series, 0.5);
    prometheus_observe(series, 2);
    assert_prints(*state, "# HELP seconds Time.\n"
                          "# TYPE seconds histogram\n"
                          "seconds_bucket{endpoint=\"mutate\",le=\"5e-05\"} 1\n"
                          "seconds_bucket{endpoint=\"mutate\",le=\"0.001\"} 2\n"
                          "seconds_bucket{endpoint=\"mutate\",le=\"1\"} 3\n"
                          "seconds_bucket{endpoint=\"mutate\",le=\"+Inf\"} 4\n"
                          "seconds_sum{endpoint=\"mutate\"} 2.50055\n"
                          "seconds_count{endpoint=\"mutate\"} 4\n");
}

static void escapes_label_values_and_help(void **state)
{
    struct prometheus_family *family = add(
        *state, &(struct prometheus_description){
                    .name = "odd_total", .help = "a \\ and\na \"", .labels = {"label"}, .series_limit = 1});
    prometheus_add(prometheus_series(family, (const char *[]){"q\" b\\ n\n"}), 1);
    assert_prints(*state, "# HELP odd_total a \\\\ and\\na \"\n"
                          "# TYPE odd_total counter\n"
                          "odd_total{label=\"q\\\" b\\\\ n\\n\"} 1\n");
}

static void shares_one_series_past_the_limit(void **state)
{
    struct prometheus_family *family =
        add(*state, &(struct prometheus_description){
                        .name = "many_total", .help = "Many.", .labels = {"label"}, .series_limit = 2});
    prometheus_add(prometheus_series(family, (const char *[]){"a"}), 1);
    prometheus_add(prometheus_series(family, (const char *[]){"b"}), 1);
    assert_prints(*state, "# HELP many_total Many.\n# TYPE many_total counter\n"
                          "many_total{label=\"b\"} 1\nmany_total{label=\"a\"} 1\n");
    prometheus_add(prometheus_series(family, (const char *[]){"c"}), 1);
    prometheus_add(prometheus_series(family, (const char *[]){"d"}), 1);
    assert_prints(*state, "# HELP many_total Many.\n# TYPE many_total counter\n"
                          "many_total{label=\"b\"} 1\nmany_total{label=\"a\"} 1\n"
                          "many_total{label=\"other\"} 2\n");
}

static void collect_two(void *context, struct prometheus_output *output)
{
    prometheus_sample(output, (const char *[]){context}, 1);
    prometheus_sample(output, (const char *[]){"b"}, -0.25);
}

static void asks_collectors_while_printing(void **state)
{
    struct error error;
    struct prometheus_description description = {
        .name = "info", .help = "Info.", .type = PROMETHEUS_GAUGE, .labels = {"digest"}};
    char text[] = "a";
    assert_true(prometheus_add_collector(*state, &description, collect_two, text, &error));
    assert_prints(*state, "# HELP info Info.\n# TYPE info gauge\n"
                          "info{digest=\"a\"} 1\ninfo{digest=\"b\"} -0.25\n");
}

static enum error_code refusal(struct prometheus_registry *registry,
                               const struct prometheus_description *description)
{
    struct error error = {.code = ERROR_NONE};
    struct prometheus_family *family = NULL;
    return prometheus_add_family(registry, description, &error, &family) ? ERROR_NONE : error.code;
}

static void refuses_what_parsers_would_not_read(void **state)
{
    static const double descending[] = {1, 1};
    static const double many[PROMETHEUS_BUCKETS + 1] = {1};
    struct prometheus_registry *registry = *state;
    assert_int_equal(refusal(registry, &(struct prometheus_description){.name = "a-b", .help = ""}),
                     ERROR_INVALID);
    assert_int_equal(refusal(registry, &(struct prometheus_description){.name = "9a", .help = ""}),
                     ERROR_INVALID);
    assert_int_equal(
        refusal(registry, &(struct prometheus_description){.name = "a", .help = "", .labels = {"b:c"}}),
        ERROR_INVALID);
    assert_int_equal(
        refusal(registry, &(struct prometheus_description){.name = "a", .help = "", .labels = {"le"}}),
        ERROR_INVALID);
    assert_int_equal(refusal(registry, &(struct prometheus_description){.name = "a",
                                                                        .help = "",
                                                                        .type = PROMETHEUS_HISTOGRAM,
                                                                        .buckets = descending,
                                                                        .bucket_count = 2}),
                     ERROR_INVALID);
    assert_int_equal(
        refusal(registry, &(struct prometheus_description){.name = "a",
                                                           .help = "",
                                                           .type = PROMETHEUS_HISTOGRAM,
                                                           .buckets = many,
                                                           .bucket_count = PROMETHEUS_BUCKETS + 1}),
        ERROR_INVALID);
    assert_int_equal(refusal(registry, &(struct prometheus_description){.name = "a:b_9", .help = ""}),
                     ERROR_NONE);
    assert_int_equal(refusal(registry, &(struct prometheus_description){.name = "a:b_9", .help = ""}),
                     ERROR_ALREADY_EXISTS);
}

static void takes_the_largest_histogram(void **state)
{
    double bounds[PROMETHEUS_BUCKETS];
    for (size_t i = 0; i < PROMETHEUS_BUCKETS; i++)
        bounds[i] = (double) i;
    struct prometheus_family *family =
        add(*state, &(struct prometheus_description){.name = "h",
                                                     .help = "",
                                                     .type = PROMETHEUS_HISTOGRAM,
                                                     .buckets = bounds,
                                                     .bucket_count = PROMETHEUS_BUCKETS});
    prometheus_observe(prometheus_series(family, NULL), 1e9);
    struct error error;
    struct buffer buffer = BUFFER_INIT(TEXT_BYTES);
    assert_true(prometheus_print(*state, &error, &buffer));
    assert_non_null(strstr(buffer_string(&buffer), "h_bucket{le=\"15\"} 0\nh_bucket{le=\"+Inf\"} 1\n"));
    buffer_done(&buffer);
}

struct thread_work {
    struct prometheus_family *counter;
    struct prometheus_family *histogram;
};

#define THREAD_ROUNDS 2000

static void *count_much(void *argument)
{
    struct thread_work *work = argument;
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i % 10);
        prometheus_add(prometheus_series(work->counter, (const char *[]){value}), 1);
        prometheus_observe(prometheus_series(work->histogram, NULL), 0.5);
    }
    return NULL;
}

static void loses_no_count_between_threads(void **state)
{
    pthread_t threads[4];
    struct thread_work work = {
        .counter = add(*state,
                       &(struct prometheus_description){
                           .name = "c_total", .help = "", .labels = {"label"}, .series_limit = 5}),
        .histogram = add(*state, &(struct prometheus_description){.name = "h",
                                                                  .help = "",
                                                                  .type = PROMETHEUS_HISTOGRAM,
                                                                  .buckets = buckets,
                                                                  .bucket_count = 3}),
    };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, &work), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct error error;
    struct buffer buffer = BUFFER_INIT(TEXT_BYTES);
    assert_true(prometheus_print(*state, &error, &buffer));
    assert_non_null(strstr(buffer_string(&buffer), "c_total{label=\"other\"} 4000\n"));
    assert_non_null(strstr(buffer_string(&buffer), "h_sum 4000\nh_count 8000\n"));
    buffer_done(&buffer);
}

static bool register_and_print(void *context)
{
    (void) context;
    struct error error = {.code = ERROR_NONE};
    struct prometheus_registry *registry = NULL;
    struct prometheus_family *family = NULL;
    struct buffer buffer = BUFFER_INIT(TEXT_BYTES);
    const struct prometheus_description description = {
        .name = "c_total", .help = "", .labels = {"label"}, .series_limit = 5};
    bool is_done = prometheus_registry_new(&error, &registry) &&
                   prometheus_add_family(registry, &description, &error, &family);
    if (is_done) {
        prometheus_add(prometheus_series(family, (const char *[]){"a"}), 1);
        is_done =
            prometheus_print(registry, &error, &buffer) && strstr(buffer_string(&buffer), "\"a\"") != NULL;
    }
    buffer_done(&buffer);
    prometheus_registry_free(registry);
    return is_done;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    assert_true(allocation_fail_each(register_and_print, NULL, 50, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prints_counters_with_their_labels, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(prints_gauges_and_always_one_without_labels, make_registry,
                                        free_registry),
        cmocka_unit_test_setup_teardown(prints_histograms_cumulatively, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(escapes_label_values_and_help, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(shares_one_series_past_the_limit, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(asks_collectors_while_printing, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(refuses_what_parsers_would_not_read, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(takes_the_largest_histogram, make_registry, free_registry),
        cmocka_unit_test_setup_teardown(loses_no_count_between_threads, make_registry, free_registry),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
