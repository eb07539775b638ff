/* The judgement of webhook configurations: manifests/base as it stands, and with each member changed. */
#include "common/base64.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/yaml.h"
#include "tests/support/allocation.h"
#include "tests/unit/certs/certs_fixture.h"
#include "tests/unit/commands/checkup_fixture.h"
#include "webhook/commands/doctor_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BASE TEST_SOURCE_DIRECTORY "/../manifests/base/"
#define MANIFEST_BYTES 65536
#define RUN_LIMIT 2000
#define PODS "\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"resources\":[\"pods\"]"

static struct authorities authorities;

static int set_up(void **state)
{
    (void) state;
    authorities = certs_fixture_authorities();
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    authorities_done(&authorities);
    return 0;
}

/* A document of manifests/base. */
static cJSON *read_manifest(const char *path)
{
    static const struct yaml_limits limits = {
        .bytes = MANIFEST_BYTES, .depth = 32, .nodes = 1000, .documents = 1};
    struct error error;
    size_t length = 0;
    _cleanup_(freep) char *text = NULL;
    struct yaml_documents documents = {0};
    if (!file_read(path, MANIFEST_BYTES, &error, &text, &length) ||
        !yaml_parse_documents(text, length, &limits, &error, &documents))
        fail_msg("%s: %s", path, error.message);
    cJSON *manifest = take_pointer(&documents.items[0]);
    yaml_documents_done(&documents);
    return manifest;
}

static cJSON *client_of(cJSON *object)
{
    return json_member(json_member(object, "webhooks")->child, "clientConfig");
}

static void set_bundle(cJSON *object, const char *pem)
{
    _cleanup_(buffer_done) struct buffer encoded = BUFFER_INIT(MANIFEST_BYTES);
    base64_append(&encoded, pem, strlen(pem));
    cJSON_DeleteItemFromObjectCaseSensitive(client_of(object), "caBundle");
    assert_non_null(cJSON_AddStringToObject(client_of(object), "caBundle", buffer_string(&encoded)));
}

/* The base's object with the caBundle that it leaves out, and `member` of its webhook as `value` says (NULL:
 * left out); `member` NULL: as it stands. */
static cJSON *make_object(bool is_mutating, const char *member, const char *value)
{
    cJSON *object =
        read_manifest(is_mutating ? BASE "mutating-webhook.yaml" : BASE "validating-webhook.yaml");
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    set_bundle(object, pem);
    cJSON *webhook = json_member(object, "webhooks")->child;
    if (member)
        cJSON_DeleteItemFromObjectCaseSensitive(webhook, member);
    if (value)
        assert_true(cJSON_AddItemToObject(webhook, member, checkup_fixture_parse(value)));
    return object;
}

/* Uses up the object. */
static struct checkup judge_at(cJSON *object, bool is_mutating, time_t now)
{
    struct checkup checkup = {0};
    const struct registration_request request = {.is_mutating = is_mutating,
                                                 .name = "openshell-injector",
                                                 .object = object,
                                                 .sandbox_namespace = "openshell",
                                                 .now = now};
    doctor_judge_registration(&request, &checkup);
    cJSON_Delete(object);
    return checkup;
}

static struct checkup judge(cJSON *object, bool is_mutating)
{
    return judge_at(object, is_mutating, FIXTURE_NOW);
}

static void finds_the_base_in_order(void **state)
{
    (void) state;
    for (int is_mutating = 0; is_mutating < 2; is_mutating++) {
        struct checkup checkup = judge(make_object(is_mutating, NULL, NULL), is_mutating);
        assert_int_equal(checkup.counts[CHECK_OK], is_mutating ? 9 : 8);
        assert_int_equal(checkup.counts[CHECK_OK], checkup.count);
        checkup_done(&checkup);
    }
    struct checkup checkup = judge(make_object(true, NULL, NULL), true);
    checkup_fixture_expect(
        &checkup, "mutating-webhook", CHECK_OK,
        "inject.injector.openshell.ai calls Service openshell-injector/openshell-injector");
    checkup_fixture_expect(&checkup, "mutating-webhook.namespace-selector", CHECK_OK,
                           "leaves out kube-system and openshell-injector");
    checkup_done(&checkup);
}

struct change {
    bool is_mutating;
    const char *member;
    const char *value;
    const char *check;
    enum check_result result;
    const char *message;
};

static const struct change changes[] = {
    {true, "failurePolicy", "\"Ignore\"", "failure-policy", CHECK_FAILED, "failurePolicy is Ignore"},
    {false, "failurePolicy", NULL, "failure-policy", CHECK_FAILED, "failurePolicy is not set"},
    {true, "reinvocationPolicy", "\"Never\"", "reinvocation-policy", CHECK_WARNING, "is Never"},
    {true, "matchPolicy", "\"Exact\"", "match-policy", CHECK_WARNING, "is Exact"},
    {false, "sideEffects", "\"NoneOnDryRun\"", "side-effects", CHECK_WARNING, "is NoneOnDryRun"},
    {true, "matchConditions", "[{\"name\":\"a\",\"expression\":\"true\"}]", "match-conditions", CHECK_WARNING,
     "matchConditions"},

    {true, "rules", NULL, "rules", CHECK_FAILED, "CREATE of pods"},
    {true, "rules", "[{\"operations\":[\"UPDATE\"]," PODS "}]", "rules", CHECK_FAILED, "CREATE of pods"},
    {true, "rules", "[{\"operations\":[\"CREATE\"]," PODS ",\"scope\":\"Cluster\"}]", "rules", CHECK_FAILED,
     "CREATE of pods"},
    {true, "rules",
     "[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"apps\"],\"apiVersions\":[\"v1\"],\"resources\":["
     "\"pods\"]}]",
     "rules", CHECK_FAILED, "CREATE of pods"},
    {true, "rules",
     "[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"\"],\"apiVersions\":[\"v2\"],\"resources\":[\"pods\"]}]",
     "rules", CHECK_FAILED, "CREATE of pods"},
    {true, "rules", "[{\"operations\":[\"CREATE\"]," PODS "}]", "rules", CHECK_OK, "CREATE of pods"},
    {true, "rules",
     "[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"*\"],\"apiVersions\":[\"*\"],\"resources\":[\"pods\"],"
     "\"scope\":\"*\"}]",
     "rules", CHECK_OK, "CREATE of pods"},
    {true, "rules", "[{\"operations\":[\"CREATE\",\"DELETE\"]," PODS "}]", "rules", CHECK_WARNING,
     "DELETE of pods too"},
    {true, "rules", "[{\"operations\":[\"*\"]," PODS "}]", "rules", CHECK_WARNING, "* of pods too"},
    {true, "rules",
     "[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"resources\":[\"*\"]}]",
     "rules", CHECK_WARNING, "CREATE of * too"},
    {false, "rules", "[{\"operations\":[\"CREATE\"]," PODS "}]", "rules", CHECK_FAILED,
     "UPDATE of pods/ephemeralcontainers"},
    {false, "rules",
     "[{\"operations\":[\"CREATE\",\"UPDATE\"],\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
     "\"resources\":[\"pods\",\"pods/*\"]}]",
     "rules", CHECK_WARNING, "CREATE of pods/* too"},
    {false, "rules",
     "[{\"operations\":[\"CREATE\",\"UPDATE\"],\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
     "\"resources\":[\"pods/*\"]}]",
     "rules", CHECK_WARNING, "CREATE of pods/* too"},
    {false, "rules",
     "[{\"operations\":[\"CREATE\",\"UPDATE\"],\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
     "\"resources\":[\"*\"]}]",
     "rules", CHECK_FAILED, "UPDATE of pods/ephemeralcontainers"},

    {true, "objectSelector", NULL, "object-selector", CHECK_FAILED, "selects pods that are no sandboxes"},
    {true, "objectSelector",
     "{\"matchExpressions\":[{\"key\":\"openshell.ai/managed-by\",\"operator\":\"Exists\"}]}",
     "object-selector", CHECK_FAILED, "selects pods that are no sandboxes"},
    {true, "objectSelector", "{\"matchLabels\":{\"openshell.ai/managed-by\":\"openshell\",\"a\":\"b\"}}",
     "object-selector", CHECK_FAILED, "does not select every pod"},
    {true, "objectSelector",
     "{\"matchLabels\":{\"openshell.ai/managed-by\":\"openshell\"},\"matchExpressions\":[{\"key\":\"a\","
     "\"operator\":\"DoesNotExist\"}]}",
     "object-selector", CHECK_FAILED, "does not select every pod"},
    {true, "objectSelector", "{\"matchLabels\":{\"openshell.ai/managed-by\":\"another\"}}", "object-selector",
     CHECK_FAILED, "does not select every pod"},
    {true, "objectSelector",
     "{\"matchExpressions\":[{\"key\":\"openshell.ai/managed-by\",\"operator\":\"In\",\"values\":"
     "[\"openshell\"]}]}",
     "object-selector", CHECK_OK, "alone"},

    {true, "namespaceSelector", NULL, "namespace-selector", CHECK_WARNING,
     "does not leave out kube-system and openshell-injector"},
    {true, "namespaceSelector",
     "{\"matchExpressions\":[{\"key\":\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":"
     "[\"openshell-injector\"]}]}",
     "namespace-selector", CHECK_WARNING, "does not leave out kube-system"},
    {true, "namespaceSelector",
     "{\"matchExpressions\":[{\"key\":\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":"
     "[\"kube-system\"]}]}",
     "namespace-selector", CHECK_WARNING, "does not leave out openshell-injector"},
    {true, "namespaceSelector",
     "{\"matchExpressions\":[{\"key\":\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":"
     "[\"kube-system\",\"openshell-injector\",\"openshell\"]}]}",
     "namespace-selector", CHECK_FAILED, "does not select namespace openshell"},
    {true, "namespaceSelector", "{\"matchLabels\":{\"kubernetes.io/metadata.name\":\"openshell\"}}",
     "namespace-selector", CHECK_OK, "leaves out"},
};

static void finds_each_member_that_is_another(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char name[128];
        const struct change *change = &changes[i];
        struct checkup checkup =
            judge(make_object(change->is_mutating, change->member, change->value), change->is_mutating);
        snprintf(name, sizeof name, "%s.%s", change->is_mutating ? "mutating-webhook" : "validating-webhook",
                 change->check);
        checkup_fixture_expect(&checkup, name, change->result, change->message);
        /* And nothing else. */
        assert_int_equal(checkup.count - checkup.counts[CHECK_OK], change->result != CHECK_OK);
        checkup_done(&checkup);
    }
}

static void labels_of_the_namespace_decide_where_they_are_known(void **state)
{
    (void) state;
    static const char yes[] = "{\"matchLabels\":{\"sandboxes\":\"yes\"}}";
    static const char clean[] =
        "{\"matchExpressions\":[{\"key\":\"quarantine\",\"operator\":\"DoesNotExist\"}]}";
    static const char elsewhere[] = "{\"matchLabels\":{\"sandboxes\":\"yes\"},\"matchExpressions\":[{\"key\":"
                                    "\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":["
                                    "\"openshell\"]}]}";
    static const struct {
        const char *selector, *labels;
        enum check_result result;
        const char *part;
    } cases[] = {
        {yes, "{\"sandboxes\":\"yes\"}", CHECK_OK, "leaves out"},
        {yes, "{\"sandboxes\":\"no\"}", CHECK_FAILED, "does not select namespace openshell"},
        {yes, NULL, CHECK_WARNING, "cannot be told without the labels of namespace openshell"},
        {clean, "{\"quarantine\":\"\"}", CHECK_FAILED, "does not select namespace openshell"},
        {clean, "{}", CHECK_WARNING, "does not leave out kube-system"},
        {clean, NULL, CHECK_WARNING, "cannot be told without the labels of namespace openshell"},
        {elsewhere, NULL, CHECK_FAILED, "does not select namespace openshell"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkup checkup = {0};
        static const char check[] = "mutating-webhook.namespace-selector";
        _cleanup_(cJSON_Deletep) cJSON *object = make_object(true, "namespaceSelector", cases[i].selector);
        _cleanup_(cJSON_Deletep) cJSON *labels = checkup_fixture_parse(cases[i].labels);
        const struct registration_request request = {.is_mutating = true,
                                                     .name = "x",
                                                     .object = object,
                                                     .sandbox_namespace = "openshell",
                                                     .namespace_labels = labels,
                                                     .now = FIXTURE_NOW};
        doctor_judge_registration(&request, &checkup);
        checkup_fixture_expect(&checkup, check, cases[i].result, cases[i].part);
        const char *advice = checkup_fixture_find(&checkup, check)->advice;
        bool names_right = advice && strstr(advice, "get on namespaces");
        assert_int_equal(names_right, strstr(cases[i].part, "cannot be told") != NULL);
        checkup_done(&checkup);
    }
}

static void looks_at_the_webhooks_that_call_us_alone(void **state)
{
    (void) state;
    cJSON *object = make_object(true, NULL, NULL);
    cJSON *other =
        checkup_fixture_parse("{\"name\":\"other\",\"clientConfig\":{\"service\":{\"namespace\":\"ns\","
                              "\"name\":\"other\",\"path\":\"/\"}},\"failurePolicy\":\"Ignore\"}");
    assert_true(cJSON_AddItemToArray(json_member(object, "webhooks"), other));
    struct checkup checkup = judge(object, true);
    assert_int_equal(checkup.counts[CHECK_OK], checkup.count);
    checkup_done(&checkup);

    /* The base's mutating webhook is none that validates. */
    checkup = judge(make_object(true, NULL, NULL), false);
    assert_int_equal(checkup.count, 1);
    checkup_fixture_expect(&checkup, "validating-webhook", CHECK_FAILED,
                           "no webhook of ValidatingWebhookConfiguration openshell-injector calls /validate");
    checkup_done(&checkup);

    checkup = judge(NULL, true);
    assert_int_equal(checkup.count, 1);
    checkup_fixture_expect(&checkup, "mutating-webhook", CHECK_FAILED,
                           "MutatingWebhookConfiguration openshell-injector does not exist");
    checkup_done(&checkup);
}

static void webhook_may_be_found_by_url(void **state)
{
    (void) state;
    const char *namespace_name = NULL, *name = NULL;
    _cleanup_(cJSON_Deletep) cJSON *object = make_object(true, NULL, NULL);
    assert_true(doctor_find_service(object, true, &namespace_name, &name));
    assert_string_equal(namespace_name, "openshell-injector");
    assert_string_equal(name, "openshell-injector");
    assert_false(doctor_find_service(object, false, &namespace_name, &name));
    assert_false(doctor_find_service(NULL, true, &namespace_name, &name));

    object = (cJSON_Delete(object),
              make_object(true, "clientConfig", "{\"url\":\"https://h.example:8443/mutate\"}"));
    assert_false(doctor_find_service(object, true, &namespace_name, &name));
    struct checkup checkup = judge(take_pointer(&object), true);
    checkup_fixture_expect(&checkup, "mutating-webhook", CHECK_OK, "calls https://h.example:8443/mutate");
    checkup_fixture_expect(&checkup, "mutating-webhook.ca-bundle", CHECK_WARNING, "every authority");
    checkup_fixture_expect(&checkup, "mutating-webhook.namespace-selector", CHECK_OK,
                           "leaves out kube-system");
    checkup_done(&checkup);
}

static void expect_bundle(const char *value, time_t now, enum check_result result, const char *part)
{
    cJSON *object = make_object(true, NULL, NULL);
    if (value) {
        cJSON_DeleteItemFromObjectCaseSensitive(client_of(object), "caBundle");
        assert_non_null(cJSON_AddStringToObject(client_of(object), "caBundle", value));
    }
    struct checkup checkup = judge_at(object, true, now);
    checkup_fixture_expect(&checkup, "mutating-webhook.ca-bundle", result, part);
    checkup_done(&checkup);
}

static void bundle_must_be_certificates_that_are_valid(void **state)
{
    (void) state;
    struct error error;
    time_t start = 0, end = 0;
    assert_true(certificate_read_validity(authorities.current.certificate, &error, &start, &end));
    expect_bundle(NULL, FIXTURE_NOW, CHECK_OK, "1 valid certificate");
    expect_bundle("", FIXTURE_NOW, CHECK_FAILED, "caBundle is empty");
    expect_bundle("!", FIXTURE_NOW, CHECK_FAILED, "caBundle cannot be read: base64: 1 characters");
    expect_bundle("bm90aGluZw==", FIXTURE_NOW, CHECK_FAILED,
                  "caBundle cannot be read: no certificate in PEM");
    expect_bundle(NULL, start - 1, CHECK_FAILED, "certificate 1 is not valid yet");
    expect_bundle(NULL, end, CHECK_FAILED, "certificate 1 has expired");
    expect_bundle(NULL, end - 7 * FIXTURE_DAY, CHECK_OK, "1 valid certificate");
    expect_bundle(NULL, end - 7 * FIXTURE_DAY + 1, CHECK_WARNING, "certificate 1 expires in 6 days");
}

static void one_certificate_of_several_may_have_expired(void **state)
{
    (void) state;
    struct error error;
    struct authorities later;
    time_t now = FIXTURE_NOW + 400 * FIXTURE_DAY;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    assert_true(authorities_create(KEY_ECDSA_P256, now, 365 * FIXTURE_DAY, &error, &later));
    assert_true(certificate_append_pem(authorities.current.certificate, &error, &pem));
    assert_true(certificate_append_pem(later.current.certificate, &error, &pem));
    cJSON *object = make_object(true, NULL, NULL);
    set_bundle(object, buffer_string(&pem));
    struct checkup checkup = judge_at(object, true, now);
    checkup_fixture_expect(&checkup, "mutating-webhook.ca-bundle", CHECK_WARNING,
                           "certificate 1 has expired");
    checkup_done(&checkup);
    authorities_done(&later);
}

static bool judge_once(void *context)
{
    struct error error;
    struct checkup checkup = {0};
    const struct registration_request request = {.is_mutating = true,
                                                 .name = "x",
                                                 .object = context,
                                                 .sandbox_namespace = "openshell",
                                                 .now = FIXTURE_NOW};
    doctor_judge_registration(&request, &checkup);
    bool is_complete = checkup_complete(&checkup, &error);
    /* What there was no memory for must not be told as a finding. */
    bool is_true = checkup.counts[CHECK_OK] == checkup.count;
    checkup_done(&checkup);
    return is_complete && is_true;
}

static void survives_running_out_of_memory(void **state)
{
    (void) state;
    size_t runs = 0;
    _cleanup_(cJSON_Deletep) cJSON *object = make_object(true, NULL, NULL);
    assert_true(judge_once(object));
    assert_true(allocation_fail_each(judge_once, object, RUN_LIMIT, &runs));
    assert_true(runs > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_base_in_order),
        cmocka_unit_test(finds_each_member_that_is_another),
        cmocka_unit_test(labels_of_the_namespace_decide_where_they_are_known),
        cmocka_unit_test(looks_at_the_webhooks_that_call_us_alone),
        cmocka_unit_test(webhook_may_be_found_by_url),
        cmocka_unit_test(bundle_must_be_certificates_that_are_valid),
        cmocka_unit_test(one_certificate_of_several_may_have_expired),
        cmocka_unit_test(survives_running_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
