/* verification and what verify prints of it: limits, and memory that runs out. The states and the fields are
 * tested on whole programs (tests/integration/commands/test_verify.py). */
#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "tests/support/pod_fixture.h"
#include "webhook/commands/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OUTPUT_BYTES (1u << 20)
#define RUN_LIMIT 20000

/* A pod as the configuration wants it. */
static cJSON *make_supervised(const struct configuration *configuration)
{
    cJSON *pod = pod_fixture_make(NULL);
    struct injection_result result = injection_fixture_run(pod, configuration);
    assert_int_equal(result.decision, INJECTION_INJECTED);
    injection_result_done(&result);
    return pod;
}

static cJSON *agent_of(cJSON *pod)
{
    return json_member(json_member(pod, "spec"), "containers")->child;
}

/* Takes over the pod. */
static struct verification verify(cJSON *pod, const struct configuration *configuration)
{
    struct error error;
    struct verification verification;
    const struct verification_request request = {.pod = pod, .configuration = configuration};
    if (!verification_run(&request, &error, &verification))
        fail_msg("%s", error.message);
    cJSON_Delete(pod);
    return verification;
}

static void finds_nothing_in_a_supervised_pod(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    struct verification verification = verify(make_supervised(configuration), configuration);
    assert_int_equal(verification.state, VERIFICATION_SUPERVISED);
    assert_int_equal(verification.count, 0);
    verification_done(&verification);
    configuration_free(configuration);
}

static void finds_a_lost_volume_mount_and_annotation_of_a_pod_that_runs(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    cJSON *pod = make_supervised(configuration);
    cJSON_DeleteItemFromObject(json_member(json_member(pod, "metadata"), "annotations"),
                               "openshell.ai/injection");
    struct verification verification = verify(pod, configuration);
    assert_int_equal(verification.state, VERIFICATION_DRIFTED);
    assert_int_equal(verification.count, 1);
    assert_string_equal(verification.findings[0].field, "metadata.annotations[openshell.ai/injection]");
    assert_null(verification.findings[0].found);
    verification_done(&verification);

    pod = make_supervised(configuration);
    cJSON_DeleteItemFromObject(json_member(pod, "spec"), "volumes");
    cJSON_DeleteItemFromObject(agent_of(pod), "volumeMounts");
    verification = verify(pod, configuration);
    assert_int_equal(verification.state, VERIFICATION_UNSUPERVISED);
    assert_int_equal(verification.count, 2);
    assert_string_equal(verification.findings[0].field, "spec.volumes");
    assert_string_equal(verification.findings[1].field, "spec.containers[0].volumeMounts");
    verification_done(&verification);
    configuration_free(configuration);
}

/* Variables that nobody may bring, each a finding. */
static struct verification verify_strangers(size_t count)
{
    struct configuration *configuration = configuration_fixture_make(NULL);
    cJSON *pod = make_supervised(configuration);
    cJSON *list = json_member(agent_of(pod), "env");
    for (size_t i = 0; i < count; i++) {
        char name[64];
        cJSON *variable = cJSON_CreateObject();
        snprintf(name, sizeof name, "OPENSHELL_STRANGER_%zu", i);
        assert_non_null(cJSON_AddStringToObject(variable, "name", name));
        assert_true(cJSON_AddItemToArray(list, variable));
    }
    struct verification verification = verify(pod, configuration);
    configuration_free(configuration);
    return verification;
}

static void keeps_as_many_findings_as_the_limit_and_counts_the_rest(void **state)
{
    (void) state;
    struct verification verification = verify_strangers(VERIFICATION_FINDINGS);
    assert_int_equal(verification.count, VERIFICATION_FINDINGS);
    assert_int_equal(verification.dropped, 0);
    verification_done(&verification);
    verification = verify_strangers(VERIFICATION_FINDINGS + 1);
    assert_int_equal(verification.state, VERIFICATION_DRIFTED);
    assert_int_equal(verification.count, VERIFICATION_FINDINGS);
    assert_int_equal(verification.dropped, 1);
    verification_done(&verification);
}

static void believes_only_annotations_that_are_well_formed(void **state)
{
    (void) state;
    static const struct {
        const char *name;
        const char *value;
        enum verification_state state;
    } cases[] = {
        {"openshell.ai/injection", "{\"config\":\"0123456789abcdef\"}", VERIFICATION_OUTDATED},
        {"openshell.ai/injection", "{\"config\":\"0123456789abcde\"}", VERIFICATION_DRIFTED},
        {"openshell.ai/injection", "{\"config\":\"0123456789abcdeF\"}", VERIFICATION_DRIFTED},
        {"openshell.ai/injection", "{\"config\":1}", VERIFICATION_DRIFTED},
        {"openshell.ai/injection", "0123456789abcdef", VERIFICATION_DRIFTED},
        {"openshell.ai/injected-by", "openshell-injector/9.9.9", VERIFICATION_OUTDATED},
        {"openshell.ai/injected-by", "openshell-injector/", VERIFICATION_DRIFTED},
        {"openshell.ai/injected-by", "somebody/9.9.9", VERIFICATION_DRIFTED},
        {"openshell.ai/injected-by", "", VERIFICATION_DRIFTED},
    };
    struct configuration *configuration = configuration_fixture_make(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *pod = make_supervised(configuration);
        cJSON *annotations = json_member(json_member(pod, "metadata"), "annotations");
        assert_true(cJSON_ReplaceItemInObjectCaseSensitive(annotations, cases[i].name,
                                                           cJSON_CreateString(cases[i].value)));
        struct verification verification = verify(pod, configuration);
        assert_int_equal(verification.state, cases[i].state);
        verification_done(&verification);
    }
    configuration_free(configuration);
}

struct run {
    const struct configuration *configuration;
    const cJSON *pods[3];
    bool is_wrong;
};

static bool print(const struct verify_results *results, struct error *error)
{
    struct buffer output = BUFFER_INIT(OUTPUT_BYTES);
    FILE *file = fopen("/dev/null", "w");
    bool is_printed = file && verify_report_print_table(results, file, true, error);
    verify_report_append_details(results, true, &output);
    verify_report_append_json(results, &output);
    is_printed = buffer_check(&output, error) && is_printed;
    buffer_done(&output);
    if (file)
        fclose(file);
    return is_printed;
}

static bool verify_all(void *context)
{
    struct run *run = context;
    struct error error = {0};
    struct verify_results results = {.configuration = run->configuration};
    bool is_done = true;
    for (size_t i = 0; is_done && i < sizeof run->pods / sizeof *run->pods; i++) {
        _cleanup_(cJSON_Deletep) cJSON *pod = cJSON_Duplicate(run->pods[i], true);
        is_done = pod && verify_results_add(&results, "pods.yaml: document 1", pod, NULL, &error);
    }
    is_done = is_done && print(&results, &error);
    if (is_done &&
        (results.count != 3 || results.states[VERIFICATION_SUPERVISED] != 1 ||
         results.states[VERIFICATION_DRIFTED] != 1 || results.states[VERIFICATION_UNSUPERVISED] != 1))
        run->is_wrong = true;
    verify_results_clear(&results);
    return is_done;
}

static void survives_running_out_of_memory(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *supervised = make_supervised(configuration);
    _cleanup_(cJSON_Deletep) cJSON *drifted = make_supervised(configuration);
    _cleanup_(cJSON_Deletep) cJSON *bare = pod_fixture_make(NULL);
    cJSON_DeleteItemFromObject(agent_of(drifted), "securityContext");
    cJSON_DeleteItemFromObject(json_member(drifted, "metadata"), "labels");
    cJSON *labels = cJSON_AddObjectToObject(json_member(drifted, "metadata"), "labels");
    assert_non_null(cJSON_AddStringToObject(labels, "openshell.ai/sandbox-id", "id"));
    assert_non_null(cJSON_AddStringToObject(labels, "openshell.ai/sandbox-name", "name"));
    struct run run = {.configuration = configuration, .pods = {supervised, drifted, bare}};
    size_t runs = 0;
    assert_true(allocation_fail_each(verify_all, &run, RUN_LIMIT, &runs));
    assert_true(runs > 100);
    assert_false(run.is_wrong);
    configuration_free(configuration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_in_a_supervised_pod),
        cmocka_unit_test(finds_a_lost_volume_mount_and_annotation_of_a_pod_that_runs),
        cmocka_unit_test(keeps_as_many_findings_as_the_limit_and_counts_the_rest),
        cmocka_unit_test(believes_only_annotations_that_are_well_formed),
        cmocka_unit_test(survives_running_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
