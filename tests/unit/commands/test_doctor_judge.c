/* The judgement of the version, the Service, the policy, the namespace and its Secrets. */
#include "common/cleanup.h"
#include "tests/support/pod_fixture.h"
#include "tests/unit/commands/checkup_fixture.h"
#include "webhook/commands/doctor_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct checkup judge_version(const char *options, const char *version_text)
{
    struct checkup checkup = {0};
    struct configuration *configuration = configuration_fixture_make(options);
    _cleanup_(cJSON_Deletep) cJSON *version = checkup_fixture_parse(version_text);
    doctor_judge_version(version, configuration, &checkup);
    configuration_free(configuration);
    return checkup;
}

static struct checkup judge_release(const char *options, const char *minor)
{
    char text[128];
    snprintf(text, sizeof text, "{\"major\":\"1\",\"minor\":\"%s\",\"gitVersion\":\"v1.%s.0\"}", minor,
             minor);
    return judge_version(options, text);
}

static void options_need_their_version(void **state)
{
    (void) state;
    static const char native[] =
        "supervisor-sideload-method=init-container topology=sidecar sidecar-kind=native";
    static const char user[] = "supervisor-sideload-method=init-container enable-user-namespaces=true";
    static const char app_armor[] =
        "supervisor-sideload-method=init-container app-armor-profile=RuntimeDefault";
    static const struct {
        const char *options, *minor, *check;
        enum check_result result;
    } cases[] = {
        {"supervisor-sideload-method=image-volume", "32", "image-volumes", CHECK_FAILED},
        {"supervisor-sideload-method=image-volume", "33", "image-volumes", CHECK_WARNING},
        {"supervisor-sideload-method=image-volume", "34+", "image-volumes", CHECK_WARNING},
        {"supervisor-sideload-method=image-volume", "35", "image-volumes", CHECK_OK},
        {native, "28", "native-sidecar", CHECK_FAILED},
        {native, "29", "native-sidecar", CHECK_OK},
        {user, "29", "user-namespaces", CHECK_FAILED},
        {user, "30", "user-namespaces", CHECK_WARNING},
        {user, "32", "user-namespaces", CHECK_WARNING},
        {user, "33", "user-namespaces", CHECK_OK},
        {app_armor, "29", "app-armor-profile", CHECK_FAILED},
        {app_armor, "30", "app-armor-profile", CHECK_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkup checkup = judge_release(cases[i].options, cases[i].minor);
        assert_int_equal(checkup.count, 2);
        checkup_fixture_expect(&checkup, cases[i].check, cases[i].result, "Kubernetes has");
        checkup_done(&checkup);
    }
}

static void options_that_need_nothing_are_not_asked_about(void **state)
{
    (void) state;
    static const char *const options[] = {"supervisor-sideload-method=init-container sidecar-kind=native",
                                          "supervisor-sideload-method=init-container topology=sidecar"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct checkup checkup = judge_release(options[i], "30");
        assert_int_equal(checkup.count, 1);
        checkup_fixture_expect(&checkup, "kubernetes-version", CHECK_OK, "v1.30.0");
        checkup_done(&checkup);
    }
}

static void version_itself_is_judged(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        enum check_result result;
        const char *part;
        size_t count;
    } cases[] = {
        {"{\"major\":\"1\",\"minor\":\"29+\",\"gitVersion\":\"v1.29.4-gke\"}", CHECK_FAILED, "v1.29.4-gke",
         2},
        {"{\"major\":\"1\",\"minor\":\"30\",\"gitVersion\":\"v1.30.0\"}", CHECK_OK, "v1.30.0", 2},
        {"{\"major\":\"2\",\"minor\":\"0\",\"gitVersion\":\"v2.0.0\"}", CHECK_OK, "v2.0.0", 2},
        {"{\"gitVersion\":\"v1.34.0\"}", CHECK_WARNING, "does not say", 1},
        {"{\"major\":1,\"minor\":34}", CHECK_WARNING, "does not say", 1},
        {"{\"major\":\"-1\",\"minor\":\"34\"}", CHECK_WARNING, "does not say", 1},
        {"{\"major\":\"99999999999999999999\",\"minor\":\"34\"}", CHECK_WARNING, "does not say", 1},
        {"[]", CHECK_WARNING, "does not say", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkup checkup = judge_version("supervisor-sideload-method=image-volume", cases[i].text);
        assert_int_equal(checkup.count, cases[i].count);
        checkup_fixture_expect(&checkup, "kubernetes-version", cases[i].result, cases[i].part);
        checkup_done(&checkup);
    }
}

static void endpoints_that_are_ready_are_counted(void **state)
{
    (void) state;
    static const struct {
        const char *slices;
        enum check_result result;
        const char *part;
    } cases[] = {
        {"[]", CHECK_FAILED, "0 of 0"},
        {"[{\"endpoints\":null},{}]", CHECK_FAILED, "0 of 0"},
        {"[{\"endpoints\":[{\"conditions\":{\"ready\":false}},{\"conditions\":{\"ready\":false}}]}]",
         CHECK_FAILED, "0 of 2"},
        {"[{\"endpoints\":[{\"conditions\":{\"ready\":false}}]},{\"endpoints\":[{\"conditions\":{\"ready\":"
         "true}}]}]",
         CHECK_OK, "1 of 2"},
        {"[{\"endpoints\":[{\"conditions\":{}},{}]}]", CHECK_OK, "2 of 2 endpoints of ns/name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkup checkup = {0};
        _cleanup_(cJSON_Deletep) cJSON *slices = checkup_fixture_parse(cases[i].slices);
        doctor_judge_endpoints(slices, "ns", "name", &checkup);
        checkup_fixture_expect(&checkup, "service", cases[i].result, cases[i].part);
        checkup_done(&checkup);
    }
}

#define NAMED "\"policyName\":\"p\","
#define DENIES "\"validationActions\":[\"Audit\",\"Deny\"]"
#define BINDING "{\"spec\":{" NAMED DENIES "}}"
#define BINDING_FOR(selector)                                                                                \
    "{\"spec\":{" NAMED DENIES ",\"matchResources\":{\"namespaceSelector\":" selector "}}}"
#define POLICY "{\"spec\":{\"failurePolicy\":\"Fail\"}}"
#define POLICY_FOR(selector)                                                                                 \
    "{\"spec\":{\"failurePolicy\":\"Fail\",\"matchConstraints\":{\"namespaceSelector\":" selector "}}}"
#define NOT_IN(values)                                                                                       \
    "{\"matchExpressions\":[{\"key\":\"kubernetes.io/"                                                       \
    "metadata.name\",\"operator\":\"NotIn\",\"values\":[" values "]}]}"
#define TEAM "{\"matchLabels\":{\"team\":\"x\"}}"

/* Judges the policy p with its binding. */
static void expect_policy(const struct policy_request *base, const char *policy_text,
                          const char *binding_text, enum check_result result, const char *part)
{
    struct checkup checkup = {0};
    _cleanup_(cJSON_Deletep) cJSON *policy = checkup_fixture_parse(policy_text);
    _cleanup_(cJSON_Deletep) cJSON *binding = checkup_fixture_parse(binding_text);
    struct policy_request request = *base;
    request.check = "policy.x";
    request.name = "p";
    request.consequence = "anything goes";
    request.sandbox_namespace = "openshell";
    request.policy = policy;
    request.binding = binding;
    doctor_judge_policy(&request, &checkup);
    checkup_fixture_expect(&checkup, "policy.x", result, part);
    checkup_done(&checkup);
}

static void policy_must_be_in_force(void **state)
{
    (void) state;
    static const char known[] = "{\"kubernetes.io/metadata.name\":\"openshell\",\"team\":\"y\"}";
    static const char of_team[] = "{\"kubernetes.io/metadata.name\":\"openshell\",\"team\":\"x\"}";
    static const struct {
        const char *policy, *binding, *labels;
        enum check_result result;
        const char *part;
    } cases[] = {
        {POLICY, BINDING, known, CHECK_OK, "p is installed, with a binding that denies"},
        {NULL, NULL, known, CHECK_WARNING, "p is not installed: anything goes"},
        {NULL, BINDING, known, CHECK_WARNING, "p is not installed: anything goes"},
        {POLICY, NULL, known, CHECK_WARNING, "binding is not installed"},
        {POLICY, "{\"spec\":{" NAMED "\"validationActions\":[\"Warn\"]}}", known, CHECK_WARNING,
         "does not deny"},
        {POLICY, "{\"spec\":{" NAMED "\"x\":1}}", known, CHECK_WARNING, "does not deny"},
        {POLICY, "{\"spec\":{\"policyName\":\"pp\"," DENIES "}}", known, CHECK_WARNING, "of another policy"},
        {POLICY, "{\"spec\":{" DENIES "}}", known, CHECK_WARNING, "of another policy"},
        {POLICY, "{}", known, CHECK_WARNING, "of another policy"},
        {"{\"spec\":{\"failurePolicy\":\"Ignore\"}}", BINDING, known, CHECK_WARNING, "failurePolicy"},
        {POLICY, BINDING_FOR(NOT_IN("\"kube-system\"")), known, CHECK_OK, "denies"},
        {POLICY, BINDING_FOR(NOT_IN("\"kube-system\",\"openshell\"")), known, CHECK_WARNING,
         "p is not in force in namespace openshell, which its matchResources.namespaceSelector leaves out"},
        {POLICY_FOR(NOT_IN("\"openshell\"")), BINDING, known, CHECK_WARNING,
         "which its matchConstraints.namespaceSelector leaves out"},
        {POLICY, BINDING_FOR(TEAM), known, CHECK_WARNING, "leaves out"},
        {POLICY, BINDING_FOR(TEAM), of_team, CHECK_OK, "denies"},
        {POLICY, BINDING_FOR(NOT_IN("\"kube-system\"")), NULL, CHECK_OK, "denies"},
        {POLICY, BINDING_FOR(NOT_IN("\"openshell\"")), NULL, CHECK_WARNING, "leaves out"},
        {POLICY, BINDING_FOR(TEAM), NULL, CHECK_WARNING,
         "whether p is in force cannot be told without the labels of namespace openshell"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(cJSON_Deletep) cJSON *labels = checkup_fixture_parse(cases[i].labels);
        const struct policy_request request = {.namespace_labels = labels};
        expect_policy(&request, cases[i].policy, cases[i].binding, cases[i].result, cases[i].part);
    }
}

#define RULE(operations, resources, more)                                                                    \
    "{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":[" operations                             \
    "],\"resources\":[" resources "]" more "}"
#define CREATION RULE("\"CREATE\"", "\"pods\"", "")
#define CHANGES RULE("\"UPDATE\"", "\"pods\",\"pods/ephemeralcontainers\",\"pods/status\"", "")
#define RULES(rules) "\"resourceRules\":[" rules "]"
#define WITHOUT(rules) "\"excludeResourceRules\":[" rules "]"
#define OBJECTS(selector) "\"objectSelector\":{" selector "}"
#define SANDBOXES "\"matchLabels\":{\"openshell.ai/managed-by\":\"openshell\"}"
#define EXPRESSION(key, operator) "\"matchExpressions\":[{\"key\":\"" key "\",\"operator\":\"" operator"\"}]"

/* The same scope once of the policy and once of its binding. */
static void expect_scope(const struct policy_request *request, const char *scope, const char *before_member,
                         const char *behind_member)
{
    static const char *const members[] = {"matchConstraints", "matchResources"};
    char texts[2][1024], part[256] = "p is installed";
    snprintf(texts[0], sizeof texts[0], "{\"spec\":{\"failurePolicy\":\"Fail\",\"matchConstraints\":{%s}}}",
             scope);
    snprintf(texts[1], sizeof texts[1], "{\"spec\":{" NAMED DENIES ",\"matchResources\":{%s}}}", scope);
    for (size_t i = 0; i < 2; i++) {
        if (before_member)
            snprintf(part, sizeof part, "p is not in force %s its %s.%s", before_member, members[i],
                     behind_member);
        expect_policy(request, i ? POLICY : texts[0], i ? texts[1] : BINDING,
                      before_member ? CHECK_WARNING : CHECK_OK, part);
    }
}

static void policy_must_take_in_all_that_it_is_about(void **state)
{
    (void) state;
    static const char named[] = RULES(RULE("\"*\"", "\"*/*\"", ",\"resourceNames\":[\"a\"]"));
    static const char left_out[] = "resourceRules leave out", excluded[] = "excludeResourceRules leave out";
    static const char unselected[] = "objectSelector leaves some out";
    static const char at_creation[] = "at CREATE of pods, which",
                      at_status[] = "at UPDATE of pods/status, which";
    static const char pods[] = "for every pod labelled openshell.ai/managed-by=openshell:";
    static const char bindings[] = "for every Binding:";
    static const struct {
        bool is_about_bindings;
        const char *scope;
        const char *before_member, *behind_member; /* of the message; NULL: in order */
    } cases[] = {
        {false, RULES(CREATION "," CHANGES), NULL, NULL},
        {false, RULES(RULE("\"*\"", "\"*/*\"", ",\"scope\":\"*\"")), NULL, NULL},
        {false, RULES(RULE("\"CREATE\",\"UPDATE\"", "\"pods/*\"", ",\"scope\":\"Namespaced\"")), NULL, NULL},
        {false, RULES(""), NULL, NULL},
        {false, RULES(CREATION), "at UPDATE of pods, which", left_out},
        {false, RULES(CHANGES), at_creation, left_out},
        {false, RULES(RULE("\"*\"", "\"*/*\"", ",\"scope\":\"Cluster\"")), at_creation, left_out},
        {false, named, at_creation, left_out},
        {false, RULES(RULE("\"*\"", "\"pod\",\"podss\"", "")), at_creation, left_out},
        {false, RULES(RULE("\"*\"", "\"*\"", "")), "at UPDATE of pods/ephemeralcontainers, which", left_out},
        {false, RULES(RULE("\"*\"", "\"pods\",\"*/ephemeralcontainers\"", "")), at_status, left_out},
        {false, WITHOUT(RULE("\"*\"", "\"services\"", "")), NULL, NULL},
        {false, WITHOUT(CREATION), at_creation, excluded},
        {false, WITHOUT(RULE("\"UPDATE\"", "\"pods/status\"", ",\"resourceNames\":[\"a\"]")), at_status,
         excluded},
        {false, OBJECTS(""), NULL, NULL},
        {false, OBJECTS(SANDBOXES), NULL, NULL},
        {false, OBJECTS(EXPRESSION("openshell.ai/managed-by", "Exists")), NULL, NULL},
        {false, OBJECTS("\"matchLabels\":{\"a\":\"b\"}"), pods, unselected},
        {false, OBJECTS(SANDBOXES "," EXPRESSION("a", "DoesNotExist")), pods, unselected},
        {true, RULES(RULE("\"CREATE\"", "\"bindings\",\"pods/binding\"", "")), NULL, NULL},
        {true, RULES(RULE("\"CREATE\"", "\"bindings\"", "")), "at CREATE of pods/binding, which", left_out},
        {true, WITHOUT(RULE("\"*\"", "\"bindings\"", "")), "at CREATE of bindings, which", excluded},
        {true, OBJECTS(""), NULL, NULL},
        {true, OBJECTS(SANDBOXES), bindings, unselected},
        {true, OBJECTS(EXPRESSION("a", "DoesNotExist")), bindings, unselected},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct policy_request request = {.is_about_bindings = cases[i].is_about_bindings};
        expect_scope(&request, cases[i].scope, cases[i].before_member, cases[i].behind_member);
    }
}

static void namespace_must_admit_what_the_topology_needs(void **state)
{
    (void) state;
    static const struct {
        const char *options, *labels;
        enum check_result result;
        const char *part;
    } cases[] = {
        {NULL, "{}", CHECK_OK, "is not set"},
        {NULL, "{\"pod-security.kubernetes.io/warn\":\"restricted\"}", CHECK_OK, "is not set"},
        {NULL, "{\"pod-security.kubernetes.io/enforce\":\"privileged\"}", CHECK_OK, "is privileged"},
        {NULL, "{\"pod-security.kubernetes.io/enforce\":\"baseline\"}", CHECK_FAILED, "SYS_ADMIN"},
        {"topology=sidecar", "{\"pod-security.kubernetes.io/enforce\":\"baseline\"}", CHECK_FAILED,
         "openshell-network-init"},
        {"topology=sidecar", "{\"pod-security.kubernetes.io/enforce\":\"restricted\"}", CHECK_FAILED,
         "is restricted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        struct checkup checkup = {0};
        struct configuration *configuration = configuration_fixture_make(cases[i].options);
        snprintf(text, sizeof text, "{\"metadata\":{\"labels\":%s}}", cases[i].labels);
        _cleanup_(cJSON_Deletep) cJSON *object = checkup_fixture_parse(text);
        doctor_judge_namespace(object, "openshell", configuration, &checkup);
        checkup_fixture_expect(&checkup, "namespace", CHECK_OK, "namespace openshell exists");
        checkup_fixture_expect(&checkup, "namespace.pod-security", cases[i].result, cases[i].part);
        checkup_done(&checkup);
        configuration_free(configuration);
    }
}

static void namespace_must_be_there_and_stay(void **state)
{
    (void) state;
    struct checkup checkup = {0};
    struct configuration *configuration = configuration_fixture_make(NULL);
    doctor_judge_namespace(NULL, "openshell", configuration, &checkup);
    assert_int_equal(checkup.count, 1);
    checkup_fixture_expect(&checkup, "namespace", CHECK_FAILED, "does not exist");
    checkup_done(&checkup);
    _cleanup_(cJSON_Deletep) cJSON *object =
        checkup_fixture_parse("{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    doctor_judge_namespace(object, "openshell", configuration, &checkup);
    checkup_fixture_expect(&checkup, "namespace", CHECK_FAILED, "is being deleted");
    checkup_done(&checkup);
    configuration_free(configuration);
}

static void keys_of_a_secret_are_told_from_its_managers(void **state)
{
    (void) state;
    static const char *const keys[] = {"a.crt", "b", NULL};
    static const struct {
        const char *fields;
        enum check_result result;
        const char *part;
    } cases[] = {
        {"[{\"fieldsV1\":{\"f:data\":{\".\":{},\"f:a.crt\":{},\"f:b\":{},\"f:c\":{}}}}]", CHECK_OK,
         "has its keys"},
        {"[{\"fieldsV1\":{\"f:data\":{\"f:a.crt\":{}}}},{\"fieldsV1\":{\"f:data\":{\"f:b\":{}}}}]", CHECK_OK,
         "has its keys"},
        {"[{\"fieldsV1\":{\"f:stringData\":{\"f:a.crt\":{},\"f:b\":{}}}}]", CHECK_WARNING,
         "does not tell whether it has a.crt, b"},
        {"[{\"fieldsV1\":{\"f:stringData\":{\"f:b\":{}}}},{\"fieldsV1\":{\"f:data\":{\"f:a.crt\":{}}}}]",
         CHECK_WARNING, "does not tell whether it has b"},
        {"[{\"fieldsV1\":{\"f:data\":{\"f:a.crt\":{}}}}]", CHECK_FAILED, "lacks b"},
        {"[{\"fieldsV1\":{\"f:data\":{\".\":{}}}}]", CHECK_FAILED, "lacks a.crt, b"},
        {"[{\"fieldsV1\":{\"f:metadata\":{\"f:a.crt\":{},\"f:b\":{}}}}]", CHECK_WARNING,
         "does not tell whether it has a.crt, b"},
        {"[]", CHECK_WARNING, "does not tell"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct checkup checkup = {0};
        snprintf(text, sizeof text, "{\"metadata\":{\"managedFields\":%s}}", cases[i].fields);
        _cleanup_(cJSON_Deletep) cJSON *object = checkup_fixture_parse(text);
        const struct secret_request request = {.check = "secret.x",
                                               .option = "x.secretName",
                                               .namespace_name = "openshell",
                                               .name = "s",
                                               .keys = keys,
                                               .object = object};
        doctor_judge_secret(&request, &checkup);
        checkup_fixture_expect(&checkup, "secret.x", cases[i].result, cases[i].part);
        checkup_done(&checkup);
    }
}

static void secret_that_is_missing_is_named_with_its_option(void **state)
{
    (void) state;
    static const char *const keys[] = {"a", NULL};
    struct checkup checkup = {0};
    const struct secret_request request = {.check = "secret.x",
                                           .option = "x.secretName",
                                           .namespace_name = "openshell",
                                           .name = "s",
                                           .keys = keys};
    doctor_judge_secret(&request, &checkup);
    checkup_fixture_expect(&checkup, "secret.x", CHECK_FAILED,
                           "Secret s does not exist in namespace openshell");
    assert_non_null(strstr(checkup.items[0].advice, "x.secretName"));
    checkup_done(&checkup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_need_their_version),
        cmocka_unit_test(options_that_need_nothing_are_not_asked_about),
        cmocka_unit_test(version_itself_is_judged),
        cmocka_unit_test(endpoints_that_are_ready_are_counted),
        cmocka_unit_test(policy_must_be_in_force),
        cmocka_unit_test(policy_must_take_in_all_that_it_is_about),
        cmocka_unit_test(namespace_must_admit_what_the_topology_needs),
        cmocka_unit_test(namespace_must_be_there_and_stay),
        cmocka_unit_test(keys_of_a_secret_are_told_from_its_managers),
        cmocka_unit_test(secret_that_is_missing_is_named_with_its_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
