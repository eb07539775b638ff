#include "common/cleanup.h"
#include "driver/sandboxes/driver_config.h"
#include "driver/sandboxes/validation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT(members) "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"w\"" members "}"
#define TEMPLATE(members) DOCUMENT(",\"template\":{\"image\":\"i\"," members "}")
#define PLATFORM(members) TEMPLATE("\"platform_config\":{" members "}")
#define CONFIG(members) TEMPLATE("\"driver_config\":{" members "}")
#define CLAIM "\"persistent_volume_claim\":{\"claim_name\":\"c\",\"read_only\":false}"
#define MOUNT(members)                                                                                       \
    CONFIG("\"volumes\":[{\"name\":\"d\"," CLAIM "}],"                                                       \
           "\"containers\":{\"agent\":{\"volume_mounts\":[{\"name\":\"d\"," members "}]}}")

static struct driver_configuration *configuration;

static int load_configuration(void **state)
{
    struct error error;
    (void) state;
    return driver_configuration_load(NULL, 0, NULL, &error, &configuration) ? 0 : -1;
}

static int free_configuration(void **state)
{
    (void) state;
    driver_configuration_free(configuration);
    return 0;
}

static cJSON *parse(const char *text)
{
    static const struct json_limits limits = {2 * 1024 * 1024, 32};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s: %s", text, error.message);
    return value;
}

static bool validate(const char *text, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *document = parse(text);
    return sandbox_validate(configuration, document, error);
}

static void assert_accepted(const char *text)
{
    struct error error;
    if (!validate(text, &error))
        fail_msg("%.200s: %s", text, error.message);
}

/* The message must begin with the field. */
static void assert_refused(const char *text, const char *field)
{
    struct error error;
    if (validate(text, &error))
        fail_msg("%.200s: accepted", text);
    assert_int_equal(error.code, ERROR_INVALID);
    if (strncmp(error.message, field, strlen(field)) != 0 || error.message[strlen(field)] != ':')
        fail_msg("%.200s: %s, which is not about %s", text, error.message, field);
}

struct refusal {
    const char *document;
    const char *field;
};

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
    for (size_t index = 0; index < count; index++)
        assert_refused(refusals[index].document, refusals[index].field);
}

#define ASSERT_ALL_REFUSED(refusals) assert_all_refused(refusals, sizeof(refusals) / sizeof *(refusals))

static void names_the_field_that_is_wrong(void **state)
{
    static const struct refusal refusals[] = {
        {"{\"version\":1,\"id\":\"A\",\"name\":\"n\",\"workspace\":\"w\"}", "id"},
        {"{\"version\":1,\"id\":\"i\",\"name\":\"a--b\",\"workspace\":\"w\"}", "name"},
        {"{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"-\"}", "workspace"},
        {DOCUMENT(",\"environment\":{\"1A\":\"\"}"), "spec.environment.1A"},
        {DOCUMENT(",\"environment\":{\"OPENSHELL_A\":\"\"}"), "spec.environment.OPENSHELL_A"},
        {DOCUMENT(",\"command\":[\"\"]"), "spec.command[0]"},
        {DOCUMENT(",\"gpu\":{\"count\":0}"), "spec.resource_requirements.gpu.count"},
        {TEMPLATE("\"environment\":{\"A-B\":\"\"}"), "spec.template.environment.A-B"},
        {TEMPLATE("\"labels\":{\"a\":\"b c\"}"), "spec.template.labels.a"},
        {TEMPLATE("\"resources\":{\"cpu_limit\":\"-1\"}"), "spec.template.resources.cpu_limit"},
        {PLATFORM("\"host_users\":1"), "spec.template.platform_config.host_users"},
        {PLATFORM("\"runtime_class_name\":\"A\""), "spec.template.platform_config.runtime_class_name"},
        {PLATFORM("\"node_selector\":[]"), "spec.template.platform_config.node_selector"},
        {PLATFORM("\"tolerations\":{}"), "spec.template.platform_config.tolerations"},
        {PLATFORM("\"annotations\":{\"a\":1}"), "spec.template.platform_config.annotations.a"},
        {PLATFORM("\"annotations\":{\"/\":\"\"}"), "spec.template.platform_config.annotations[/]"},
        {PLATFORM("\"resources_raw\":{\"limits\":1}"), "spec.template.platform_config.resources_raw.limits"},
    };
    (void) state;
    assert_accepted(DOCUMENT(""));
    assert_accepted(DOCUMENT(",\"gpu\":{}"));
    assert_accepted(
        DOCUMENT(",\"gpu\":{\"count\":1},\"command\":[\"a\",\"\"],\"environment\":{\"_A\":\"\"}"));
    assert_accepted(TEMPLATE("\"labels\":{\"a/b\":\"\"},\"resources\":{\"cpu_limit\":\"500m\"}"));
    assert_accepted(PLATFORM("\"host_users\":true,\"unknown\":1,\"annotations\":{\"a.b/c\":\"x y\"}"));
    ASSERT_ALL_REFUSED(refusals);
}

static void refuses_driver_configs_that_break_a_rule(void **state)
{
#define WHERE "spec.template.driver_config."
#define MOUNTS WHERE "containers.agent.volume_mounts[0]."
    static const struct refusal refusals[] = {
        {TEMPLATE("\"driver_config\":{\"x\":1}"), WHERE "x"},
        {CONFIG("\"pod\":{\"x\":1}"), WHERE "pod.x"},
        {CONFIG("\"pod\":{\"priority_class_name\":\"A\"}"), WHERE "pod.priority_class_name"},
        {CONFIG("\"pod\":{\"runtime_class_name\":1}"), WHERE "pod.runtime_class_name"},
        {CONFIG("\"pod\":{\"node_selector\":{\"a\":1}}"), WHERE "pod.node_selector.a"},
        {CONFIG("\"pod\":{\"node_selector\":{\"a\":\"b c\"}}"), WHERE "pod.node_selector.a"},
        {CONFIG("\"pod\":{\"tolerations\":[1]}"), WHERE "pod.tolerations[0]"},
        {CONFIG("\"containers\":{\"other\":{}}"), WHERE "containers.other"},
        {CONFIG("\"containers\":{\"agent\":{\"resources\":{\"limits\":{\"cpu\":\"x\"}}}}"),
         WHERE "containers.agent.resources.limits.cpu"},
        {CONFIG("\"volumes\":[{\"name\":\"workspace\"," CLAIM "}]"), WHERE "volumes[0].name"},
        {CONFIG("\"volumes\":[{\"name\":\"d\"," CLAIM "},{\"name\":\"d\"," CLAIM "}]"),
         WHERE "volumes[1].name"},
        {CONFIG("\"volumes\":[{\"name\":\"d\"," CLAIM ",\"x\":1}]"), WHERE "volumes[0].x"},
        {CONFIG("\"volumes\":[{\"name\":\"d\"}]"), WHERE "volumes[0].persistent_volume_claim"},
        {MOUNT("\"mount_path\":\"a\""), MOUNTS "mount_path"},
        {MOUNT("\"mount_path\":\"/sandbox\""), MOUNTS "mount_path"},
        {MOUNT("\"mount_path\":\"/run/openshell/x\""), MOUNTS "mount_path"},
        {MOUNT("\"mount_path\":\"/a\",\"sub_path\":\"..\""), MOUNTS "sub_path"},
        {MOUNT("\"mount_path\":\"/a\",\"x\":1"), MOUNTS "x"},
    };
    (void) state;
    assert_accepted(CONFIG("\"pod\":{\"tolerations\":[{\"anything\":{\"deep\":[1]}}]}"));
    assert_accepted(MOUNT("\"mount_path\":\"/data/\",\"sub_path\":\"a/b\",\"read_only\":false"));
    ASSERT_ALL_REFUSED(refusals);
}

static void takes_a_config_apart_that_is_keyed_by_the_driver(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *keyed = parse(CONFIG("\"pods\":{\"pod\":{}}"));
    _cleanup_(cJSON_Deletep) cJSON *upstream = parse(CONFIG("\"kubernetes\":{\"pod\":{}}"));
    _cleanup_(cJSON_Deletep) cJSON *none = parse(DOCUMENT(""));
    assert_non_null(json_member(driver_config_of(keyed), "pod"));
    assert_non_null(json_member(driver_config_of(upstream), "pod"));
    assert_null(driver_config_of(none));
    assert_refused(CONFIG("\"pods\":{},\"pod\":{}"), "spec.template.driver_config.pods");
}

static void knows_when_a_mount_takes_the_workspaces_place(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *below = parse(MOUNT("\"mount_path\":\"/sandbox/x\""));
    _cleanup_(cJSON_Deletep) cJSON *beside = parse(MOUNT("\"mount_path\":\"/sandboxes\""));
    assert_true(driver_config_replaces_workspace(driver_config_of(below)));
    assert_false(driver_config_replaces_workspace(driver_config_of(beside)));
    assert_false(driver_config_replaces_workspace(NULL));
}

/* A document with a text so long that `["…"]` around it would have `length` bytes. */
static void check_length(const char *before, const char *after, size_t length, bool is_accepted,
                         const char *field)
{
    size_t quotes = 4; /* and brackets */
    _cleanup_(freep) char *text = calloc(1, strlen(before) + length + strlen(after) + 1);
    assert_non_null(text);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), 'x', length - quotes);
    memcpy(text + strlen(before) + length - quotes, after, strlen(after));
    if (is_accepted)
        assert_accepted(text);
    else
        assert_refused(text, field);
}

static void holds_sizes_to_their_limits(void **state)
{
    (void) state;
    const char *before = "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"w\",\"command\":[\"",
               *after = "\"]}";
    check_length(before, after, COMMAND_JSON_BYTES_MAXIMUM, true, "spec.command");
    check_length(before, after, COMMAND_JSON_BYTES_MAXIMUM + 1, false, "spec.command");
    /* {"A":"…"} is four bytes longer than ["…"]. */
    before = "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"w\",\"environment\":{\"A\":\"";
    after = "\"}}";
    check_length(before, after, ENVIRONMENT_JSON_BYTES_MAXIMUM - 4, true, "spec.environment");
    check_length(before, after, ENVIRONMENT_JSON_BYTES_MAXIMUM - 3, false, "spec.environment");
    before = "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"w\",\"log_level\":\"";
    after = "\"}";
    check_length(before, after, LOG_LEVEL_LENGTH_MAXIMUM + 4, true, "spec.log_level");
    check_length(before, after, LOG_LEVEL_LENGTH_MAXIMUM + 5, false, "spec.log_level");
    before = "{\"version\":1,\"id\":\"i\",\"name\":\"n\",\"workspace\":\"w\",\"template\":{\"image\":\"";
    after = "\"}}";
    size_t rest = strlen(before) + strlen(after) - 4;
    check_length(before, after, RECORD_BYTES_MAXIMUM - rest, true, "spec");
    check_length(before, after, RECORD_BYTES_MAXIMUM - rest + 1, false, "spec");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_field_that_is_wrong),
        cmocka_unit_test(refuses_driver_configs_that_break_a_rule),
        cmocka_unit_test(takes_a_config_apart_that_is_keyed_by_the_driver),
        cmocka_unit_test(knows_when_a_mount_takes_the_workspaces_place),
        cmocka_unit_test(holds_sizes_to_their_limits),
    };
    return cmocka_run_group_tests(tests, load_configuration, free_configuration);
}
