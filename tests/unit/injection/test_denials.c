/* Every denial: which field, which stable reason; and the nearest thing that passes. */
#include "common/cleanup.h"
#include "tests/support/pod_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A pod, made by a merge patch, that must be denied (or, without a reason, pass). */
struct denial_case {
    const char *flags;
    const char *patch;
    const char *reason;
    const char *field;
};

#define AGENT "{\"name\":\"agent\",\"image\":\"i\",\"command\":[\"/bin/app\"]"
#define LABELS(id, name)                                                                                     \
    "{\"metadata\":{\"labels\":{\"openshell.ai/sandbox-id\":" id ",\"openshell.ai/sandbox-name\":" name "}}" \
    "}"
#define CONTAINERS(rest) "{\"spec\":{\"containers\":[" rest "]}}"
#define WITH_AGENT(members) CONTAINERS(AGENT "," members "}")
#define BESIDE(container) CONTAINERS(AGENT "}," container)

static void print_denials(const struct injection_result *result)
{
    for (size_t i = 0; i < result->denials.count; i++)
        print_message("denied: %s %s: %s\n", result->denials.items[i].reason, result->denials.items[i].field,
                      result->denials.items[i].message);
}

static void check(const struct denial_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct configuration *configuration = configuration_fixture_make(cases[i].flags);
        _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(cases[i].patch);
        struct injection_result result = injection_fixture_run(pod, configuration);
        bool is_denied = result.decision == INJECTION_DENIED;
        bool is_expected =
            cases[i].reason
                ? is_denied && injection_fixture_find_denial(&result, cases[i].reason, cases[i].field)
                : !is_denied;
        if (!is_expected) {
            print_denials(&result);
            fail_msg("case %zu: %s: expected %s at %s", i, cases[i].patch,
                     cases[i].reason ? cases[i].reason : "no denial", cases[i].field ? cases[i].field : "-");
        }
        injection_result_done(&result);
        configuration_free(configuration);
    }
}

#define CHECK(table) check(table, sizeof table / sizeof *table)

static void denies_labels_that_name_no_sandbox(void **state)
{
    (void) state;
    static const char id[] = "metadata.labels[openshell.ai/sandbox-id]";
    static const char name[] = "metadata.labels[openshell.ai/sandbox-name]";
    static const struct denial_case cases[] = {
        {NULL, LABELS("null", "\"a\""), "SandboxLabelMissing", id},
        {NULL, LABELS("\"a\"", "null"), "SandboxLabelMissing", name},
        {NULL, LABELS("\"\"", "\"a\""), "SandboxLabelInvalid", id},
        {NULL, LABELS("\"-a\"", "\"a\""), "SandboxLabelInvalid", id},
        {NULL, LABELS("\"A\"", "\"a\""), "SandboxLabelInvalid", id},
        {NULL, LABELS("\"a\"", "\"a--b\""), "SandboxLabelInvalid", name},
        {NULL, LABELS("\"a\"", "\"a-\""), "SandboxLabelInvalid", name},
        {NULL, LABELS("\"a\"", "\"nineteen-characters\""), NULL, NULL},
        {NULL, LABELS("\"a\"", "\"twenty-characters-ab\""), "SandboxLabelInvalid", name},
        {NULL, "{\"metadata\":{\"labels\":{\"openshell.ai/sandbox-workspace\":\"Bad\"}}}",
         "SandboxLabelInvalid", "metadata.labels[openshell.ai/sandbox-workspace]"},
        {NULL, "{\"metadata\":{\"labels\":{\"openshell.ai/sandbox-workspace\":null}}}", NULL, NULL},
    };
    CHECK(cases);
}

static void takes_ids_of_63_bytes_and_not_of_64(void **state)
{
    (void) state;
    static const struct denial_case cases[] = {
        {NULL, LABELS("\"a23456789012345678901234567890123456789012345678901234567890123\"", "\"a\""), NULL,
         NULL},
        {NULL, LABELS("\"a234567890123456789012345678901234567890123456789012345678901234\"", "\"a\""),
         "SandboxLabelInvalid", "metadata.labels[openshell.ai/sandbox-id]"},
    };
    CHECK(cases);
}

static void denies_what_a_sandbox_pod_may_not_be(void **state)
{
    (void) state;
    static const struct denial_case cases[] = {
        {NULL, "{\"spec\":{\"restartPolicy\":null}}", "RestartPolicy", "spec.restartPolicy"},
        {NULL, "{\"spec\":{\"restartPolicy\":\"OnFailure\"}}", "RestartPolicy", "spec.restartPolicy"},
        {NULL, WITH_AGENT("\"restartPolicy\":\"Always\""), "RestartPolicy",
         "spec.containers[0].restartPolicy"},
        {NULL, WITH_AGENT("\"restartPolicy\":\"Never\""), NULL, NULL},
        {NULL, WITH_AGENT("\"restartPolicy\":\"Never\",\"restartPolicyRules\":[{\"action\":\"Restart\"}]"),
         "RestartPolicy", "spec.containers[0].restartPolicyRules"},
        {NULL, "{\"spec\":{\"automountServiceAccountToken\":null}}", "ServiceAccountToken",
         "spec.automountServiceAccountToken"},
        {"allow-service-account-token=true", "{\"spec\":{\"automountServiceAccountToken\":null}}", NULL,
         NULL},
        {NULL, "{\"metadata\":{\"annotations\":{\"openshell.io/sandbox-id\":\"other\"}}}",
         "SandboxAnnotationMismatch", "metadata.annotations[openshell.io/sandbox-id]"},
        {NULL, "{\"metadata\":{\"annotations\":{\"openshell.io/sandbox-id\":\"5b1c-1\"}}}", NULL, NULL},
        {NULL, "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"debug\"}]}}", "EphemeralContainers",
         "spec.ephemeralContainers"},
        {NULL, "{\"spec\":{\"securityContext\":{\"runAsNonRoot\":true}}}", "RunAsNonRoot",
         "spec.securityContext.runAsNonRoot"},
        {NULL, "{\"spec\":{\"securityContext\":{\"runAsUser\":5}}}", "RunAsUser",
         "spec.securityContext.runAsUser"},
        {"topology=sidecar", "{\"spec\":{\"securityContext\":{\"runAsUser\":5}}}", NULL, NULL},
    };
    CHECK(cases);
}

static void denies_agents_that_cannot_be_supervised(void **state)
{
    (void) state;
    static const struct denial_case cases[] = {
        {NULL, CONTAINERS("{\"name\":\"agent\",\"image\":\"i\",\"args\":[\"x\"]}"), "ArgumentsWithoutCommand",
         "spec.containers[0].args"},
        {NULL, CONTAINERS("{\"name\":\"agent\",\"image\":\"i\",\"command\":[\"\"]}"), "MainProcessInvalid",
         "spec.containers[0].command"},
        {NULL,
         CONTAINERS(
             "{\"name\":\"agent\",\"image\":\"i\",\"command\":[\"/opt/openshell/bin/openshell-sandbox\","
             "\"--workdir\",\"/sandbox\"]}"),
         "MainProcessInvalid", "spec.containers[0].env"},
        {NULL, WITH_AGENT("\"envFrom\":[{\"configMapRef\":{\"name\":\"c\"}}]"), "EnvironmentFrom",
         "spec.containers[0].envFrom"},
        {NULL, WITH_AGENT("\"env\":[{\"name\":\"OPENSHELL_ENDPOINT\",\"value\":\"http://evil\"}]"),
         "ProtectedEnvironment", "spec.containers[0].env[0]"},
        {NULL, WITH_AGENT("\"env\":[{\"name\":\"OPENSHELL_POLICY_DATA\",\"value\":\"\"}]"),
         "ProtectedEnvironment", "spec.containers[0].env[0]"},
        {NULL, WITH_AGENT("\"env\":[{\"name\":\"OPENSHELL_LOG_LEVEL\",\"value\":\"debug\"}]"), NULL, NULL},
        {NULL, WITH_AGENT("\"env\":[{\"name\":\"OPENSHELL_SANDBOX_UID\",\"value\":\"1000\"}]"), NULL, NULL},
        {NULL, WITH_AGENT("\"env\":[{\"name\":\"OPENSHELL_SANDBOX_UID\",\"value\":\"0\"}]"),
         "ProtectedEnvironment", "spec.containers[0].env[0]"},
        {NULL, WITH_AGENT("\"lifecycle\":{\"postStart\":{\"exec\":{\"command\":[\"x\"]}}}"), "ExecHandler",
         "spec.containers[0].lifecycle.postStart.exec"},
        {NULL, WITH_AGENT("\"livenessProbe\":{\"exec\":{\"command\":[\"x\"]}}"), "ExecHandler",
         "spec.containers[0].livenessProbe.exec"},
        {NULL, WITH_AGENT("\"livenessProbe\":{\"tcpSocket\":{\"port\":1}}"), NULL, NULL},
        {"topology=sidecar", WITH_AGENT("\"livenessProbe\":{\"exec\":{\"command\":[\"x\"]}}"), NULL, NULL},
        {NULL, WITH_AGENT("\"securityContext\":{\"runAsNonRoot\":true}"), "RunAsNonRoot",
         "spec.containers[0].securityContext.runAsNonRoot"},
        {NULL, WITH_AGENT("\"securityContext\":{\"readOnlyRootFilesystem\":true}"), "ReadOnlyRootFilesystem",
         "spec.containers[0].securityContext.readOnlyRootFilesystem"},
        {NULL, WITH_AGENT("\"securityContext\":{\"runAsUser\":7}"), "RunAsUser",
         "spec.containers[0].securityContext.runAsUser"},
        {NULL, WITH_AGENT("\"securityContext\":{\"runAsUser\":0}"), NULL, NULL},
        {"topology=sidecar",
         WITH_AGENT(
             "\"securityContext\":{\"runAsUser\":7,\"runAsNonRoot\":true,\"readOnlyRootFilesystem\":true}"),
         NULL, NULL},
    };
    CHECK(cases);
}

static void denies_other_containers_that_the_fence_misses(void **state)
{
    (void) state;
    static const char user[] = "spec.containers[1].securityContext.runAsUser";
    static const struct denial_case cases[] = {
        {NULL, BESIDE("{\"name\":\"helper\",\"image\":\"h\"}"), "UnsupervisedContainer",
         "spec.containers[1]"},
        {"allowedContainers=[helper]", BESIDE("{\"name\":\"helper\",\"image\":\"h\"}"), NULL, NULL},
        {NULL, "{\"spec\":{\"initContainers\":[{\"name\":\"helper\",\"image\":\"h\"}]}}",
         "UnsupervisedContainer", "spec.initContainers[0]"},
        {"topology=sidecar", BESIDE("{\"name\":\"helper\",\"image\":\"h\"}"), "ContainerUser", user},
        {"topology=sidecar",
         BESIDE("{\"name\":\"helper\",\"image\":\"h\",\"securityContext\":{\"runAsUser\":0,"
                "\"allowPrivilegeEscalation\":false}}"),
         "ContainerUser", user},
        {"topology=sidecar",
         BESIDE("{\"name\":\"helper\",\"image\":\"h\",\"securityContext\":{\"runAsUser\":5}}"),
         "PrivilegeEscalation", "spec.containers[1].securityContext.allowPrivilegeEscalation"},
        {"topology=sidecar",
         BESIDE("{\"name\":\"helper\",\"image\":\"h\",\"securityContext\":{\"runAsUser\":5,"
                "\"allowPrivilegeEscalation\":false}}"),
         NULL, NULL},
        {"topology=sidecar sidecar-process-binary-aware-network-policy=false sidecar-proxy-uid=1337",
         BESIDE("{\"name\":\"helper\",\"image\":\"h\",\"securityContext\":{\"runAsUser\":1337,"
                "\"allowPrivilegeEscalation\":false}}"),
         "ContainerUser", user},
        {"topology=sidecar allowedContainers=[helper]", BESIDE("{\"name\":\"helper\",\"image\":\"h\"}"), NULL,
         NULL},
        {"topology=sidecar", "{\"spec\":{\"initContainers\":[{\"name\":\"helper\",\"image\":\"h\"}]}}",
         "ContainerUser", "spec.initContainers[0].securityContext.runAsUser"},
        {"topology=sidecar",
         "{\"spec\":{\"securityContext\":{\"runAsUser\":6},\"containers\":[" AGENT
         "},{\"name\":\"helper\",\"image\":\"h\",\"securityContext\":{\"allowPrivilegeEscalation\":false}}]}"
         "}",
         NULL, NULL},
        {"topology=sidecar", BESIDE("{\"name\":\"openshell-supervisor-network\",\"image\":\"h\"}"),
         "ReservedContainer", "spec.containers[1].name"},
        {NULL, "{\"spec\":{\"initContainers\":[{\"name\":\"workspace-init\",\"image\":\"h\"}]}}",
         "ReservedContainer", "spec.initContainers[0].name"},
    };
    CHECK(cases);
}

static void denies_volumes_and_mounts_of_the_supervisor(void **state)
{
    (void) state;
    static const char mount[] = "spec.containers[0].volumeMounts[0].mountPath";
#define MOUNT(path) WITH_AGENT("\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"" path "\"}]")
    static const struct denial_case cases[] = {
        {NULL, "{\"spec\":{\"volumes\":[{\"name\":\"openshell-supervisor-bin\",\"emptyDir\":{}}]}}",
         "ReservedVolume", "spec.volumes[0]"},
        {NULL, "{\"spec\":{\"volumes\":[{\"name\":\"openshell-sa-token\",\"emptyDir\":{}}]}}",
         "ReservedVolume", "spec.volumes[0]"},
        {NULL, "{\"spec\":{\"volumes\":[{\"name\":\"workspace\",\"emptyDir\":{}}]}}", "ReservedVolume",
         "spec.volumes[0]"},
        {NULL,
         "{\"spec\":{\"volumes\":[{\"name\":\"workspace\",\"persistentVolumeClaim\":{\"claimName\":\"x\"}}]}"
         "}",
         NULL, NULL},
        {NULL,
         "{\"spec\":{\"volumes\":[{\"name\":\"s\",\"secret\":{\"secretName\":\"openshell-sandbox-other\"}}]}"
         "}",
         "SandboxSecret", "spec.volumes[0].secret.secretName"},
        {NULL,
         "{\"spec\":{\"volumes\":[{\"name\":\"s\",\"projected\":{\"sources\":[{\"secret\":{\"name\":"
         "\"openshell-sandbox-other\"}}]}}]}}",
         "SandboxSecret", "spec.volumes[0].projected.sources[0].secret.name"},
        {NULL,
         "{\"spec\":{\"volumes\":[{\"name\":\"s\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
         "\"path\":"
         "\"t\"}}]}}]}}",
         "ServiceAccountToken", "spec.volumes[0].projected.sources[0].serviceAccountToken"},
        {"allow-service-account-token=true",
         "{\"spec\":{\"volumes\":[{\"name\":\"s\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
         "\"path\":"
         "\"t\",\"audience\":\"openshell-gateway\"}}]}}]}}",
         "ServiceAccountToken", "spec.volumes[0].projected.sources[0].serviceAccountToken"},
        {NULL,
         WITH_AGENT(
             "\"env\":[{\"name\":\"T\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"openshell-sandbox-x\","
             "\"key\":\"sandbox.jwt\"}}}]"),
         "SandboxSecret", "spec.containers[0].env[0].valueFrom.secretKeyRef.name"},
        {NULL, MOUNT("/opt/openshell"), "ControlPathMount", mount},
        {NULL, MOUNT("/opt/openshell/bin/x"), "ControlPathMount", mount},
        {NULL, MOUNT("/opt"), "ControlPathMount", mount},
        {NULL, MOUNT("/"), "ControlPathMount", mount},
        {NULL, MOUNT("/etc/openshell-tls/client"), "ControlPathMount", mount},
        {NULL, MOUNT("/var/run/netns"), "ControlPathMount", mount},
        {NULL, MOUNT("/run/netns/x"), "ControlPathMount", mount},
        {NULL, MOUNT("/run/secrets"), "ControlPathMount", mount},
        {NULL, MOUNT("/var/./run//secrets/../secrets/openshell"), "ControlPathMount", mount},
        {NULL, MOUNT("/opt/openshell2"), NULL, NULL},
        {NULL, MOUNT("/etc/app"), NULL, NULL},
        {NULL, MOUNT("/sandbox/data"), NULL, NULL},
        {"provider-spiffe-workload-api-socket-path=/spiffe/agent.sock", MOUNT("/spiffe/x"),
         "ControlPathMount", mount},
        {"supervisor-mount-path=/supervisor", MOUNT("/supervisor/x"), "ControlPathMount", mount},
        {NULL, WITH_AGENT("\"volumeMounts\":[{\"name\":\"openshell-sandbox-token\",\"mountPath\":\"/x\"}]"),
         "ReservedVolume", "spec.containers[0].volumeMounts[0].name"},
        {NULL,
         WITH_AGENT(
             "\"volumeMounts\":[{\"name\":\"workspace\",\"mountPath\":\"/sandbox\",\"subPath\":\"a\"}]"),
         "ReservedVolumeSubPath", "spec.containers[0].volumeMounts[0].subPath"},
    };
    CHECK(cases);
}

static void denies_what_the_baseline_forbids(void **state)
{
    (void) state;
    static const char reason[] = "PodSecurityBaseline";
    static const struct denial_case cases[] = {
        {NULL, "{\"spec\":{\"hostNetwork\":true}}", reason, "spec.hostNetwork"},
        {NULL, "{\"spec\":{\"hostPID\":true}}", reason, "spec.hostPID"},
        {NULL, "{\"spec\":{\"hostIPC\":true}}", reason, "spec.hostIPC"},
        {"pod-security=none", "{\"spec\":{\"hostNetwork\":true}}", NULL, NULL},
        {"topology=sidecar pod-security=none", "{\"spec\":{\"hostNetwork\":true}}", "HostNetwork",
         "spec.hostNetwork"},
        {"topology=sidecar pod-security=none", "{\"spec\":{\"hostNetwork\":false}}", NULL, NULL},
        {"topology=sidecar", "{\"spec\":{\"hostNetwork\":true}}", reason, "spec.hostNetwork"},
        {NULL, WITH_AGENT("\"securityContext\":{\"privileged\":true}"), reason,
         "spec.containers[0].securityContext.privileged"},
        {NULL, WITH_AGENT("\"securityContext\":{\"capabilities\":{\"add\":[\"SYS_BOOT\"]}}"), NULL, NULL},
        {"allowedContainers=[h]",
         BESIDE("{\"name\":\"h\",\"securityContext\":{\"capabilities\":{\"add\":[\"KILL\","
                "\"SYS_TIME\"]}}}"),
         reason, "spec.containers[1].securityContext.capabilities.add[1]"},
        {NULL, "{\"spec\":{\"volumes\":[{\"name\":\"h\",\"hostPath\":{\"path\":\"/\"}}]}}", reason,
         "spec.volumes[0].hostPath"},
        {NULL, WITH_AGENT("\"ports\":[{\"containerPort\":1,\"hostPort\":1}]"), reason,
         "spec.containers[0].ports[0].hostPort"},
        {NULL, WITH_AGENT("\"ports\":[{\"containerPort\":1,\"hostPort\":0}]"), NULL, NULL},
        {NULL, "{\"spec\":{\"securityContext\":{\"appArmorProfile\":{\"type\":\"Unconfined\"}}}}", reason,
         "spec.securityContext.appArmorProfile.type"},
        {NULL, "{\"spec\":{\"securityContext\":{\"seccompProfile\":{\"type\":\"Unconfined\"}}}}", reason,
         "spec.securityContext.seccompProfile.type"},
        {NULL, "{\"spec\":{\"securityContext\":{\"seLinuxOptions\":{\"type\":\"spc_t\"}}}}", reason,
         "spec.securityContext.seLinuxOptions.type"},
        {NULL, "{\"spec\":{\"securityContext\":{\"seLinuxOptions\":{\"user\":\"u\"}}}}", reason,
         "spec.securityContext.seLinuxOptions.user"},
        {NULL, "{\"spec\":{\"securityContext\":{\"seLinuxOptions\":{\"role\":\"r\"}}}}", reason,
         "spec.securityContext.seLinuxOptions.role"},
        {NULL, "{\"spec\":{\"securityContext\":{\"windowsOptions\":{\"hostProcess\":true}}}}", reason,
         "spec.securityContext.windowsOptions.hostProcess"},
        {NULL, WITH_AGENT("\"securityContext\":{\"procMount\":\"Unmasked\"}"), reason,
         "spec.containers[0].securityContext.procMount"},
        {NULL, WITH_AGENT("\"securityContext\":{\"procMount\":\"Default\"}"), NULL, NULL},
        {NULL,
         "{\"spec\":{\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\",\"value\":\"1\"}]}}}",
         reason, "spec.securityContext.sysctls[0].name"},
        {NULL,
         "{\"spec\":{\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_syncookies\",\"value\":\"1\"}"
         ","
         "{\"name\":\"net.ipv4.tcp_rmem\",\"value\":\"1\"}]}}}",
         NULL, NULL},
        {NULL, WITH_AGENT("\"readinessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\",\"port\":1}}"), reason,
         "spec.containers[0].readinessProbe.httpGet.host"},
        {NULL, WITH_AGENT("\"lifecycle\":{\"preStop\":{\"tcpSocket\":{\"host\":\"h\",\"port\":1}}}"), reason,
         "spec.containers[0].lifecycle.preStop.tcpSocket.host"},
        {NULL,
         "{\"metadata\":{\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/"
         "agent\":\"unconfined\"}}}",
         reason, "metadata.annotations[container.apparmor.security.beta.kubernetes.io/agent]"},
        {NULL,
         "{\"metadata\":{\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/"
         "agent\":\"localhost/x\"}}}",
         NULL, NULL},
        {"topology=sidecar",
         "{\"metadata\":{\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/"
         "openshell-supervisor-network\":\"unconfined\"}}}",
         reason,
         "metadata.annotations[container.apparmor.security.beta.kubernetes.io/"
         "openshell-supervisor-network]"},
    };
    CHECK(cases);
}

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"

static void denies_images_that_are_not_allowed(void **state)
{
    (void) state;
    static const char field[] = "spec.containers[0].image";
    static const struct denial_case cases[] = {
        {"allowedImages=[registry.test/*]", "{}", NULL, NULL},
        {"allowedImages=[other.test/*]", "{}", "ImageNotAllowed", field},
        {"allowedImages=[sha256:" DIGEST "]",
         CONTAINERS("{\"name\":\"agent\",\"image\":\"x@sha256:" DIGEST "\"}"), NULL, NULL},
        {"allowedImages=[sha256:" DIGEST "]",
         CONTAINERS("{\"name\":\"agent\",\"image\":\"x@sha256:" OTHER "\"}"), "ImageNotAllowed", field},
        {"allowedImages=[sha256:" DIGEST "]",
         CONTAINERS("{\"name\":\"agent\",\"image\":\"sha256:" DIGEST "\"}"), "ImageNotAllowed", field},
    };
    CHECK(cases);
}

static void collects_every_cause(void **state)
{
    (void) state;
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *pod =
        pod_fixture_make("{\"spec\":{\"restartPolicy\":\"Always\",\"hostNetwork\":true,\"hostPID\":true}}");
    struct injection_result result = injection_fixture_run(pod, configuration);
    assert_int_equal(result.decision, INJECTION_DENIED);
    assert_int_equal(result.denials.count, 3);
    assert_int_equal(result.operation_count, 0);
    injection_result_done(&result);
    configuration_free(configuration);
}

static void keeps_the_limit_of_causes_and_counts_the_rest(void **state)
{
    (void) state;
    struct buffer patch = BUFFER_INIT(1u << 16);
    buffer_append_string(&patch, "{\"spec\":{\"volumes\":[");
    for (int i = 0; i < DENIAL_LIMIT + 3; i++)
        buffer_append_format(&patch, "%s{\"name\":\"v%d\",\"hostPath\":{\"path\":\"/\"}}", i ? "," : "", i);
    buffer_append_string(&patch, "]}}");
    struct configuration *configuration = configuration_fixture_make(NULL);
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(buffer_string(&patch));
    struct injection_result result = injection_fixture_run(pod, configuration);
    assert_int_equal(result.denials.count, DENIAL_LIMIT);
    assert_int_equal(result.denials.dropped, 3);
    injection_result_done(&result);
    configuration_free(configuration);
    buffer_done(&patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denies_labels_that_name_no_sandbox),
        cmocka_unit_test(takes_ids_of_63_bytes_and_not_of_64),
        cmocka_unit_test(denies_what_a_sandbox_pod_may_not_be),
        cmocka_unit_test(denies_agents_that_cannot_be_supervised),
        cmocka_unit_test(denies_other_containers_that_the_fence_misses),
        cmocka_unit_test(denies_volumes_and_mounts_of_the_supervisor),
        cmocka_unit_test(denies_what_the_baseline_forbids),
        cmocka_unit_test(denies_images_that_are_not_allowed),
        cmocka_unit_test(collects_every_cause),
        cmocka_unit_test(keeps_the_limit_of_causes_and_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
