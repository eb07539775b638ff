#include "webhook/server/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct injector_metrics metrics;
static struct buffer text;

static int set_up(void **state)
{
    (void) state;
    struct error error;
    text = BUFFER_INIT(65536);
    return injector_metrics_init(&metrics, &error) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void) state;
    buffer_done(&text);
    injector_metrics_done(&metrics);
    return 0;
}

static bool shows(const char *line)
{
    struct error error;
    buffer_clear(&text);
    assert_true(prometheus_print(metrics.registry, &error, &text));
    const char *found = strstr(buffer_string(&text), line);
    return found && found[strlen(line)] == '\n' && (found == text.data || found[-1] == '\n');
}

static void has_the_documented_names_from_the_start(void **state)
{
    (void) state;
    static const char *const types[] = {
        "# TYPE openshell_injector_requests_total counter",
        "# TYPE openshell_injector_denials_total counter",
        "# TYPE openshell_injector_request_duration_seconds histogram",
        "# TYPE openshell_injector_injection_duration_seconds histogram",
        "# TYPE openshell_injector_patch_bytes histogram",
        "# TYPE openshell_injector_in_flight_requests gauge",
        "# TYPE openshell_injector_configuration_reloads_total counter",
        "# TYPE openshell_injector_certificate_reloads_total counter",
        "# TYPE openshell_injector_build_info gauge",
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_true(shows(types[i]));
    assert_true(shows("openshell_injector_in_flight_requests 0"));
}

static void has_the_documented_buckets(void **state)
{
    (void) state;
    static const char *const bounds[] = {"5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025",
                                         "0.005", "0.01",   "0.05",    "0.1",    "1",     "+Inf"};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        char line[128];
        snprintf(line, sizeof line, "openshell_injector_request_duration_seconds_bucket{le=\"%s\"} 0",
                 bounds[i]);
        assert_true(shows(line));
        snprintf(line, sizeof line, "openshell_injector_injection_duration_seconds_bucket{le=\"%s\"} 0",
                 bounds[i]);
        assert_true(shows(line));
    }
}

static void counts_decisions_with_their_parts(void **state)
{
    (void) state;
    struct admission_outcome injected = {.decision = INJECTION_INJECTED,
                                         .operation = "CREATE",
                                         .reason = "Injected",
                                         .patch_bytes = 3000,
                                         .injection_ns = 60000};
    struct admission_outcome denied = {
        .decision = INJECTION_DENIED, .operation = "CREATE", .reason = "HostNetwork", .injection_ns = 40000};
    injector_metrics_count_request(&metrics, ADMISSION_MUTATE, REQUEST_DECIDED, &injected, 200000);
    injector_metrics_count_request(&metrics, ADMISSION_MUTATE, REQUEST_DECIDED, &denied, 100000);
    assert_true(shows("openshell_injector_requests_total{endpoint=\"mutate\",operation=\"CREATE\","
                      "result=\"injected\"} 1"));
    assert_true(shows(
        "openshell_injector_requests_total{endpoint=\"mutate\",operation=\"CREATE\",result=\"denied\"} 1"));
    assert_true(shows("openshell_injector_denials_total{reason=\"HostNetwork\"} 1"));
    assert_true(shows("openshell_injector_request_duration_seconds_bucket{le=\"0.0001\"} 1"));
    assert_true(shows("openshell_injector_request_duration_seconds_count 2"));
    assert_true(shows("openshell_injector_injection_duration_seconds_bucket{le=\"5e-05\"} 1"));
    assert_true(shows("openshell_injector_patch_bytes_count 1"));
    assert_true(shows("openshell_injector_patch_bytes_sum 3000"));
}

static void counts_requests_that_end_otherwise(void **state)
{
    (void) state;
    struct admission_outcome unknown = {.operation = "", .reason = "Error"};
    injector_metrics_count_request(&metrics, ADMISSION_VALIDATE, REQUEST_INVALID, &unknown, 1);
    injector_metrics_count_request(&metrics, ADMISSION_VALIDATE, REQUEST_FAILED, &unknown, 1);
    injector_metrics_count_request(&metrics, ADMISSION_VALIDATE, REQUEST_ABORTED, &unknown, 1);
    assert_true(shows("openshell_injector_requests_total{endpoint=\"validate\",operation=\"unknown\","
                      "result=\"invalid\"} 1"));
    assert_true(shows("openshell_injector_requests_total{endpoint=\"validate\",operation=\"unknown\","
                      "result=\"error\"} 1"));
    assert_true(shows("openshell_injector_requests_total{endpoint=\"validate\",operation=\"unknown\","
                      "result=\"aborted\"} 1"));
    assert_true(shows("openshell_injector_injection_duration_seconds_count 0"));
}

static void never_makes_a_label_of_a_clients_word(void **state)
{
    (void) state;
    struct admission_outcome odd = {.operation = "ANYTHING", .reason = "Error"};
    injector_metrics_count_request(&metrics, ADMISSION_MUTATE, REQUEST_INVALID, &odd, 1);
    assert_true(shows("openshell_injector_requests_total{endpoint=\"mutate\",operation=\"unknown\","
                      "result=\"invalid\"} 1"));
}

static void counts_reloads_by_result(void **state)
{
    (void) state;
    injector_metrics_count_reload(metrics.configuration_reloads, true);
    injector_metrics_count_reload(metrics.configuration_reloads, false);
    injector_metrics_count_reload(metrics.configuration_reloads, false);
    assert_true(shows("openshell_injector_configuration_reloads_total{result=\"success\"} 1"));
    assert_true(shows("openshell_injector_configuration_reloads_total{result=\"failure\"} 2"));
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(has_the_documented_names_from_the_start),
        METRICS_TEST(has_the_documented_buckets),
        METRICS_TEST(counts_decisions_with_their_parts),
        METRICS_TEST(counts_requests_that_end_otherwise),
        METRICS_TEST(never_makes_a_label_of_a_clients_word),
        METRICS_TEST(counts_reloads_by_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
