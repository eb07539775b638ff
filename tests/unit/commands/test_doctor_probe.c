/* The pods that doctor tries, and the judgement of what came back. */
#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "tests/support/pod_fixture.h"
#include "tests/unit/commands/checkup_fixture.h"
#include "webhook/commands/doctor_probe.h"
#include "webhook/commands/verification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RUN_LIMIT 20000

static cJSON *make_probe(const struct configuration *configuration, bool is_hostile)
{
    struct error error;
    cJSON *pod = NULL;
    if (!doctor_probe_make(configuration, is_hostile, &error, &pod))
        fail_msg("%s", error.message);
    return pod;
}

/* The bare probe as the webhook makes it. */
static cJSON *make_supervised(const struct configuration *configuration)
{
    cJSON *pod = make_probe(configuration, false);
    struct injection_result result = injection_fixture_run(pod, configuration);
    assert_int_equal(result.decision, INJECTION_INJECTED);
    injection_result_done(&result);
    return pod;
}

static cJSON *agent_of(const cJSON *pod)
{
    return json_member(json_member(pod, "spec"), "containers")->child;
}

static void probe_is_injected_whatever_is_configured(void **state)
{
    (void) state;
    static const char *const options[] = {
        NULL,
        "topology=sidecar",
        "topology=sidecar sidecar-kind=native",
        "credential=service-account",
        "podSecurity=none",
        "allowedImages=[\"*\"]",
        "allowedImages=[\"registry.example/*/agent:1.?\"]",
        "allowedImages=[\"sha256:"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct configuration *configuration = configuration_fixture_make(options[i]);
        cJSON_Delete(make_supervised(configuration));
        cJSON *hostile = make_probe(configuration, true);
        struct injection_result result = injection_fixture_run(hostile, configuration);
        assert_int_equal(result.decision, INJECTION_DENIED);
        assert_int_equal(result.denials.count, 1);
        assert_non_null(strstr(result.denials.items[0].message, DOCTOR_VARIABLE));
        injection_result_done(&result);
        cJSON_Delete(hostile);
        configuration_free(configuration);
    }
}

static void image_is_one_that_is_allowed(void **state)
{
    (void) state;
    static const struct {
        const char *options, *image;
    } cases[] = {
        {NULL, "openshell-doctor"},
        {"allowedImages=[\"a/*:?\",\"b\"]", "a/x:x"},
        {"allowedImages=[\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]",
         "openshell-doctor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct configuration *configuration = configuration_fixture_make(cases[i].options);
        cJSON *pod = make_probe(configuration, false);
        assert_string_equal(json_member(agent_of(pod), "image")->valuestring, cases[i].image);
        cJSON_Delete(pod);
        configuration_free(configuration);
    }
}

/* Uses up the pod. */
static struct checkup judge(cJSON *pod, const struct configuration *configuration,
                            bool are_annotations_unknown)
{
    struct checkup checkup = {0};
    const struct probe_request request = {
        .pod = pod, .are_annotations_unknown = are_annotations_unknown, .configuration = configuration};
    doctor_judge_pod(&request, &checkup);
    cJSON_Delete(pod);
    return checkup;
}

static void each_state_is_told_apart(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    struct configuration *other = configuration_fixture_make("grpc-endpoint=https://elsewhere:1");
    char digests[128];

    struct checkup checkup = judge(make_supervised(configuration), configuration, true);
    checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_OK, "supervised as this configuration");
    checkup_done(&checkup);

    checkup = judge(make_supervised(configuration), other, false);
    snprintf(digests, sizeof digests, "another configuration (%.16s) than this one (%.16s)",
             configuration->digest, other->digest);
    checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_WARNING, digests);
    checkup_done(&checkup);

    checkup = judge(make_supervised(configuration), other, true);
    checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_WARNING, "without the namespace's annotations");
    checkup_done(&checkup);

    cJSON *pod = make_supervised(configuration);
    cJSON_DeleteItemFromObject(agent_of(pod), "securityContext");
    checkup = judge(pod, configuration, false);
    checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_FAILED, "securityContext");
    checkup_done(&checkup);

    checkup = judge(make_probe(configuration, false), configuration, true);
    checkup_fixture_expect(
        &checkup, "sandbox-pod", CHECK_FAILED,
        "comes back unsupervised: its agent would run with no fence around it; missing: spec.volumes, "
        "spec.containers[0].volumeMounts, spec.containers[0].command");
    checkup_done(&checkup);
    configuration_free(configuration);
    configuration_free(other);
}

static void another_version_is_said(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    cJSON *pod = make_supervised(configuration);
    cJSON *annotations = json_member(json_member(pod, "metadata"), "annotations");
    cJSON_ReplaceItemInObjectCaseSensitive(annotations, "openshell.ai/injected-by",
                                           cJSON_CreateString("openshell-injector/9.9.9"));
    struct checkup checkup = judge(pod, configuration, false);
    checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_WARNING, "by another version than this one");
    checkup_done(&checkup);
    configuration_free(configuration);
}

/* Adds variables that are not to be there, in front of the others. */
static void add_strangers(cJSON *list, int count)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        cJSON *variable = cJSON_CreateObject();
        snprintf(name, sizeof name, "OPENSHELL_STRANGER_%d", i);
        assert_non_null(cJSON_AddStringToObject(variable, "name", name));
        json_insert_element(list, 0, variable);
    }
}

/* Takes so many members from the pod, each a finding of its own. */
static void take_members(cJSON *pod, int count)
{
    cJSON *const objects[] = {json_member(json_member(pod, "metadata"), "annotations"), agent_of(pod),
                              json_member(agent_of(pod), "volumeMounts")->child};
    static const char *const members[] = {"openshell.io/sandbox-id", "securityContext", "readOnly"};
    for (int i = 0; i < count; i++) {
        assert_non_null(json_member(objects[i], members[i]));
        cJSON_DeleteItemFromObjectCaseSensitive(objects[i], members[i]);
    }
}

#define TAKEN_2 "metadata.annotations[openshell.io/sandbox-id], spec.containers[0].securityContext"
#define ENV "spec.containers[0].env[0]"

static void fields_past_the_third_are_counted(void **state)
{
    (void) state;
    static const char before[] = "comes back by this configuration, but with something changed: ";
    struct configuration *configuration = configuration_fixture_make(NULL);
    static const struct {
        int taken, strangers;
        const char *fields;
    } cases[] = {
        {0, 1, ENV},
        {0, 2, ENV " (2 times)"},
        {0, VERIFICATION_FINDINGS, ENV " (64 times)"},
        {0, VERIFICATION_FINDINGS + 1, ENV " (64 times) and 1 more"},
        {2, 4, TAKEN_2 ", " ENV " (4 times)"},
        {3, 0, TAKEN_2 ", spec.containers[0].volumeMounts[0]"},
        {3, 1, TAKEN_2 ", " ENV " and 1 more"},
        {3, 2, TAKEN_2 ", " ENV " (2 times) and 1 more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *pod = make_supervised(configuration);
        take_members(pod, cases[i].taken);
        add_strangers(json_member(agent_of(pod), "env"), cases[i].strangers);
        struct checkup checkup = judge(pod, configuration, false);
        checkup_fixture_expect(&checkup, "sandbox-pod", CHECK_FAILED, before);
        assert_string_equal(checkup.items[0].message + strlen(before), cases[i].fields);
        checkup_done(&checkup);
    }
    configuration_free(configuration);
}

#define CALL "500 InternalError: failed calling webhook \"inject.injector.openshell.ai\": "
#define DENIAL "403 Forbidden: admission webhook \"validate.injector.openshell.ai\" denied the request: "
#define FOREIGN_CALL "500 InternalError: failed calling webhook \"w.example\": "
#define FOREIGN_DENIAL "403 Forbidden: admission webhook \"w.example\" denied the request: "

static void cause_of_a_refusal_is_told_from_its_words(void **state)
{
    (void) state;
    static const struct {
        const char *words;
        enum check_result result;
        const char *advice;
    } cases[] = {
        {CALL "no endpoints available for service \"s\"", CHECK_FAILED, "no replica is ready"},
        {CALL "tls: failed to verify certificate: x509: certificate has expired", CHECK_FAILED, "caBundle"},
        {CALL "remote error: tls: certificate required", CHECK_FAILED, "--client-ca"},
        {CALL "context deadline exceeded", CHECK_FAILED, "network policies"},
        {CALL "net/http: TLS handshake timeout", CHECK_FAILED, "network policies"},
        {CALL "dial tcp 10.0.0.1:443: i/o timeout", CHECK_FAILED, "network policies"},
        {CALL "Client.Timeout exceeded while awaiting headers", CHECK_FAILED, "network policies"},
        {CALL "connect: connection refused", CHECK_FAILED, "nothing listens"},
        {CALL "something else", CHECK_FAILED, "its words say why"},
        {CALL "quotes: " FOREIGN_DENIAL "x509: no", CHECK_FAILED, "caBundle"},
        {DENIAL "allowedCreators names neither", CHECK_WARNING, "run doctor as"},
        {DENIAL "matches no entry of allowedImages", CHECK_WARNING, "--config"},
        {DENIAL "spec: no", CHECK_FAILED, "docs/denials.md"},
        {DENIAL "spec.containers[0].env[0]: tls: x509: timeout: connection refused", CHECK_FAILED,
         "docs/denials.md"},
        {FOREIGN_CALL "x509: certificate has expired", CHECK_FAILED, "another webhook cannot be called"},
        {FOREIGN_DENIAL "the image's tls: x509: timeout", CHECK_FAILED, "another webhook refuses"},
        {FOREIGN_DENIAL "no entry of allowedImages, and no allowedCreators", CHECK_FAILED,
         "another webhook refuses"},
        {FOREIGN_DENIAL "says: " CALL "x509: no", CHECK_FAILED, "another webhook refuses"},
        {"403 Forbidden: admission webhook \".injector.openshell.ai\" denied the request: no", CHECK_FAILED,
         "another webhook refuses"},
        {"403 Forbidden: admission webhook \"a.injector.openshell.ai.example\" denied the request: no",
         CHECK_FAILED, "another webhook refuses"},
        {"admission webhook \"cut off", CHECK_FAILED, "another webhook refuses"},
        {"ValidatingAdmissionPolicy 'openshell-sandboxes' with binding 'p' denied request: no", CHECK_FAILED,
         "the policy holds"},
        {"ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no tls: timeout", CHECK_FAILED,
         "the API server's words say why"},
        {"violates PodSecurity \"baseline:latest\"", CHECK_FAILED, "privileged"},
        {"exceeded quota: q", CHECK_FAILED, "leaves no room"},
        {"failed quota: q: must specify limits.cpu", CHECK_FAILED, "configure resources"},
        {"error looking up service account openshell/default", CHECK_FAILED, "ServiceAccount default"},
        {"x509: the API server's own", CHECK_FAILED, "the API server's words say why"},
        {"something nobody thought of", CHECK_FAILED, "the API server's words say why"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error reason;
        struct checkup checkup = {0};
        error_set(&reason, ERROR_UNAVAILABLE, "%s", cases[i].words);
        doctor_judge_refusal(&reason, &checkup);
        checkup_fixture_expect(&checkup, "sandbox-pod", cases[i].result, cases[i].words);
        if (!strstr(checkup.items[0].advice, cases[i].advice))
            fail_msg("%s: %s", cases[i].words, checkup.items[0].advice);
        checkup_done(&checkup);
    }
}

static void only_the_webhooks_own_denial_counts(void **state)
{
    (void) state;
    static const struct {
        enum error_code code;
        const char *words;
        bool is_denial;
        enum check_result result;
    } cases[] = {
        {ERROR_PERMISSION_DENIED,
         "403: admission webhook \"w\" denied the request: " DOCTOR_VARIABLE " would", true, CHECK_OK},
        {ERROR_PERMISSION_DENIED, "403: admission webhook \"w\" denied the request: another reason", true,
         CHECK_FAILED},
        {ERROR_PERMISSION_DENIED, "403: ValidatingAdmissionPolicy 'p' denied request: " DOCTOR_VARIABLE,
         false, CHECK_FAILED},
        {ERROR_UNAVAILABLE, "500: failed calling webhook \"w\": " DOCTOR_VARIABLE, false, CHECK_FAILED},
        {ERROR_INVALID, "422: admission webhook \"w\" denied the request: " DOCTOR_VARIABLE, false,
         CHECK_FAILED},
    };
    struct checkup checkup = {0};
    doctor_judge_hostile(NULL, &checkup);
    checkup_fixture_expect(&checkup, "denial", CHECK_FAILED, "is admitted");
    checkup_done(&checkup);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error reason;
        error_set(&reason, cases[i].code, "%s", cases[i].words);
        assert_int_equal(doctor_is_denial(&reason), cases[i].is_denial);
        doctor_judge_hostile(&reason, &checkup);
        checkup_fixture_expect(&checkup, "denial", cases[i].result, "is refused");
        checkup_done(&checkup);
    }
}

struct run {
    const struct configuration *configuration;
    const cJSON *pod;
};

static bool make_and_judge(void *context)
{
    const struct run *run = context;
    struct error error;
    struct checkup checkup = {0};
    cJSON *probe = NULL;
    _cleanup_(cJSON_Deletep) cJSON *pod = cJSON_Duplicate(run->pod, true);
    const struct probe_request request = {.pod = pod, .configuration = run->configuration};
    bool is_done = pod && doctor_probe_make(run->configuration, true, &error, &probe);
    if (is_done)
        doctor_judge_pod(&request, &checkup);
    is_done = is_done && checkup_complete(&checkup, &error);
    cJSON_Delete(probe);
    checkup_done(&checkup);
    return is_done;
}

static void survives_running_out_of_memory(void **state)
{
    (void) state;
    size_t runs = 0;
    struct configuration *configuration = configuration_fixture_make("allowedImages=[\"sha256:"
                                                                     "0123456789abcdef0123456789abcdef"
                                                                     "0123456789abcdef0123456789abcdef\"]");
    _cleanup_(cJSON_Deletep) cJSON *pod = make_supervised(configuration);
    cJSON_DeleteItemFromObject(agent_of(pod), "securityContext");
    struct run run = {.configuration = configuration, .pod = pod};
    assert_true(allocation_fail_each(make_and_judge, &run, RUN_LIMIT, &runs));
    assert_true(runs > 100);
    configuration_free(configuration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_is_injected_whatever_is_configured),
        cmocka_unit_test(image_is_one_that_is_allowed),
        cmocka_unit_test(each_state_is_told_apart),
        cmocka_unit_test(another_version_is_said),
        cmocka_unit_test(fields_past_the_third_are_counted),
        cmocka_unit_test(cause_of_a_refusal_is_told_from_its_words),
        cmocka_unit_test(only_the_webhooks_own_denial_counts),
        cmocka_unit_test(survives_running_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
