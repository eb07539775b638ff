#include "webhook/commands/serve_certificates.h"

#include "common/log.h"
#include "tests/unit/certs/fake_cluster.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define METRICS_BYTES (64 * 1024)

struct world {
    struct fake_cluster *cluster;
    struct prometheus_registry *registry;
    struct serve_certificates *certificates;
    struct buffer text;
    const char *expected; /* a line of the metrics, see eventually_shows */
};

static void collect(void *context, struct prometheus_output *output)
{
    serve_certificates_collect_expiry(context, output);
}

static int set_up(void **state)
{
    struct error error;
    static const struct prometheus_description expiry = {
        .name = "expiry", .help = "When.", .type = PROMETHEUS_GAUGE, .labels = {"certificate"}};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->cluster = fake_cluster_start();
    world->text = BUFFER_INIT(METRICS_BYTES);
    fake_cluster_put(world->cluster, FAKE_MUTATING,
                     fake_cluster_configuration(CERTS_DEFAULT_NAME, CERTS_DEFAULT_NAME));
    fake_cluster_put(world->cluster, FAKE_VALIDATING,
                     fake_cluster_configuration(CERTS_DEFAULT_NAME, CERTS_DEFAULT_NAME));
    assert_true(prometheus_registry_new(&error, &world->registry));
    assert_true(serve_certificates_new(&error, &world->certificates));
    assert_true(prometheus_add_collector(world->registry, &expiry, collect, world->certificates, &error));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    serve_certificates_free(world->certificates);
    fake_cluster_stop(world->cluster);
    prometheus_registry_free(world->registry);
    buffer_done(&world->text);
    free(world);
    return 0;
}

static void start(struct world *world)
{
    struct error error;
    static const struct certs_options options = {.namespace_name = "ns"};
    if (!serve_certificates_start(world->certificates, &options, world->cluster->client, world->registry,
                                  &error))
        fail_msg("%s", error.message);
}

static bool is_ready(void *context)
{
    struct error error;
    struct world *world = context;
    const struct certificate_source source = serve_certificates_source(world->certificates);
    return source.check(source.context, &error);
}

/* The value of a series, NAN when it is not there. */
static double metric(struct world *world, const char *series)
{
    char line[256];
    struct error error;
    buffer_clear(&world->text);
    assert_true(prometheus_print(world->registry, &error, &world->text));
    snprintf(line, sizeof line, "\n%s ", series);
    const char *found = strstr(buffer_string(&world->text), line);
    return found ? strtod(found + strlen(line), NULL) : -1;
}

static bool is_counted(void *context)
{
    struct world *world = context;
    return metric(world, world->expected) > 0;
}

static void expect_counted(struct world *world, const char *series)
{
    world->expected = series;
    if (!eventually(is_counted, world))
        fail_msg("%s stays 0 in: %s", series, buffer_string(&world->text));
}

static void serves_nothing_before_the_start(void **state)
{
    struct error error;
    struct world *world = *state;
    const struct certificate_source source = serve_certificates_source(world->certificates);
    assert_null(source.acquire(source.context));
    assert_false(source.check(source.context, &error));
    assert_string_equal(error.message, "certificates are not kept yet, or not any more");
    assert_true(metric(world, "expiry{certificate=\"serving\"}") < 0);
}

static void metrics_tell_expiry_rotations_bundles_and_the_lease(void **state)
{
    struct world *world = *state;
    start(world);
    assert_true(eventually(is_ready, world));
    const double now = (double) time(NULL), day = 86400;
    const double serving = metric(world, "expiry{certificate=\"serving\"}") - now;
    const double authority = metric(world, "expiry{certificate=\"authority\"}") - now;
    assert_true(serving > 6.9 * day && serving <= 7 * day);
    assert_true(authority > 364.9 * day && authority <= 365 * day);
    assert_true(metric(world, "expiry{certificate=\"next-authority\"}") < 0);
    assert_true(metric(world, "openshell_injector_certificate_rotations_total{certificate=\"serving\"}") ==
                1);
    expect_counted(world,
                   "openshell_injector_certificate_bundle_writes_total{name=\"" CERTS_DEFAULT_NAME "\"}");
    assert_true(metric(world, "openshell_injector_certificate_lease_held") == 1);
    assert_true(metric(world, "openshell_injector_certificate_failures_total") == 0);
}

static void failures_are_counted(void **state)
{
    struct world *world = *state;
    fake_cluster_deny(world->cluster, "POST", FAKE_SECRETS);
    start(world);
    expect_counted(world, "openshell_injector_certificate_failures_total");
    assert_false(is_ready(world));
    fake_cluster_deny(world->cluster, NULL, NULL);
    assert_true(eventually(is_ready, world));
}

static void goes_on_serving_what_it_has_after_the_end(void **state)
{
    struct error error;
    struct world *world = *state;
    start(world);
    assert_true(eventually(is_ready, world));
    serve_certificates_stop(world->certificates);
    const struct certificate_source source = serve_certificates_source(world->certificates);
    struct serving_certificate *certificate = source.acquire(source.context);
    assert_non_null(certificate);
    serving_certificate_release(certificate);
    assert_false(source.check(source.context, &error));
    assert_true(metric(world, "openshell_injector_certificate_lease_held") == 0);
}

static void wrong_options_are_refused_by_name(void **state)
{
    struct world *world = *state;
    static const struct {
        struct certs_options options;
        const char *message;
    } cases[] = {
        {{.life = "4s"}, "a certificate must live for 5 seconds at least"},
        {{.algorithm = "dsa"}, "--certificate-algorithm"},
        {{.names = {"a b"}, .name_count = 1}, "--dns-name"},
        {{.service = "a.b"}, "\"a.b\" is no name of a Service"},
        {{.secret = "a b"}, "\"a b\" is no name of an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        struct prometheus_registry *registry = NULL;
        struct serve_certificates *certificates = NULL;
        assert_true(prometheus_registry_new(&error, &registry));
        assert_true(serve_certificates_new(&error, &certificates));
        assert_false(serve_certificates_start(certificates, &cases[i].options, world->cluster->client,
                                              registry, &error));
        assert_int_equal(error.code, ERROR_INVALID);
        if (!strstr(error.message, cases[i].message))
            fail_msg("%s: %s", cases[i].message, error.message);
        serve_certificates_free(certificates);
        prometheus_registry_free(registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_nothing_before_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_tell_expiry_rotations_bundles_and_the_lease, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failures_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_serving_what_it_has_after_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
