#include "common/cleanup.h"
#include "tests/support/pod_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RANGE "openshift.io/sa.scc.uid-range"
#define GROUPS "openshift.io/sa.scc.supplemental-groups"

/* What the agent is told with these flags and annotations: "uid:gid", or the denial's reason. */
static void assert_user(const char *flags, const char *uid_range, const char *groups, const char *expected)
{
    const struct configuration_flag none = {.name = "topology", .value = "sidecar"};
    struct configuration_flag list[4] = {none};
    size_t count = 1;
    _cleanup_(freep) char *text = strdup(flags);
    char *rest = text;
    for (char *flag; (flag = strsep(&rest, " ")) && *flag;) {
        char *value = strchr(flag, '=');
        *value++ = '\0';
        list[count++] = (struct configuration_flag){.name = flag, .value = value};
    }
    struct error error;
    struct configuration *configuration = NULL;
    assert_true(configuration_load(&(struct configuration_sources){.flags = list, .flag_count = count},
                                   &error, &configuration));
    _cleanup_(cJSON_Deletep) cJSON *annotations = cJSON_CreateObject();
    if (uid_range)
        cJSON_AddStringToObject(annotations, RANGE, uid_range);
    if (groups)
        cJSON_AddStringToObject(annotations, GROUPS, groups);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(NULL);
    assert_int_equal(injection_needs_namespace(pod, configuration), !strstr(flags, "sandbox-uid"));
    const struct injection_request request = {
        .pod = pod, .namespace_annotations = annotations, .configuration = configuration};
    struct injection_result result;
    assert_true(injection_run(&request, &error, &result));
    char found[64];
    if (result.decision == INJECTION_DENIED) {
        snprintf(found, sizeof found, "%s", result.denials.items[0].reason);
    } else {
        const cJSON *agent = json_member(json_member(pod, "spec"), "containers")->child;
        const cJSON *context = json_member(agent, "securityContext");
        snprintf(found, sizeof found, "%.0f:%.0f", json_member(context, "runAsUser")->valuedouble,
                 json_member(context, "runAsGroup")->valuedouble);
    }
    assert_string_equal(found, expected);
    injection_result_done(&result);
    configuration_free(configuration);
}

static void takes_the_configuration_first(void **state)
{
    (void) state;
    assert_user("sandbox-uid=5 sandbox-gid=6", "7/8", "9/10", "5:6");
    assert_user("sandbox-uid=5", "7/8", "9/10", "5:5");
    assert_user("sandbox-gid=6", "7/8", "9/10", "7:6");
    assert_user("sandbox-uid=5", "malformed", "malformed", "5:5");
}

static void takes_the_start_of_the_namespaces_ranges(void **state)
{
    (void) state;
    assert_user("", "1000680000/10000", "1000690000/10000", "1000680000:1000690000");
    assert_user("", "1000680000/10000", NULL, "1000680000:1000680000");
    assert_user("", NULL, "1000690000/10000", "1000:1000690000");
    assert_user("", "2000-3000", "4000-4000,5000/1", "2000:4000");
    assert_user("", NULL, NULL, "1000:1000");
}

static void denies_ranges_that_are_malformed_or_zero(void **state)
{
    (void) state;
    static const char *const ranges[] = {
        "",     "1000", "1000/", "/5",  "0/5",          "5/0",  "a/5",     "5/a",
        "5/5 ", " 5/5", "5/5,",  "9-5", "4294967295/1", "-1/5", "5/5,0/1", "99999999999999999999/1"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_user("", ranges[i], NULL, "NamespaceRangeInvalid");
}

static void takes_the_largest_uid_and_denies_one_more(void **state)
{
    (void) state;
    assert_user("", "4294967294/1", NULL, "4294967294:4294967294");
    assert_user("", "4294967295/1", NULL, "NamespaceRangeInvalid");
}

static void denies_a_sandbox_that_would_be_the_proxy(void **state)
{
    (void) state;
    assert_user("", "1337/100", NULL, "ProxyUserConflict");
    assert_user("proxy-uid=4242", "1337/100", NULL, "1337:1337");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_configuration_first),
        cmocka_unit_test(takes_the_start_of_the_namespaces_ranges),
        cmocka_unit_test(denies_ranges_that_are_malformed_or_zero),
        cmocka_unit_test(takes_the_largest_uid_and_denies_one_more),
        cmocka_unit_test(denies_a_sandbox_that_would_be_the_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
