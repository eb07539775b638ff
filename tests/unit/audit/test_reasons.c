#include "common/json.h"
#include "webhook/audit/reasons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *find(const struct reasons *reasons, const char *text)
{
    const struct json_limits limits = {.bytes = 1024, .depth = 16};
    _cleanup_(cJSON_Deletep) cJSON *operation = NULL;
    struct error error;
    const char *reason;
    assert_true(json_parse(text, strlen(text), &limits, &error, &operation));
    assert_true(reasons_find(reasons, operation, &error, &reason));
    return reason;
}

static void learn(struct reasons *reasons)
{
    const struct configuration_flag flags[] = {{.name = "sandbox-uid", .value = "1000"}};
    const struct configuration_sources sources = {.flags = flags, .flag_count = 1};
    _cleanup_(configuration_freep) struct configuration *configuration = NULL;
    struct error error;
    assert_true(configuration_load(&sources, &error, &configuration));
    assert_true(reasons_learn(reasons, configuration, &error));
}

static void knows_the_reason_of_an_element_at_any_place(void **state)
{
    (void) state;
    struct reasons reasons = REASONS_INIT;
    learn(&reasons);
    const char *end = find(
        &reasons,
        "{\"op\":\"add\",\"path\":\"/spec/containers/0/env/-\",\"value\":{\"name\":\"OPENSHELL_SANDBOX\"}}");
    const char *middle = find(
        &reasons,
        "{\"op\":\"add\",\"path\":\"/spec/containers/3/env/7\",\"value\":{\"name\":\"OPENSHELL_SANDBOX\"}}");
    assert_non_null(end);
    assert_ptr_equal(end, middle);
    assert_non_null(strstr(end, "label"));
    reasons_done(&reasons);
}

static void says_nothing_of_what_it_does_not_know(void **state)
{
    (void) state;
    struct reasons reasons = REASONS_INIT;
    assert_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/volumes\",\"value\":[]}"));
    learn(&reasons);
    assert_non_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/volumes\",\"value\":[]}"));
    assert_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/hostNetwork\",\"value\":true}"));
    assert_null(find(&reasons, "{\"op\":\"add\"}"));
    reasons_done(&reasons);
}

/* What stands around a part of the pod is made only where that part stands alone. */
static void knows_the_reasons_of_what_only_some_pods_have(void **state)
{
    (void) state;
    static const char *const operations[] = {
        "{\"op\":\"remove\",\"path\":\"/spec/containers/0/stdin\"}",
        "{\"op\":\"remove\",\"path\":\"/spec/containers/0/stdinOnce\"}",
        "{\"op\":\"add\",\"path\":\"/spec/securityContext\",\"value\":{}}",
        "{\"op\":\"add\",\"path\":\"/spec/securityContext/fsGroup\",\"value\":1}",
    };
    struct reasons reasons = REASONS_INIT;
    learn(&reasons);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (!find(&reasons, operations[i]))
            fail_msg("%s", operations[i]);
    reasons_done(&reasons);
}

static cJSON *parse(const char *text)
{
    const struct json_limits limits = {.bytes = 4096, .depth = 16};
    cJSON *tree = NULL;
    struct error error;
    assert_true(json_parse(text, strlen(text), &limits, &error, &tree));
    return tree;
}

/* What another webhook did to a supervised pod is in no sample. */
static void learns_from_the_pod_that_was_decided_on(void **state)
{
    (void) state;
    static const char operation[] = "{\"op\":\"remove\",\"path\":\"/spec/containers/0/volumeMounts/0\"}";
    struct error error;
    struct reasons reasons = REASONS_INIT;
    learn(&reasons);
    reasons.configurations.items = calloc(1, sizeof *reasons.configurations.items);
    assert_non_null(reasons.configurations.items);
    const struct configuration_flag flags[] = {{.name = "sandbox-uid", .value = "1000"}};
    const struct configuration_sources sources = {.flags = flags, .flag_count = 1};
    assert_true(configuration_load(&sources, &error, &reasons.configurations.items[0]));
    reasons.configurations.count = 1;
    _cleanup_(cJSON_Deletep) cJSON *patch =
        parse("[{\"op\":\"remove\",\"path\":\"/spec/containers/0/volumeMounts/0\"}]");
    _cleanup_(cJSON_Deletep) cJSON *pod =
        parse("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"one\",\"annotations\":{"
              "\"openshell.ai/injection\":\"\"},\"labels\":{\"openshell.ai/managed-by\":\"openshell\","
              "\"openshell.ai/sandbox-id\":\"one\",\"openshell.ai/sandbox-name\":\"one\"}},\"spec\":{"
              "\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,\"volumes\":[{\"name\":"
              "\"openshell-supervisor-bin\",\"image\":{\"reference\":"
              "\"ghcr.io/nvidia/openshell/supervisor:0.0.116\"}},{\"name\":\"other\",\"emptyDir\":{}}],"
              "\"containers\":[{\"name\":\"agent\",\"image\":\"sample\",\"command\":["
              "\"/opt/openshell/bin/openshell-sandbox\",\"--workdir\",\"/sandbox\"],\"volumeMounts\":[{"
              "\"name\":\"other\",\"mountPath\":\"/opt/openshell/bin\"}],\"env\":[{\"name\":"
              "\"OPENSHELL_MAIN_PROCESS_SPEC\",\"value\":"
              "\"{\\\"version\\\":1,\\\"command\\\":[\\\"a\\\"],\\\"tty\\\":false}\"}]}]}}");
    struct audit_decision decision = {.configuration = "another", .user = ""};
    assert_true(reasons_learn_decision(&reasons, &decision, pod, patch, &error));
    assert_null(find(&reasons, operation));
    decision.configuration = reasons.configurations.items[0]->digest;
    assert_true(reasons_learn_decision(&reasons, &decision, NULL, patch, &error));
    assert_null(find(&reasons, operation));
    assert_true(reasons_learn_decision(&reasons, &decision, pod, patch, &error));
    assert_non_null(find(&reasons, operation));
    assert_int_equal(cJSON_GetArraySize(json_member(pod, "spec")), 4);
    reasons_done(&reasons);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_reason_of_an_element_at_any_place),
        cmocka_unit_test(says_nothing_of_what_it_does_not_know),
        cmocka_unit_test(knows_the_reasons_of_what_only_some_pods_have),
        cmocka_unit_test(learns_from_the_pod_that_was_decided_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
