#include "common/base64.h"
#include "common/cleanup.h"
#include "common/digest.h"
#include "tests/support/pod_fixture.h"
#include "webhook/admission/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RESPONSE_BYTES (1u << 20)

/* One call of admission_review and what came of it. */
struct call {
    struct configuration *configuration;
    bool is_answered;
    struct error error;
    struct admission_outcome outcome;
    cJSON *response; /* the "response" member's owner: the whole review; NULL when not answered */
};

static void call_done(struct call *call)
{
    cJSON_Delete(call->response);
    configuration_free(call->configuration);
}

static struct call call_with(struct configuration *configuration, const struct namespace_source *namespaces,
                             enum admission_endpoint endpoint, const char *body)
{
    struct call call = {.configuration = configuration};
    const struct admission_context context = {.configuration = configuration, .namespaces = namespaces};
    struct buffer response = BUFFER_INIT(RESPONSE_BYTES);
    call.is_answered =
        admission_review(&context, endpoint, body, strlen(body), &call.error, &response, &call.outcome);
    if (call.is_answered) {
        const struct json_limits limits = {.bytes = RESPONSE_BYTES, .depth = 32};
        struct error error;
        if (!json_parse(buffer_string(&response), response.length, &limits, &error, &call.response))
            fail_msg("%s: %s", error.message, buffer_string(&response));
    }
    buffer_done(&response);
    return call;
}

static struct call call_body(enum admission_endpoint endpoint, const char *body)
{
    return call_with(configuration_fixture_make(NULL), NULL, endpoint, body);
}

/* A review of `operation` on `object` (JSON text), with more request members in `more`. */
static char *review_of(const char *operation, const char *more, const char *object)
{
    char *review = NULL;
    assert_true(
        asprintf(
            &review,
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{"
            "\"uid\":\"0-1-2\",\"operation\":\"%s\",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":"
            "\"Pod\"},\"namespace\":\"openshell\",\"userInfo\":{\"username\":\"alice\",\"groups\":[\"team\"]"
            "}%s,\"object\":%s}}",
            operation, more, object) > 0);
    return review;
}

static struct call call_pod(enum admission_endpoint endpoint, const char *operation, const char *more,
                            const char *merge_patch)
{
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(merge_patch);
    _cleanup_(freep) char *object = cJSON_PrintUnformatted(pod);
    _cleanup_(freep) char *review = review_of(operation, more, object);
    return call_body(endpoint, review);
}

static const cJSON *response_of(const struct call *call)
{
    return json_member(call->response, "response");
}

static bool is_allowed(const struct call *call)
{
    return cJSON_IsTrue(json_member(response_of(call), "allowed"));
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *member = json_member(object, key);
    return member ? member->valuestring : "";
}

static void refuses_what_is_no_review_of_a_pod(void **state)
{
    (void) state;
#define REVIEW(request) "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"" request "}"
#define KIND ",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}"
    static const char *const cases[][2] = {
        {"", "unexpected end"},
        {"[]", "must be an AdmissionReview"},
        {"{\"kind\":\"AdmissionReview\"}", "apiVersion"},
        {"{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"kind\":\"AdmissionReview\"}", "apiVersion: must be"},
        {"{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"Pod\"}", "kind: must be AdmissionReview"},
        {REVIEW(""), "request: must be set"},
        {REVIEW(",\"request\":1"), "request: must be an object"},
        {REVIEW(",\"request\":{}"), "request.uid: must be set"},
        {REVIEW(",\"request\":{\"uid\":\"\"}"), "request.uid: must be set"},
        {REVIEW(",\"request\":{\"uid\":\"u\"}"), "request.operation"},
        {REVIEW(",\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\"}"), "request.kind"},
        {REVIEW(",\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\",\"kind\":{\"group\":\"apps\","
                "\"version\":\"v1\","
                "\"kind\":\"Deployment\"}}"),
         "must be the Pod of the core group"},
        {REVIEW(",\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\"" KIND "}"),
         "request.object: must be set"},
        {REVIEW(",\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\"" KIND ",\"object\":[]}"),
         "request.object"},
        {REVIEW(",\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\"" KIND ",\"dryRun\":1}"),
         "request.dryRun"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call call = call_body(ADMISSION_MUTATE, cases[i][0]);
        assert_false(call.is_answered);
        assert_int_equal(call.error.code, ERROR_INVALID);
        if (!strstr(call.error.message, cases[i][1]))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i][0], call.error.message, cases[i][1]);
        call_done(&call);
    }
}

static void refuses_pods_of_the_wrong_shape(void **state)
{
    (void) state;
    static const char *const cases[][2] = {
        {"{\"spec\":null}", "request.object: spec: must be set"},
        {"{\"spec\":{\"containers\":[]}}", "spec.containers: must have at least one"},
        {"{\"spec\":{\"containers\":{}}}", "spec.containers: must be an array"},
        {"{\"spec\":{\"containers\":[1]}}", "spec.containers[0]: must be an object"},
        {"{\"spec\":{\"containers\":[{}]}}", "spec.containers[0].name: must be set"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"command\":\"x\"}]}}", "command: must be an array"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"command\":[1]}]}}", "command[0]: must be a string"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"value\":\"x\"}]}]}}",
         "env[0].name: must be set"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"x\",\"value\":1}]}]}}",
         "env[0].value"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"volumeMounts\":[{\"name\":\"x\"}]}]}}", "mountPath"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"securityContext\":[]}]}}",
         "securityContext: must be an object"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"securityContext\":{\"capabilities\":{\"add\":[1]}}}]}"
         "}",
         "capabilities.add[0]: must be a string"},
        {"{\"spec\":{\"volumes\":[{}]}}", "spec.volumes[0].name"},
        {"{\"spec\":{\"hostAliases\":1}}", "spec.hostAliases: must be an array"},
        {"{\"spec\":{\"hostAliases\":[1]}}", "spec.hostAliases[0]: must be an object"},
        {"{\"spec\":{\"hostAliases\":[{\"ip\":\"10.0.0.1\",\"hostnames\":\"a\"}]}}",
         "spec.hostAliases[0].hostnames: must be an array"},
        {"{\"metadata\":{\"annotations\":{\"a\":1}}}", "metadata.annotations.a: must be a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call call = call_pod(ADMISSION_MUTATE, "CREATE", "", cases[i][0]);
        assert_false(call.is_answered);
        assert_int_equal(call.error.code, ERROR_INVALID);
        if (!strstr(call.error.message, cases[i][1]))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i][0], call.error.message, cases[i][1]);
        call_done(&call);
    }
}

static void takes_4096_elements_and_not_one_more(void **state)
{
    (void) state;
    for (int extra = 0; extra < 2; extra++) {
        struct buffer patch = BUFFER_INIT(1u << 20);
        buffer_append_string(&patch, "{\"spec\":{\"volumes\":[");
        for (int i = 0; i < 4096 + extra; i++)
            buffer_append_format(&patch, "%s{\"name\":\"v%d\",\"emptyDir\":{}}", i ? "," : "", i);
        buffer_append_string(&patch, "]}}");
        struct call call = call_pod(ADMISSION_MUTATE, "CREATE", "", buffer_string(&patch));
        assert_int_equal(call.is_answered, !extra);
        if (extra) {
            assert_int_equal(call.error.code, ERROR_TOO_LARGE);
            assert_non_null(strstr(call.error.message, "spec.volumes: more than 4096 elements"));
        }
        call_done(&call);
        buffer_done(&patch);
    }
}

static void answers_with_uid_patch_and_audit_annotations(void **state)
{
    (void) state;
    struct call call = call_pod(ADMISSION_MUTATE, "CREATE", ",\"dryRun\":true", NULL);
    assert_true(call.is_answered);
    assert_true(is_allowed(&call));
    assert_string_equal(text_of(call.response, "apiVersion"), "admission.k8s.io/v1");
    assert_string_equal(text_of(call.response, "kind"), "AdmissionReview");
    assert_string_equal(text_of(response_of(&call), "uid"), "0-1-2");
    assert_string_equal(text_of(response_of(&call), "patchType"), "JSONPatch");

    struct buffer patch = BUFFER_INIT(RESPONSE_BYTES);
    struct error error;
    char digest[DIGEST_SHA256_HEX_BYTES];
    const char *encoded = text_of(response_of(&call), "patch");
    assert_true(base64_decode(encoded, strlen(encoded), &error, &patch));
    assert_true(digest_sha256_hex(patch.data, patch.length, &error, digest));
    const cJSON *annotations = json_member(response_of(&call), "auditAnnotations");
    assert_string_equal(text_of(annotations, "patch-sha256"), digest);
    assert_string_equal(text_of(annotations, "decision"), "injected");
    assert_string_equal(text_of(annotations, "reason"), "Injected");
    assert_string_equal(text_of(annotations, "configuration"), call.configuration->digest);
    assert_int_equal(call.outcome.patch_bytes, patch.length);
    buffer_done(&patch);

    assert_string_equal(call.outcome.uid, "0-1-2");
    assert_string_equal(call.outcome.pod_name, "default--demo");
    assert_string_equal(call.outcome.sandbox_id, "5b1c-1");
    assert_string_equal(call.outcome.sandbox_name, "demo");
    assert_string_equal(call.outcome.user_name, "alice");
    assert_true(call.outcome.is_dry_run);
    call_done(&call);
}

static void answers_a_denial_with_every_cause(void **state)
{
    (void) state;
    struct call call = call_pod(ADMISSION_MUTATE, "CREATE", "",
                                "{\"spec\":{\"restartPolicy\":\"Always\",\"hostPID\":true}}");
    assert_true(call.is_answered);
    assert_false(is_allowed(&call));
    assert_null(json_member(response_of(&call), "patch"));
    assert_null(json_member(response_of(&call), "patchType"));
    const cJSON *status = json_member(response_of(&call), "status");
    assert_int_equal(json_member(status, "code")->valueint, 403);
    assert_string_equal(text_of(status, "reason"), "Forbidden");
    assert_non_null(strstr(text_of(status, "message"), "spec.restartPolicy: "));
    assert_non_null(strstr(text_of(status, "message"), "; spec.hostPID: "));
    const cJSON *causes = json_member(json_member(status, "details"), "causes");
    assert_int_equal(cJSON_GetArraySize(causes), 2);
    assert_string_equal(text_of(causes->child, "reason"), "RestartPolicy");
    assert_string_equal(text_of(causes->child, "field"), "spec.restartPolicy");
    assert_string_equal(call.outcome.reason, "RestartPolicy");
    call_done(&call);
}

static void counts_causes_that_do_not_fit_into_the_message(void **state)
{
    (void) state;
    struct buffer patch = BUFFER_INIT(1u << 20);
    buffer_append_string(&patch, "{\"spec\":{\"volumes\":[");
    for (int i = 0; i < 200; i++)
        buffer_append_format(&patch, "%s{\"name\":\"v%d\",\"hostPath\":{}}", i ? "," : "", i);
    buffer_append_string(&patch, "]}}");
    struct call call = call_pod(ADMISSION_MUTATE, "CREATE", "", buffer_string(&patch));
    const char *message = text_of(json_member(response_of(&call), "status"), "message");
    assert_true(strlen(message) <= 8192);
    assert_non_null(strstr(message, "; and 1"));
    call_done(&call);
    buffer_done(&patch);
}

static void lets_pass_what_it_is_not_registered_for(void **state)
{
    (void) state;
    static const struct {
        enum admission_endpoint endpoint;
        const char *operation, *more, *patch;
    } cases[] = {
        {ADMISSION_MUTATE, "UPDATE", "", "{\"spec\":{\"hostPID\":true}}"},
        {ADMISSION_VALIDATE, "UPDATE", "", NULL},
        {ADMISSION_MUTATE, "CREATE", ",\"subResource\":\"eviction\"", NULL},
        {ADMISSION_MUTATE, "CREATE", "", "{\"metadata\":{\"labels\":null}}"},
        {ADMISSION_VALIDATE, "CREATE", "", "{\"metadata\":{\"labels\":null}}"},
        {ADMISSION_MUTATE, "CREATE", "", "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call call = call_pod(cases[i].endpoint, cases[i].operation, cases[i].more, cases[i].patch);
        assert_true(call.is_answered);
        assert_true(is_allowed(&call));
        assert_null(json_member(response_of(&call), "patch"));
        assert_int_equal(call.outcome.decision, INJECTION_SKIPPED);
        call_done(&call);
    }
}

static void refuses_ephemeral_containers_on_sandboxes_alone(void **state)
{
    (void) state;
    static const char more[] = ",\"subResource\":\"ephemeralcontainers\"";
    struct call call = call_pod(ADMISSION_VALIDATE, "UPDATE", more, NULL);
    assert_false(is_allowed(&call));
    assert_string_equal(call.outcome.reason, "EphemeralContainers");
    call_done(&call);
    call = call_pod(ADMISSION_VALIDATE, "UPDATE", more, "{\"metadata\":{\"labels\":null}}");
    assert_true(is_allowed(&call));
    call_done(&call);
    call = call_pod(ADMISSION_VALIDATE, "UPDATE", more, "{\"metadata\":{\"deletionTimestamp\":\"x\"}}");
    assert_true(is_allowed(&call));
    call_done(&call);
    static const char was_sandbox[] =
        ",\"subResource\":\"ephemeralcontainers\",\"oldObject\":{\"metadata\":{\"labels\":{"
        "\"openshell.ai/managed-by\":\"openshell\"}}}";
    call = call_pod(ADMISSION_VALIDATE, "UPDATE", was_sandbox, "{\"metadata\":{\"labels\":null}}");
    assert_false(is_allowed(&call));
    call_done(&call);
}

/* The pod of the fixture after the injection, changed by `change`. */
static struct call validate_supervised(void (*change)(cJSON *pod))
{
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(NULL);
    struct injection_result result = injection_fixture_run(pod, configuration);
    injection_result_done(&result);
    change(pod);
    _cleanup_(freep) char *object = cJSON_PrintUnformatted(pod);
    _cleanup_(freep) char *review = review_of("CREATE", "", object);
    return call_with(configuration, NULL, ADMISSION_VALIDATE, review);
}

static void change_nothing(cJSON *pod)
{
    (void) pod;
}

static void add_privilege(cJSON *pod)
{
    cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
    cJSON_AddTrueToObject(json_member(agent, "securityContext"), "privileged");
}

static void drop_marks(cJSON *pod)
{
    cJSON_DeleteItemFromObject(json_member(pod, "metadata"), "annotations");
}

static void accepts_a_final_pod_that_is_supervised(void **state)
{
    (void) state;
    struct call call = validate_supervised(change_nothing);
    assert_true(is_allowed(&call));
    assert_int_equal(call.outcome.decision, INJECTION_UNCHANGED);
    call_done(&call);
}

static void denies_a_final_pod_that_was_altered(void **state)
{
    (void) state;
    struct call call = validate_supervised(add_privilege);
    assert_false(is_allowed(&call));
    const cJSON *details = json_member(json_member(response_of(&call), "status"), "details");
    const cJSON *cause = json_member(details, "causes")->child;
    assert_string_equal(text_of(cause, "reason"), "InjectionAltered");
    assert_string_equal(text_of(cause, "field"), "spec.containers[0].securityContext.privileged");
    call_done(&call);
}

static void denies_a_final_pod_without_injection(void **state)
{
    (void) state;
    struct call call = call_pod(ADMISSION_VALIDATE, "CREATE", "", NULL);
    assert_false(is_allowed(&call));
    assert_string_equal(call.outcome.reason, "InjectionMissing");
    call_done(&call);
    call = validate_supervised(drop_marks);
    assert_false(is_allowed(&call));
    assert_string_equal(call.outcome.reason, "InjectionMissing");
    call_done(&call);
}

static bool find_range(void *context, const char *name, unsigned wait_ms, struct error *error,
                       cJSON **annotations)
{
    (void) wait_ms;
    size_t *calls = context;
    (*calls)++;
    if (strcmp(name, "openshell") != 0)
        return error_set(error, ERROR_UNAVAILABLE, "namespace %s: not known", name);
    *annotations = cJSON_CreateObject();
    return cJSON_AddStringToObject(*annotations, "openshift.io/sa.scc.uid-range", "7000/10");
}

static struct configuration *configuration_without_uid(void)
{
    struct configuration *configuration = NULL;
    struct error error;
    assert_true(configuration_load(&(struct configuration_sources){0}, &error, &configuration));
    return configuration;
}

static void asks_for_the_namespace_only_when_it_must(void **state)
{
    (void) state;
    size_t calls = 0;
    const struct namespace_source source = {.find = find_range, .context = &calls};
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(NULL);
    _cleanup_(freep) char *object = cJSON_PrintUnformatted(pod);
    _cleanup_(freep) char *review = review_of("CREATE", "", object);
    _cleanup_(freep) char *other = review_of("CREATE", "", "{\"metadata\":{},\"spec\":{}}");

    struct call call = call_with(configuration_fixture_make(NULL), &source, ADMISSION_MUTATE, review);
    assert_int_equal(calls, 0);
    call_done(&call);
    call = call_with(configuration_without_uid(), &source, ADMISSION_MUTATE, other);
    assert_int_equal(calls, 0);
    call_done(&call);
    call = call_with(configuration_without_uid(), &source, ADMISSION_MUTATE, review);
    assert_true(is_allowed(&call));
    assert_int_equal(calls, 1);
    call_done(&call);
    call = call_with(configuration_without_uid(), NULL, ADMISSION_MUTATE, review);
    assert_false(call.is_answered);
    assert_int_equal(call.error.code, ERROR_UNAVAILABLE);
    call_done(&call);
}

static void enforces_who_may_create(void **state)
{
    (void) state;
    static const struct {
        const char *options;
        bool is_allowed;
    } cases[] = {
        {"allowedCreators={users:%[alice]}", true},
        {"allowedCreators={groups:%[team]}", true},
        {"allowedCreators={users:%[bob],groups:%[others]}", false},
    };
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(NULL);
    _cleanup_(freep) char *object = cJSON_PrintUnformatted(pod);
    _cleanup_(freep) char *review = review_of("CREATE", "", object);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call call =
            call_with(configuration_fixture_make(cases[i].options), NULL, ADMISSION_MUTATE, review);
        assert_int_equal(is_allowed(&call), cases[i].is_allowed);
        if (!cases[i].is_allowed)
            assert_string_equal(call.outcome.reason, "CreatorNotAllowed");
        call_done(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_review_of_a_pod),
        cmocka_unit_test(refuses_pods_of_the_wrong_shape),
        cmocka_unit_test(takes_4096_elements_and_not_one_more),
        cmocka_unit_test(answers_with_uid_patch_and_audit_annotations),
        cmocka_unit_test(answers_a_denial_with_every_cause),
        cmocka_unit_test(counts_causes_that_do_not_fit_into_the_message),
        cmocka_unit_test(lets_pass_what_it_is_not_registered_for),
        cmocka_unit_test(refuses_ephemeral_containers_on_sandboxes_alone),
        cmocka_unit_test(accepts_a_final_pod_that_is_supervised),
        cmocka_unit_test(denies_a_final_pod_that_was_altered),
        cmocka_unit_test(denies_a_final_pod_without_injection),
        cmocka_unit_test(asks_for_the_namespace_only_when_it_must),
        cmocka_unit_test(enforces_who_may_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
