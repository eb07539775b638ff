#include "common/cleanup.h"
#include "tests/support/pod_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The value of the agent's variable after the injection; NULL when it has none. */
static const char *variable_of(const cJSON *pod, const char *name)
{
    const cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, json_member(agent, "env"))
    {
        if (strcmp(json_member(variable, "name")->valuestring, name) == 0)
            return json_member(variable, "value")->valuestring;
    }
    return NULL;
}

static void assert_variable(const char *flags, const char *agent, const char *name, const char *expected)
{
    struct configuration *configuration = configuration_fixture_make(flags);
    _cleanup_(freep) char *patch = NULL;
    assert_true(
        asprintf(&patch, "{\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"i\"%s}]}}", agent) > 0);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(patch);
    struct injection_result result = injection_fixture_run(pod, configuration);
    assert_int_equal(result.decision, INJECTION_INJECTED);
    const char *found = variable_of(pod, name);
    if (expected)
        assert_string_equal(found, expected);
    else
        assert_null(found);
    injection_result_done(&result);
    configuration_free(configuration);
}

#define SPEC "OPENSHELL_MAIN_PROCESS_SPEC"
#define ENVIRONMENT "OPENSHELL_USER_ENVIRONMENT"

static void makes_the_specification_of_command_arguments_and_tty(void **state)
{
    (void) state;
    assert_variable(NULL, ",\"command\":[\"a\"]", SPEC, "{\"version\":1,\"command\":[\"a\"],\"tty\":false}");
    assert_variable(NULL, ",\"command\":[\"a\",\"b c\"],\"args\":[\"$(D)\",\"\"],\"tty\":true", SPEC,
                    "{\"version\":1,\"command\":[\"a\",\"b c\",\"$(D)\",\"\"],\"tty\":true}");
    assert_variable(NULL, ",\"tty\":false", SPEC,
                    "{\"version\":1,\"command\":[\"/bin/bash\",\"-l\"],\"tty\":true}");
    assert_variable(NULL, ",\"command\":[],\"args\":[]", SPEC,
                    "{\"version\":1,\"command\":[\"/bin/bash\",\"-l\"],\"tty\":true}");
}

static void warns_when_there_is_no_command(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    for (int has_command = 0; has_command < 2; has_command++) {
        _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(
            has_command ? NULL : "{\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"i\"}]}}");
        struct injection_result result = injection_fixture_run(pod, configuration);
        assert_int_equal(result.warning != NULL, !has_command);
        injection_result_done(&result);
    }
    configuration_free(configuration);
}

static void copies_literal_variables_the_last_of_each_name(void **state)
{
    (void) state;
    assert_variable(NULL, "", ENVIRONMENT, NULL);
    assert_variable(NULL, ",\"env\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"A\",\"value\":\"1\"}]",
                    ENVIRONMENT, "{\"A\":\"1\",\"B\":\"2\"}");
    assert_variable(NULL, ",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"}]",
                    ENVIRONMENT, "{\"A\":\"2\"}");
    assert_variable(NULL, ",\"env\":[{\"name\":\"A\"}]", ENVIRONMENT, "{\"A\":\"\"}");
    static const char from_field[] =
        ",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
        "{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}]";
    assert_variable(NULL, from_field, ENVIRONMENT, NULL);
    assert_variable(NULL, ",\"env\":[{\"name\":\"OPENSHELL_LOG_LEVEL\",\"value\":\"x\"}]", ENVIRONMENT,
                    "{\"OPENSHELL_LOG_LEVEL\":\"x\"}");
}

static void adds_the_configured_environment_without_overriding(void **state)
{
    (void) state;
    static const char flags[] = "agentEnvironment={A:%configured,B:%configured}";
    assert_variable(flags, ",\"env\":[{\"name\":\"A\",\"value\":\"1\"}]", ENVIRONMENT,
                    "{\"A\":\"1\",\"B\":\"configured\"}");
    assert_variable(flags, ",\"env\":[{\"name\":\"A\",\"value\":\"1\"}]", "A", "1");
    assert_variable(flags, "", "B", "configured");
}

/* A pod whose command is ours already; its specification counts when it parses. */
static void assert_present_spec(const char *value, bool is_accepted)
{
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(
        "{\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"i\",\"command\":["
        "\"/opt/openshell/bin/openshell-sandbox\",\"--workdir\",\"/sandbox\"],\"env\":[{\"name\":\"" SPEC
        "\"}]}]}}");
    cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
    cJSON_AddStringToObject(json_member(agent, "env")->child, "value", value);
    struct injection_result result = injection_fixture_run(pod, configuration);
    if ((result.decision == INJECTION_INJECTED) != is_accepted)
        fail_msg("%s: %s", value, injection_decision_name(result.decision));
    if (is_accepted)
        assert_string_equal(variable_of(pod, SPEC), value);
    injection_result_done(&result);
    configuration_free(configuration);
}

static void keeps_the_specification_of_a_pod_that_starts_the_supervisor(void **state)
{
    (void) state;
    assert_present_spec("{\"version\":1,\"command\":[\"a\"],\"tty\":true}", true);
    assert_present_spec("{\"tty\":false,\"command\":[\"a\",\"b\"],\"version\":1,\"more\":{}}", true);
    assert_present_spec("base64url:eyJ2ZXJzaW9uIjoxLCJjb21tYW5kIjpbImEiXSwidHR5Ijp0cnVlfQ", true);
}

static void denies_specifications_that_the_supervisor_would_not_take(void **state)
{
    (void) state;
    static const char *const values[] = {
        "",
        "[]",
        "{",
        "{\"version\":2,\"command\":[\"a\"],\"tty\":true}",
        "{\"version\":1,\"command\":[],\"tty\":true}",
        "{\"version\":1,\"command\":[\"\"],\"tty\":true}",
        "{\"version\":1,\"command\":[1],\"tty\":true}",
        "{\"version\":1,\"command\":[\"a\"]}",
        "{\"command\":[\"a\"],\"tty\":true}",
        "base64url:",
        "base64url:eyJ2ZXJzaW9uIjoxLCJjb21tYW5kIjpbImEiXSwidHR5Ijp0cnVlfQ==",
        "base64url:####",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_present_spec(values[i], false);
}

/* A command whose JSON is `length` bytes long. */
static enum injection_decision run_command_of(size_t length)
{
    static const char frame[] = "{\"version\":1,\"command\":[\"\"],\"tty\":false}";
    size_t argument_length = length - (sizeof frame - 1);
    _cleanup_(freep) char *argument = malloc(argument_length + 1);
    memset(argument, 'a', argument_length);
    argument[argument_length] = '\0';
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(NULL);
    cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
    cJSON *command = cJSON_CreateArray();
    cJSON_AddItemToArray(command, cJSON_CreateString(argument));
    cJSON_ReplaceItemInObjectCaseSensitive(agent, "command", command);
    struct injection_result result = injection_fixture_run(pod, configuration);
    enum injection_decision decision = result.decision;
    injection_result_done(&result);
    configuration_free(configuration);
    return decision;
}

static void takes_a_command_of_120_kib_and_not_one_byte_more(void **state)
{
    (void) state;
    assert_int_equal(run_command_of(120 * 1024), INJECTION_INJECTED);
    assert_int_equal(run_command_of(120 * 1024 + 1), INJECTION_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_specification_of_command_arguments_and_tty),
        cmocka_unit_test(warns_when_there_is_no_command),
        cmocka_unit_test(copies_literal_variables_the_last_of_each_name),
        cmocka_unit_test(adds_the_configured_environment_without_overriding),
        cmocka_unit_test(keeps_the_specification_of_a_pod_that_starts_the_supervisor),
        cmocka_unit_test(denies_specifications_that_the_supervisor_would_not_take),
        cmocka_unit_test(takes_a_command_of_120_kib_and_not_one_byte_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
