#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/validation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASES TEST_SOURCE_DIRECTORY "/conformance/cases.json"

static cJSON *read_cases(void)
{
    static const struct json_limits limits = {8 * 1024 * 1024, 64};
    _cleanup_(freep) char *text = NULL;
    size_t length;
    struct error error;
    cJSON *cases = NULL;
    assert_true(file_read(CASES, limits.bytes, &error, &text, &length));
    assert_true(json_parse(text, length, &limits, &error, &cases));
    return cases;
}

static const char *configured(const cJSON *config, const char *key, const char *fallback)
{
    const cJSON *value = json_member(config, key);
    return value ? value->valuestring : fallback;
}

static struct driver_configuration *configuration_of(const cJSON *config)
{
    struct buffer secrets = BUFFER_INIT(1024);
    const cJSON *secret;
    cJSON_ArrayForEach(secret, json_member(config, "image_pull_secrets"))
    {
        buffer_append_string(&secrets, secret->valuestring);
        buffer_append_character(&secrets, ',');
    }
    const char *arguments[] = {
        "--sandbox-service-account",    configured(config, "service_account_name", "default"),
        "--sandbox-image-pull-policy",  configured(config, "image_pull_policy", ""),
        "--sandbox-image-pull-secrets", buffer_string(&secrets),
        "--default-runtime-class-name", configured(config, "default_runtime_class_name", ""),
    };
    struct driver_configuration *configuration = NULL;
    struct error error;
    assert_true(driver_configuration_load(arguments, sizeof arguments / sizeof *arguments, NULL, &error,
                                          &configuration));
    buffer_done(&secrets);
    return configuration;
}

/* The cases are documents but for the members that every document has. */
static void complete_document(cJSON *document)
{
    cJSON_AddNumberToObject(document, "version", DOCUMENT_VERSION);
    cJSON_AddStringToObject(document, "workspace", WORKSPACE_DEFAULT);
}

static bool is_absent(const cJSON *value)
{
    return cJSON_IsNull(value) || cJSON_IsFalse(value) || (cJSON_IsString(value) && !*value->valuestring) ||
           ((cJSON_IsObject(value) || cJSON_IsArray(value)) && !value->child);
}

/* `false`, "", {} and [] count as absent. */
static void drop_absent(cJSON *value)
{
    for (cJSON *child = value->child; child;) {
        cJSON *next = child->next;
        drop_absent(child);
        if (cJSON_IsObject(value) && is_absent(child))
            cJSON_Delete(cJSON_DetachItemViaPointer(value, child));
        child = next;
    }
}

static int compare_printed(const void *left, const void *right)
{
    return strcmp(*(char *const *) left, *(char *const *) right);
}

/* Replaces an array by one in the order of its elements' text. */
static void sort_array(cJSON *object, const char *key)
{
    const cJSON *array = json_member(object, key);
    if (!array)
        return;
    size_t count = (size_t) cJSON_GetArraySize(array), index = 0;
    char **printed = calloc(count + 1, sizeof *printed);
    const cJSON *element;
    cJSON_ArrayForEach(element, array) printed[index++] = cJSON_PrintUnformatted(element);
    qsort(printed, count, sizeof *printed, compare_printed);
    cJSON *sorted = cJSON_CreateArray();
    for (index = 0; index < count; index++) {
        cJSON_AddItemToArray(sorted, cJSON_Parse(printed[index]));
        free(printed[index]);
    }
    free(printed);
    cJSON_ReplaceItemInObjectCaseSensitive(object, key, sorted);
}

static void normalise(cJSON *pod)
{
    drop_absent(pod);
    cJSON *spec = json_member(pod, "spec");
    sort_array(spec, "volumes");
    sort_array(json_member(spec, "containers")->child, "volumeMounts");
    sort_array(json_member(spec, "containers")->child, "env");
}

static void builds_each_conformance_case(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *cases = read_cases();
    assert_int_equal(cJSON_GetArraySize(cases), 40);
    cJSON *item;
    cJSON_ArrayForEach(item, cases)
    {
        struct error error = {0};
        cJSON *document = json_member(item, "sandbox"), *expected = json_member(item, "bare_pod");
        _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
        struct driver_configuration *configuration = configuration_of(json_member(item, "config"));
        complete_document(document);
        if (!sandbox_validate(configuration, document, &error))
            fail_msg("%s: %s", json_member(item, "name")->valuestring, error.message);
        assert_true(bare_pod_build(configuration, document, &error, &pod));
        normalise(pod);
        normalise(expected);
        if (!json_equal(pod, expected)) {
            _cleanup_(freep) char *got = cJSON_Print(pod), *wanted = cJSON_Print(expected);
            fail_msg("%s:\n%s\nis not\n%s", json_member(item, "name")->valuestring, got, wanted);
        }
        driver_configuration_free(configuration);
    }
}

static cJSON *parse(const char *text)
{
    static const struct json_limits limits = {1024 * 1024, 64};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s", error.message);
    return value;
}

static struct driver_configuration *configuration_from(const char *const *arguments, size_t count)
{
    struct driver_configuration *configuration = NULL;
    struct error error = {0};
    if (!driver_configuration_load(arguments, count, NULL, &error, &configuration))
        fail_msg("%s", error.message);
    return configuration;
}

#define DOCUMENT_START "{\"version\":1,\"id\":\"an-id\",\"name\":\"sb\",\"workspace\":\"team\""

static void doubles_each_dollar_of_command_and_environment(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *document =
        parse(DOCUMENT_START ",\"command\":[\"echo\",\"$(HOME) $$ $\"],\"environment\":{\"A\":\"$(B)\"}}");
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    struct driver_configuration *configuration = configuration_from(NULL, 0);
    assert_true(bare_pod_build(configuration, document, &error, &pod));
    cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
    assert_string_equal(cJSON_GetArrayItem(json_member(agent, "command"), 1)->valuestring,
                        "$$(HOME) $$$$ $$");
    assert_string_equal(json_member(json_member(agent, "env")->child, "value")->valuestring, "$$(B)");
    driver_configuration_free(configuration);
}

static void names_pod_and_namespace_by_workspace_mode(void **state)
{
    (void) state;
    static const struct {
        const char *arguments[6];
        size_t count;
        const char *pod;
        const char *namespace_name;
    } modes[] = {
        {{"--namespace", "boxes"}, 2, "team--sb", "boxes"},
        {{"--workspace-mode", "managed", "--gateway-id", "gw"}, 4, "sb", "openshell-gw-team"},
        {{"--workspace-mode=operator", "--operator-namespace-label=a=b"}, 2, "sb", "team"},
    };
    _cleanup_(cJSON_Deletep) cJSON *document = parse(DOCUMENT_START "}");
    for (size_t index = 0; index < sizeof modes / sizeof *modes; index++) {
        struct error error;
        _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
        struct driver_configuration *configuration =
            configuration_from(modes[index].arguments, modes[index].count);
        assert_true(bare_pod_build(configuration, document, &error, &pod));
        cJSON *metadata = json_member(pod, "metadata");
        assert_string_equal(json_member(metadata, "name")->valuestring, modes[index].pod);
        assert_string_equal(json_member(metadata, "namespace")->valuestring, modes[index].namespace_name);
        driver_configuration_free(configuration);
    }
}

static void gives_no_claim_when_a_mount_replaces_the_workspace(void **state)
{
    (void) state;
    struct error error;
    struct driver_configuration *configuration = configuration_from(NULL, 0);
    _cleanup_(cJSON_Deletep) cJSON *plain = parse(DOCUMENT_START "}");
    _cleanup_(cJSON_Deletep) cJSON *claim = NULL;
    assert_true(bare_pod_build_claim(configuration, plain, &error, &claim));
    assert_string_equal(json_member(json_member(claim, "metadata"), "name")->valuestring,
                        "openshell-workspace-an-id");
    _cleanup_(cJSON_Deletep) cJSON *replaced = parse(
        DOCUMENT_START ",\"template\":{\"driver_config\":{\"volumes\":[{\"name\":\"d\","
                       "\"persistent_volume_claim\":{\"claim_name\":\"c\"}}],\"containers\":{\"agent\":{"
                       "\"volume_mounts\":[{\"name\":\"d\",\"mount_path\":\"/sandbox/x\"}]}}}}}");
    cJSON *none = NULL;
    assert_true(bare_pod_build_claim(configuration, replaced, &error, &none));
    assert_null(none);
    driver_configuration_free(configuration);
}

static void lets_our_labels_win_over_the_template(void **state)
{
    (void) state;
    struct error error;
    struct driver_configuration *configuration = configuration_from(NULL, 0);
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    _cleanup_(cJSON_Deletep) cJSON *document =
        parse(DOCUMENT_START ",\"template\":{\"labels\":{\"openshell.ai/sandbox-id\":\"other\"}}}");
    assert_true(bare_pod_build(configuration, document, &error, &pod));
    cJSON *labels = json_member(json_member(pod, "metadata"), "labels");
    assert_string_equal(json_member(labels, LABEL_SANDBOX_ID)->valuestring, "an-id");
    driver_configuration_free(configuration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_each_conformance_case),
        cmocka_unit_test(doubles_each_dollar_of_command_and_environment),
        cmocka_unit_test(names_pod_and_namespace_by_workspace_mode),
        cmocka_unit_test(gives_no_claim_when_a_mount_replaces_the_workspace),
        cmocka_unit_test(lets_our_labels_win_over_the_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
