/* Files that are wrong: what is said, and where. */
#include "tests/unit/injection/configuration_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NOBODY 65534

static void assert_file_fails(const char *body, const char *message)
{
    _cleanup_(buffer_done) struct buffer yaml = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
    char expected[ERROR_MESSAGE_BYTES];
    buffer_append_format(&yaml, "%s%s", FIXTURE_HEADER, body);
    snprintf(expected, sizeof expected, "config \"injector.yaml\" %s", message);
    fixture_load_fails(buffer_string(&yaml), NULL, NULL, expected);
}

static void refuses_unknown_keys_at_every_level(void **state)
{
    (void) state;
    assert_file_fails("topolgy: sidecar\n", "line 3: unknown key \"topolgy\"");
    assert_file_fails("metadata: {name: a}\n", "line 3: unknown key \"metadata\"");
    assert_file_fails("sidecar:\n  proxyUID: 1337\n  proxyUid: 1\n",
                      "line 5: unknown key \"sidecar.proxyUid\"");
    assert_file_fails("upstreamProxy:\n  auth:\n    name: a\n",
                      "line 5: unknown key \"upstreamProxy.auth.name\"");
    assert_file_fails("resources:\n  agent: {}\n", "line 4: unknown key \"resources.agent\"");
    assert_file_fails("resources:\n  install:\n    claims: []\n",
                      "line 5: unknown key \"resources.install.claims\"");
    assert_file_fails("nothing: null\n", "line 3: unknown key \"nothing\"");
    /* A dot does not step down. */
    assert_file_fails("sidecar.kind: native\n", "line 3: unknown key \"sidecar.kind\"");
    assert_file_fails("sandbox: {sandbox.uid: 1}\n", "line 3: unknown key \"sandbox.sandbox.uid\"");
    /* Keys of the driver are not ours. */
    assert_file_fails("workspaceMode: shared\n", "line 3: unknown key \"workspaceMode\"");
    char longest[200];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + sizeof longest - 4, ": 1", 4);
    char message[ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof message, "line 3: unknown key \"%.*s\"", (int) sizeof longest - 4, longest);
    assert_file_fails(longest, message);
}

static void refuses_values_of_another_type(void **state)
{
    (void) state;
    assert_file_fails("topology: 1\n", "line 3: topology: must be a string");
    assert_file_fails("supervisor: image\n", "line 3: supervisor: must be a map");
    assert_file_fails("supervisor:\n- image\n", "line 3: supervisor: must be a map");
    assert_file_fails("gateway:\n  endpoint: {}\n", "line 4: gateway.endpoint: must be a string");
    assert_file_fails("sandbox:\n  uid: '1000'\n", "line 4: sandbox.uid: must be a whole number");
    assert_file_fails("sandbox:\n  uid: 1.5\n", "line 4: sandbox.uid: must be a whole number");
    assert_file_fails("sandbox:\n  uid: 99999999999999999999\n",
                      "line 4: sandbox.uid: must be a whole number");
    assert_file_fails("sandbox:\n  telemetry: 'true'\n", "line 4: sandbox.telemetry: must be true or false");
    assert_file_fails("sandbox:\n  telemetry: 1\n", "line 4: sandbox.telemetry: must be true or false");
    assert_file_fails("allowedImages: a\n", "line 3: allowedImages: must be a list of strings");
    assert_file_fails("allowedImages:\n- a\n- 1\n", "line 5: allowedImages[1]: must be a string");
    assert_file_fails("allowedImages:\n- a\n- ''\n", "line 5: allowedImages[1]: must not be empty");
    assert_file_fails("podLabels: []\n", "line 3: podLabels: must be a map of strings");
    assert_file_fails("podLabels:\n  a: b\n  c: true\n", "line 5: podLabels[c]: must be a string");
    assert_file_fails("resources:\n  install: 1\n",
                      "line 4: resources.install: must be a map with requests and limits");
    assert_file_fails("resources:\n  install:\n    limits: 1\n",
                      "line 5: resources.install.limits: must be a map of quantities");
    assert_file_fails("resources:\n  install:\n    limits:\n      cpu: true\n",
                      "line 6: resources.install.limits[cpu]: must be a quantity, as 500m or 64Mi");
}

static void names_the_line_of_a_constraint_between_options(void **state)
{
    (void) state;
    assert_file_fails("upstreamProxy:\n  noProxy: a\n",
                      "line 4: upstreamProxy.noProxy: needs upstreamProxy.url");
    fixture_load_fails(
        "{\"apiVersion\":\"injector.openshell.ai/v1alpha1\",\"kind\":\"InjectorConfiguration\",\n"
        "\"upstreamProxy\":{\"noProxy\":\"a\"}}",
        NULL, NULL, "config \"injector.yaml\": upstreamProxy.noProxy: needs upstreamProxy.url");
    /* Another source has it from here. */
    fixture_load_fails(FIXTURE_HEADER "upstreamProxy: {url: 'http://a:1', noProxy: a}\n", NULL,
                       STRINGS("--https-proxy="),
                       "config \"injector.yaml\" line 3: upstreamProxy.noProxy: needs upstreamProxy.url");
    fixture_load_fails(FIXTURE_HEADER, STRINGS("OPENSHELL_UPSTREAM_NO_PROXY=a"), NULL,
                       "environment OPENSHELL_UPSTREAM_NO_PROXY: needs upstreamProxy.url");
}

static void refuses_files_of_another_kind(void **state)
{
    (void) state;
    fixture_load_fails("", NULL, NULL,
                       "config \"injector.yaml\": is empty: it needs at least apiVersion and kind");
    fixture_load_fails("# nothing\n---\n", NULL, NULL,
                       "config \"injector.yaml\": is empty: it needs at least apiVersion and kind");
    fixture_load_fails("- a\n", NULL, NULL, "config \"injector.yaml\" line 1: must be a map");
    fixture_load_fails("kind: InjectorConfiguration\n", NULL, NULL,
                       "config \"injector.yaml\" line 1: apiVersion: must be injector.openshell.ai/v1alpha1");
    fixture_load_fails("kind: InjectorConfiguration\napiVersion: injector.openshell.ai/v1\n", NULL, NULL,
                       "config \"injector.yaml\" line 2: apiVersion: must be injector.openshell.ai/v1alpha1");
    fixture_load_fails("apiVersion: injector.openshell.ai/v1alpha1\nkind: Pod\n", NULL, NULL,
                       "config \"injector.yaml\" line 2: kind: must be InjectorConfiguration");
    fixture_load_fails("apiVersion: injector.openshell.ai/v1alpha1\nkind: 1\n", NULL, NULL,
                       "config \"injector.yaml\" line 2: kind: must be InjectorConfiguration");
}

static void passes_on_where_the_yaml_is_wrong(void **state)
{
    (void) state;
    assert_file_fails("topology: combined\ntopology: sidecar\n", "line 4: key \"topology\" is there twice");
    assert_file_fails("sandbox: {uid: 1\n",
                      "line 4 column 1: did not find expected ',' or '}' while parsing a flow mapping");
    assert_file_fails("gateway: {endpoint: \"a\\0b\"}\n", "line 3 column 21: a NUL in a string");
}

static void assert_fails_with(const char *path, enum error_code code, const char *message)
{
    const struct configuration_sources sources = {.file = path};
    struct error error;
    struct configuration *configuration = NULL;
    assert_false(configuration_load(&sources, &error, &configuration));
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, code);
    assert_null(configuration);
}

static void says_when_a_file_cannot_be_read(void **state)
{
    (void) state;
    assert_fails_with("absent.yaml", ERROR_NOT_FOUND, "config \"absent.yaml\": No such file or directory");
    assert_fails_with(".", ERROR_IO, "config \".\": Is a directory");
    fixture_write(FIXTURE_HEADER, strlen(FIXTURE_HEADER));
    assert_int_equal(chmod("injector.yaml", 0), 0);
    /* Root reads everything: be somebody else for a moment. */
    uid_t user = geteuid();
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    assert_fails_with("injector.yaml", ERROR_PERMISSION_DENIED,
                      "config \"injector.yaml\": Permission denied");
    assert_int_equal(seteuid(user), 0);
    unlink("injector.yaml");
}

static void takes_exactly_the_largest_file(void **state)
{
    (void) state;
    _cleanup_(buffer_done) struct buffer yaml = BUFFER_INIT(CONFIGURATION_FILE_BYTES + 1);
    const struct configuration_sources sources = {.file = "injector.yaml"};
    struct error error;
    buffer_append_string(&yaml, FIXTURE_HEADER "#");
    while (yaml.length < CONFIGURATION_FILE_BYTES)
        buffer_append_character(&yaml, 'x');
    fixture_write(yaml.data, yaml.length);
    _cleanup_(configuration_freep) struct configuration *configuration = NULL;
    assert_true(configuration_load(&sources, &error, &configuration));
    buffer_append_character(&yaml, 'x');
    fixture_write(yaml.data, yaml.length);
    assert_fails_with("injector.yaml", ERROR_TOO_LARGE, "config \"injector.yaml\": more than 1048576 bytes");
}

static void refuses_two_documents_and_deep_nesting(void **state)
{
    (void) state;
    const struct configuration_sources sources = {.file = "injector.yaml"};
    struct error error;
    struct configuration *configuration = NULL;
    fixture_write("a: b\n---\nc: d\n", 14);
    assert_false(configuration_load(&sources, &error, &configuration));
    assert_string_equal(error.message,
                        "config \"injector.yaml\" line 3 column 1: more documents than the 1 allowed");
    fixture_write("[[[[[[[[[[[[[[[[[", 17);
    assert_false(configuration_load(&sources, &error, &configuration));
    assert_string_equal(error.message, "config \"injector.yaml\" line 1 column 17: more than 16 levels");
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_unknown_keys_at_every_level),
        cmocka_unit_test(refuses_values_of_another_type),
        cmocka_unit_test(names_the_line_of_a_constraint_between_options),
        cmocka_unit_test(refuses_files_of_another_kind),
        cmocka_unit_test(passes_on_where_the_yaml_is_wrong),
        cmocka_unit_test(says_when_a_file_cannot_be_read),
        cmocka_unit_test(takes_exactly_the_largest_file),
        cmocka_unit_test(refuses_two_documents_and_deep_nesting),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
