/* Building and reading with every allocation failing in turn: nothing leaks, nothing crashes, and a failure
 * is said. */

#include "common/cleanup.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/registry.h"
#include "driver/sandboxes/validation.h"
#include "tests/support/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUNS_MAXIMUM 20000

static struct driver_configuration *configuration;
static Compute__DriverSandbox *message;

static bool build_all(void *context)
{
    struct error error = {0};
    _cleanup_(cJSON_Deletep) cJSON *document = NULL, *pod = NULL, *claim = NULL, *record = NULL;
    (void) context;
    return document_from_message(message, &error, &document) &&
           sandbox_validate(configuration, document, &error) &&
           bare_pod_build(configuration, document, &error, &pod) &&
           bare_pod_set_owner(pod, "record", "uid", &error) &&
           bare_pod_build_claim(configuration, document, &error, &claim) &&
           record_build(configuration, document, "token", "me", &error, &record);
}

static bool fill_registry(void *context)
{
    struct error error = {0};
    struct registry *registry = NULL;
    if (!registry_new(configuration, &error, &registry))
        return false;
    bool is_filled = registry_put(registry, REGISTRY_RECORD, context, &error) &&
                     registry_put(registry, REGISTRY_POD, context, &error);
    registry_free(registry);
    return is_filled;
}

static bool load_configuration(void *context)
{
    static const char *const arguments[] = {"--namespace", "other", "--metrics-address=:1"};
    struct error error = {0};
    struct driver_configuration *loaded = NULL;
    (void) context;
    if (!driver_configuration_load(arguments, 3, NULL, &error, &loaded))
        return false;
    driver_configuration_free(loaded);
    return true;
}

static void survives_every_failed_allocation_of_a_build(void **state)
{
    (void) state;
    size_t runs = 0;
    assert_true(build_all(NULL));
    assert_true(allocation_fail_each(build_all, NULL, RUNS_MAXIMUM, &runs));
    assert_true(runs > 50);
}

static void survives_every_failed_allocation_of_the_registry(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_Parse(
        "{\"metadata\":{\"namespace\":\"n\",\"uid\":\"u\",\"labels\":{\"openshell.ai/sandbox-id\":\"a\","
        "\"openshell.ai/sandbox-name\":\"a\",\"openshell.ai/sandbox-workspace\":\"a\"}}}");
    assert_true(allocation_fail_each(fill_registry, object, RUNS_MAXIMUM, NULL));
}

static void survives_every_failed_allocation_of_the_configuration(void **state)
{
    (void) state;
    assert_true(allocation_fail_each(load_configuration, NULL, RUNS_MAXIMUM, NULL));
}

/* A sandbox with something in each part. */
static void make_message(void)
{
    static Compute__DriverSandbox sandbox = COMPUTE__DRIVER_SANDBOX__INIT;
    static Compute__DriverSandboxSpec spec = COMPUTE__DRIVER_SANDBOX_SPEC__INIT;
    static Compute__DriverSandboxTemplate template = COMPUTE__DRIVER_SANDBOX_TEMPLATE__INIT;
    static Compute__DriverSandboxSpec__EnvironmentEntry variable =
        COMPUTE__DRIVER_SANDBOX_SPEC__ENVIRONMENT_ENTRY__INIT;
    static Compute__DriverSandboxSpec__EnvironmentEntry *variables[] = {&variable};
    static Google__Protobuf__Struct config = GOOGLE__PROTOBUF__STRUCT__INIT,
                                    pod = GOOGLE__PROTOBUF__STRUCT__INIT;
    static Google__Protobuf__Struct__FieldsEntry outer = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT,
                                                 inner = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT;
    static Google__Protobuf__Struct__FieldsEntry *outers[] = {&outer}, *inners[] = {&inner};
    static Google__Protobuf__Value object = GOOGLE__PROTOBUF__VALUE__INIT,
                                   name = GOOGLE__PROTOBUF__VALUE__INIT;
    static char *command[] = {(char *) "echo", (char *) "$HOME"};
    name.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
    name.string_value = (char *) "high";
    inner.key = (char *) "priority_class_name";
    inner.value = &name;
    pod.fields = inners;
    pod.n_fields = 1;
    object.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
    object.struct_value = &pod;
    outer.key = (char *) "pod";
    outer.value = &object;
    config.fields = outers;
    config.n_fields = 1;
    template.driver_config = &config;
    variable.key = (char *) "A";
    variable.value = (char *) "$B";
    spec.environment = variables;
    spec.n_environment = 1;
    spec.command = command;
    spec.n_command = 2;
    spec.template_ = &template;
    sandbox.id = sandbox.name = (char *) "a";
    sandbox.spec = &spec;
    message = &sandbox;
}

int main(void)
{
    struct error error;
    static const char *const arguments[] = {"--sandbox-image-pull-secrets", "a, b"};
    if (!driver_configuration_load(arguments, 2, NULL, &error, &configuration))
        return 1;
    make_message();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_failed_allocation_of_a_build),
        cmocka_unit_test(survives_every_failed_allocation_of_the_registry),
        cmocka_unit_test(survives_every_failed_allocation_of_the_configuration),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    driver_configuration_free(configuration);
    return failures;
}
