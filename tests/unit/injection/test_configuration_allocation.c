/* Loading and printing while memory runs out, at each allocation in turn. */
#include "tests/support/allocation.h"
#include "tests/unit/injection/configuration_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RUN_LIMIT 20000

static const char file[] = FIXTURE_HEADER "topology: sidecar\n"
                                          "supervisor: {image: i}\n"
                                          "upstreamProxy: {url: 'http://p:1', noProxy: a}\n"
                                          "resources: {install: {limits: {cpu: 1, memory: 64Mi}}}\n"
                                          "agentEnvironment: {A: a, B: b}\n"
                                          "allowedImages: [a, b]\n";

struct attempt {
    struct configuration_sources sources;
    const char *wanted_error; /* NULL: loading is to succeed */
    bool is_wrong;            /* something else than success or ERROR_NO_MEMORY was seen */
};

/* True when it ended as wanted with the memory there was. */
static bool load_and_release(void *context)
{
    struct attempt *attempt = context;
    struct error error = {0};
    struct configuration *configuration = NULL;
    if (configuration_load(&attempt->sources, &error, &configuration)) {
        attempt->is_wrong |= attempt->wanted_error || strlen(configuration->digest) != 64;
        configuration_free(configuration);
        return true;
    }
    attempt->is_wrong |= configuration != NULL;
    if (error.code == ERROR_NO_MEMORY)
        return false;
    attempt->is_wrong |= !attempt->wanted_error || strcmp(error.message, attempt->wanted_error) != 0;
    return true;
}

static void loads_or_says_that_memory_is_missing(void **state)
{
    (void) state;
    char *environment[] = {(char[]){"OPENSHELL_GRPC_ENDPOINT=http://g"}, NULL};
    static const struct configuration_flag flags[] = {{.name = "sandbox-uid", .value = "7"}};
    struct attempt attempt = {
        .sources = {.file = "injector.yaml", .environment = environment, .flags = flags, .flag_count = 1}};
    fixture_write(file, strlen(file));
    /* OpenSSL sets itself up on the first digest. */
    assert_true(load_and_release(&attempt));
    size_t runs;
    assert_true(allocation_fail_each(load_and_release, &attempt, RUN_LIMIT, &runs));
    assert_false(attempt.is_wrong);
    assert_true(runs > 500);
}

static void refuses_or_says_that_memory_is_missing(void **state)
{
    (void) state;
    static const char *const bodies[][2] = {
        {"agentEnvironment: {A: a, OPENSHELL_A: b}\n",
         "config \"injector.yaml\" line 3: agentEnvironment[OPENSHELL_A]: names that begin with OPENSHELL_ "
         "belong "
         "to the supervisor"},
        {"allowedImages: [a, 'b c']\n",
         "config \"injector.yaml\" line 3: allowedImages[1]: must be a pattern with "
         "* and ? only, without spaces, or a digest"},
        {"resources: {install: {limits: {cpu: 1}, requests: {cpu: 2}}}\n",
         "config \"injector.yaml\" line 3: resources.install.requests[cpu]: must not be more than the limit"},
        {"upstreamProxy: {noProxy: a}\n",
         "config \"injector.yaml\" line 3: upstreamProxy.noProxy: needs upstreamProxy.url"},
        {"a: *b\n", "config \"injector.yaml\" line 3 column 4: unknown anchor b"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct attempt attempt = {.sources = {.file = "injector.yaml"}, .wanted_error = bodies[i][1]};
        _cleanup_(buffer_done) struct buffer yaml = BUFFER_INIT(4096);
        buffer_append_format(&yaml, "%s%s", FIXTURE_HEADER, bodies[i][0]);
        fixture_write(yaml.data, yaml.length);
        assert_true(allocation_fail_each(load_and_release, &attempt, RUN_LIMIT, NULL));
        assert_false(attempt.is_wrong);
    }
}

static bool print_and_release(void *context)
{
    const struct configuration *configuration = context;
    struct error error = {0};
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    return configuration_to_json(configuration, &error, &document) || error.code != ERROR_NO_MEMORY;
}

static void prints_or_says_that_memory_is_missing(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *configuration = fixture_load_ok(file, NULL, NULL);
    size_t runs;
    assert_true(allocation_fail_each(print_and_release, configuration, RUN_LIMIT, &runs));
    assert_true(runs > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_or_says_that_memory_is_missing),
        cmocka_unit_test(refuses_or_says_that_memory_is_missing),
        cmocka_unit_test(prints_or_says_that_memory_is_missing),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
