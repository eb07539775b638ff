/* Our own output, seen again: untouched it needs nothing; what another webhook changed is put right, with its
 * reason. */
#include "common/cleanup.h"
#include "tests/support/pod_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const topologies[] = {
    "topology=combined",
    "topology=combined supervisor-sideload-method=init-container enable-user-namespaces=true",
    "topology=sidecar app-armor-profile=Unconfined seccomp-profile=Unconfined",
    "topology=sidecar sidecar-kind=native supervisor-sideload-method=init-container host-gateway-ip=10.0.0.1",
    /* In parentheses: two lines, and no comma forgotten. */
    ("topology=sidecar client-tls-secret-name=tls "
     "provider-spiffe-workload-api-socket-path=/spiffe/agent.sock "
     "credential=service-account"),
};

static const char workspace_pod[] =
    "{\"spec\":{\"volumes\":[{\"name\":\"workspace\",\"persistentVolumeClaim\":{\"claimName\":\"w\"}}],"
    "\"containers\":[{\"name\":\"agent\",\"image\":\"i\",\"command\":[\"/bin/"
    "app\"],\"args\":[\"-x\"],\"tty\":true,"
    "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"OPENSHELL_LOG_LEVEL\",\"value\":\"debug\"}],"
    "\"volumeMounts\":[{\"name\":\"workspace\",\"mountPath\":\"/sandbox\"}]}]}}";

/* A supervised pod and its configuration. */
struct supervised {
    struct configuration *configuration;
    cJSON *pod;
};

static struct supervised supervise(const char *flags)
{
    struct supervised supervised = {configuration_fixture_make(flags), pod_fixture_make(workspace_pod)};
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.decision, INJECTION_INJECTED);
    injection_result_done(&result);
    return supervised;
}

static void supervised_done(struct supervised *supervised)
{
    cJSON_Delete(supervised->pod);
    configuration_free(supervised->configuration);
}

static cJSON *agent_of(const struct supervised *supervised)
{
    return json_member(json_member(supervised->pod, "spec"), "containers")->child;
}

static cJSON *parse(const char *text)
{
    cJSON *value = cJSON_Parse(text);
    assert_non_null(value);
    return value;
}

/* Runs again; expects just one operation, on `path`, which then is all that was needed. */
static void expect_one_repair(struct supervised *supervised, const char *verb, const char *path)
{
    struct injection_result result = injection_fixture_run(supervised->pod, supervised->configuration);
    for (size_t i = 0; i < result.denials.count; i++)
        print_message("denied: %s\n", result.denials.items[i].message);
    assert_int_equal(result.decision, INJECTION_INJECTED);
    for (size_t i = 0; result.operation_count != 1 && i < result.operation_count; i++)
        print_message("%s %s\n", result.operations[i].verb, result.operations[i].path);
    assert_int_equal(result.operation_count, 1);
    assert_string_equal(result.operations[0].verb, verb);
    assert_string_equal(result.operations[0].path, path);
    assert_true(*result.operations[0].reason);
    injection_result_done(&result);

    result = injection_fixture_run(supervised->pod, supervised->configuration);
    assert_int_equal(result.decision, INJECTION_UNCHANGED);
    injection_result_done(&result);
}

static void finds_nothing_to_do_on_its_own_output(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof topologies / sizeof *topologies; i++) {
        struct supervised supervised = supervise(topologies[i]);
        struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
        for (size_t j = 0; j < result.denials.count; j++)
            print_message("%s: denied: %s: %s\n", topologies[i], result.denials.items[j].field,
                          result.denials.items[j].message);
        assert_int_equal(result.decision, INJECTION_UNCHANGED);
        injection_result_done(&result);
        supervised_done(&supervised);
    }
}

static void takes_out_what_was_added_to_the_agent(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=combined");
    cJSON *agent = agent_of(&supervised);
    cJSON *context = json_member(agent, "securityContext");
    cJSON_AddTrueToObject(context, "privileged");
    expect_one_repair(&supervised, "remove", "/spec/containers/0/securityContext/privileged");
    cJSON_AddItemToArray(json_member(json_member(context, "capabilities"), "add"),
                         cJSON_CreateString("SYS_MODULE"));
    expect_one_repair(&supervised, "replace", "/spec/containers/0/securityContext/capabilities");
    cJSON_AddItemToObject(agent, "args", parse("[\"--evil\"]"));
    expect_one_repair(&supervised, "remove", "/spec/containers/0/args");
    cJSON_InsertItemInArray(json_member(agent, "env"), 0,
                            parse("{\"name\":\"OPENSHELL_POLICY_RULES\",\"value\":\"x\"}"));
    expect_one_repair(&supervised, "remove", "/spec/containers/0/env/0");
    cJSON_InsertItemInArray(
        json_member(agent, "volumeMounts"), 0,
        parse("{\"name\":\"workspace\",\"mountPath\":\"/opt/openshell/bin/openshell-sandbox\"}"));
    expect_one_repair(&supervised, "remove", "/spec/containers/0/volumeMounts/0");
    supervised_done(&supervised);
}

static void puts_back_what_was_changed_on_the_agent(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=combined");
    cJSON *agent = agent_of(&supervised);
    cJSON_ReplaceItemInObjectCaseSensitive(agent, "command",
                                           parse("[\"/opt/openshell/bin/openshell-sandbox\","
                                                 "\"--workdir\",\"/sandbox\"]"));
    cJSON_ReplaceItemInObjectCaseSensitive(json_member(agent, "securityContext"), "runAsUser",
                                           cJSON_CreateNumber(5));
    expect_one_repair(&supervised, "replace", "/spec/containers/0/securityContext/runAsUser");
    cJSON_DeleteItemFromObject(agent, "securityContext");
    expect_one_repair(&supervised, "add", "/spec/containers/0/securityContext");
    supervised_done(&supervised);
}

static void follows_variables_that_another_webhook_added(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=combined");
    cJSON *environment = json_member(agent_of(&supervised), "env");
    cJSON_AddItemToArray(environment, parse("{\"name\":\"ADDED\",\"value\":\"2\"}"));
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.operation_count, 1);
    assert_string_equal(result.operations[0].verb, "replace");
    assert_non_null(strstr(result.operations[0].value, "\\\"ADDED\\\":\\\"2\\\""));
    injection_result_done(&result);
    supervised_done(&supervised);
}

static void keeps_our_init_containers_first(void **state)
{
    (void) state;
    struct supervised supervised =
        supervise("topology=sidecar supervisor-sideload-method=init-container allowedContainers=[mesh-init]");
    cJSON *list = json_member(json_member(supervised.pod, "spec"), "initContainers");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    cJSON_InsertItemInArray(list, 0, parse("{\"name\":\"mesh-init\",\"image\":\"m\"}"));
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.operation_count, 3);
    assert_string_equal(result.operations[0].verb, "move");
    assert_string_equal(result.operations[0].from, "/spec/initContainers/1");
    assert_string_equal(result.operations[0].path, "/spec/initContainers/0");
    injection_result_done(&result);
    const char *first = json_member(list->child, "name")->valuestring;
    assert_string_equal(first, "openshell-supervisor-install");
    supervised_done(&supervised);
}

static void restores_the_network_supervisor(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=sidecar");
    cJSON *containers = json_member(json_member(supervised.pod, "spec"), "containers");
    cJSON *network = cJSON_GetArrayItem(containers, 1);
    assert_string_equal(json_member(network, "name")->valuestring, "openshell-supervisor-network");
    cJSON_ReplaceItemInObjectCaseSensitive(network, "image", cJSON_CreateString("evil"));
    expect_one_repair(&supervised, "replace", "/spec/containers/1/image");
    cJSON_AddItemToObject(network, "lifecycle", parse("{\"postStart\":{\"exec\":{\"command\":[\"x\"]}}}"));
    expect_one_repair(&supervised, "remove", "/spec/containers/1/lifecycle");
    cJSON_InsertItemInArray(json_member(network, "env"), 0,
                            parse("{\"name\":\"LD_PRELOAD\",\"value\":\"x\"}"));
    expect_one_repair(&supervised, "remove", "/spec/containers/1/env/0");
    cJSON_AddItemToObject(json_member(network, "volumeMounts")->child, "subPath", cJSON_CreateString("x"));
    expect_one_repair(&supervised, "replace", "/spec/containers/1/volumeMounts/0");
    cJSON_DeleteItemFromArray(containers, 1);
    expect_one_repair(&supervised, "add", "/spec/containers/-");
    supervised_done(&supervised);
}

/* What the API server adds to a pod of ours must not look like a change. */
static void takes_the_defaults_of_the_api_server_as_its_own(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=sidecar");
    cJSON *spec = json_member(supervised.pod, "spec");
    cJSON_AddStringToObject(spec, "dnsPolicy", "ClusterFirst");
    cJSON *volume;
    cJSON_ArrayForEach(volume, json_member(spec, "volumes"))
    {
        if (json_member(volume, "image"))
            cJSON_AddStringToObject(json_member(volume, "image"), "pullPolicy", "IfNotPresent");
    }
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        cJSON *container;
        cJSON_ArrayForEach(container, json_member(spec, lists[i]))
        {
            cJSON_AddStringToObject(container, "terminationMessagePath", "/dev/termination-log");
            cJSON_AddStringToObject(container, "imagePullPolicy", "IfNotPresent");
            cJSON_AddObjectToObject(container, "resources");
            cJSON_AddStringToObject(json_member(container, "securityContext"), "procMount", "Default");
        }
    }
    /* workspace-init repeats the agent's pull policy, which it now has. */
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.decision, INJECTION_UNCHANGED);
    injection_result_done(&result);
    supervised_done(&supervised);
}

static void denies_a_marked_pod_whose_volume_was_swapped(void **state)
{
    (void) state;
    struct supervised supervised = supervise("topology=combined");
    cJSON *volumes = json_member(json_member(supervised.pod, "spec"), "volumes");
    cJSON *volume;
    size_t index = 0, found = 0;
    cJSON_ArrayForEach(volume, volumes)
    {
        if (strcmp(json_member(volume, "name")->valuestring, "openshell-supervisor-bin") == 0)
            found = index;
        index++;
    }
    cJSON_ReplaceItemInArray(
        volumes, (int) found,
        parse("{\"name\":\"openshell-supervisor-bin\",\"image\":{\"reference\":\"evil\"}}"));
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.decision, INJECTION_DENIED);
    assert_string_equal(result.denials.items[0].reason, "ReservedVolume");
    injection_result_done(&result);
    supervised_done(&supervised);
}

/* A pod that claims to be ours must keep from the supervisor's directories, as any other. */
static void denies_mounts_over_control_roots_that_are_not_ours_to_mount(void **state)
{
    (void) state;
    static const char *const paths[] = {"/run/openshell", "/run/netns", "/etc/openshell",
                                        "/etc/openshell-tls/other", "/opt/openshell/lib"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct supervised supervised = supervise("topology=combined");
        cJSON *mount = parse("{\"name\":\"workspace\"}");
        cJSON_AddStringToObject(mount, "mountPath", paths[i]);
        cJSON_AddItemToArray(json_member(agent_of(&supervised), "volumeMounts"), mount);
        struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
        assert_int_equal(result.decision, INJECTION_DENIED);
        assert_string_equal(result.denials.items[0].reason, "ControlPathMount");
        injection_result_done(&result);
        supervised_done(&supervised);
    }
}

static void takes_out_mounts_over_the_supervisors_program(void **state)
{
    (void) state;
    static const char *const paths[] = {"/openshell-sandbox", "/", "/lib", "/usr", "/etc/ld.so.preload"};
    struct supervised supervised = supervise("topology=sidecar");
    cJSON *network = cJSON_GetArrayItem(json_member(json_member(supervised.pod, "spec"), "containers"), 1);
    cJSON *mounts = json_member(network, "volumeMounts");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cJSON *mount = parse("{\"name\":\"workspace\"}");
        cJSON_AddStringToObject(mount, "mountPath", paths[i]);
        cJSON_InsertItemInArray(mounts, 0, mount);
        expect_one_repair(&supervised, "remove", "/spec/containers/1/volumeMounts/0");
    }
    cJSON_AddItemToArray(mounts, parse("{\"name\":\"workspace\",\"mountPath\":\"/etc/ssl/certs\"}"));
    struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
    assert_int_equal(result.decision, INJECTION_UNCHANGED);
    injection_result_done(&result);
    supervised_done(&supervised);
}

/* What the edits leave alone in our containers is held to the same rules as in the user's. */
static void denies_secrets_and_host_ports_in_our_containers(void **state)
{
    (void) state;
    static const struct {
        const char *key, *value, *reason;
    } cases[] = {
        {"env",
         "[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"openshell-sandbox-b\",\"key\":\"k\"}}}"
         "]",
         "SandboxSecret"},
        {"ports", "[{\"containerPort\":1,\"hostPort\":22}]", "PodSecurityBaseline"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct supervised supervised = supervise("topology=combined");
        cJSON *seed = json_member(json_member(supervised.pod, "spec"), "initContainers")->child;
        assert_string_equal(json_member(seed, "name")->valuestring, "workspace-init");
        cJSON_AddItemToObject(seed, cases[i].key, parse(cases[i].value));
        struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
        assert_int_equal(result.decision, INJECTION_DENIED);
        assert_string_equal(result.denials.items[0].reason, cases[i].reason);
        injection_result_done(&result);
        supervised_done(&supervised);
    }
}

/* A pod that claims to be ours must not bring a container of its own under one of our names. */
static void denies_a_second_container_of_our_name(void **state)
{
    (void) state;
    static const struct {
        const char *flags, *list, *name;
    } cases[] = {
        {"topology=sidecar", "containers", "openshell-network-init"},
        {"topology=sidecar", "initContainers", "openshell-network-init"},
        {"topology=sidecar", "containers", "openshell-supervisor-network"},
        {"topology=sidecar", "initContainers", "openshell-supervisor-network"},
        {"topology=sidecar sidecar-kind=native", "containers", "openshell-supervisor-network"},
        {"topology=combined supervisor-sideload-method=init-container", "containers",
         "openshell-supervisor-install"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct supervised supervised = supervise(cases[i].flags);
        cJSON *container = parse("{\"image\":\"evil\",\"securityContext\":{\"privileged\":true}}");
        cJSON_AddStringToObject(container, "name", cases[i].name);
        cJSON_AddItemToArray(json_member(json_member(supervised.pod, "spec"), cases[i].list), container);
        struct injection_result result = injection_fixture_run(supervised.pod, supervised.configuration);
        assert_int_equal(result.decision, INJECTION_DENIED);
        assert_string_equal(result.denials.items[0].reason, "ReservedContainer");
        injection_result_done(&result);
        supervised_done(&supervised);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_to_do_on_its_own_output),
        cmocka_unit_test(takes_out_what_was_added_to_the_agent),
        cmocka_unit_test(puts_back_what_was_changed_on_the_agent),
        cmocka_unit_test(follows_variables_that_another_webhook_added),
        cmocka_unit_test(keeps_our_init_containers_first),
        cmocka_unit_test(restores_the_network_supervisor),
        cmocka_unit_test(takes_the_defaults_of_the_api_server_as_its_own),
        cmocka_unit_test(denies_a_marked_pod_whose_volume_was_swapped),
        cmocka_unit_test(denies_mounts_over_control_roots_that_are_not_ours_to_mount),
        cmocka_unit_test(takes_out_mounts_over_the_supervisors_program),
        cmocka_unit_test(denies_secrets_and_host_ports_in_our_containers),
        cmocka_unit_test(denies_a_second_container_of_our_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
