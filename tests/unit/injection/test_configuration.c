/* Where values come from, what comes out, and the digest. */
#include "common/yaml.h"
#include "tests/unit/injection/configuration_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void starts_from_upstreams_defaults(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *c = fixture_load_ok(NULL, NULL, NULL);
    assert_int_equal(c->topology, TOPOLOGY_COMBINED);
    assert_string_equal(c->supervisor_image, "ghcr.io/nvidia/openshell/supervisor:0.0.116");
    assert_string_equal(c->supervisor_image_pull_policy, "");
    assert_int_equal(c->sideload_method, SIDELOAD_IMAGE_VOLUME);
    assert_string_equal(c->supervisor_binary_path, "/openshell-sandbox");
    assert_string_equal(c->supervisor_mount_path, "/opt/openshell/bin");
    assert_int_equal(c->supervisor_install, SUPERVISOR_INSTALL_COPY_SELF);
    assert_int_equal(c->sidecar_kind, SIDECAR_CONTAINER);
    assert_int_equal(c->sidecar_proxy_uid, 1337);
    assert_true(c->sidecar_binary_aware_network_policy);
    assert_string_equal(c->gateway_endpoint, "");
    assert_int_equal(c->credential, CREDENTIAL_AUTO);
    assert_string_equal(c->client_tls_secret_name, "");
    assert_int_equal(c->service_account_token_seconds, 3600);
    assert_string_equal(c->upstream_proxy_url, "");
    assert_string_equal(c->spiffe_workload_api_socket_path, "");
    assert_int_equal(c->sandbox_uid, 0);
    assert_int_equal(c->sandbox_gid, 0);
    assert_string_equal(c->ssh_socket_path, "/run/openshell/ssh.sock");
    assert_false(c->user_namespaces);
    assert_true(c->telemetry);
    assert_null(c->resources.install);
    assert_int_equal(c->agent_environment.count, 0);
    assert_int_equal(c->allowed_images.count, 0);
    assert_int_equal(c->pod_security, POD_SECURITY_BASELINE);
    assert_false(c->allow_service_account_token);
}

static void reads_every_key_of_the_file(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *c = fixture_load_ok(
        FIXTURE_HEADER
        "topology: sidecar\n"
        "supervisor: {image: 'i:1', imagePullPolicy: Always, sideloadMethod: init-container}\n"
        "sidecar: {proxyUID: 4242, binaryAwareNetworkPolicy: false, kind: native}\n"
        "gateway: {endpoint: 'https://g:1', credential: sandbox-token, clientTLSSecretName: tls,\n"
        "          serviceAccountTokenSeconds: 700}\n"
        "sandbox: {uid: 1, gid: 4294967294, sshSocketPath: /s, hostGatewayIP: 10.0.0.1, userNamespaces: "
        "yes,\n"
        "          appArmorProfile: Localhost/a, telemetry: off}\n"
        "upstreamProxy:\n"
        "  url: http://p:3128\n"
        "  noProxy: 10.0.0.0/8,.corp\n"
        "  connectByHostname: true\n"
        "  auth: {secretName: s, secretKey: k, allowInsecure: true}\n"
        "spiffe: {workloadAPISocketPath: /spiffe/a.sock}\n"
        "supervisorBinaryPath: /b\n"
        "supervisorMountPath: /m\n"
        "supervisorInstall: cp\n"
        "seccompProfile: Localhost/x/y.json\n"
        "resources:\n"
        "  install: {requests: {cpu: 0.1}, limits: {cpu: 1, memory: 64Mi}}\n"
        "  networkInit: {limits: {cpu: 100m}}\n"
        "  network: {requests: {example.com/device: 2}}\n"
        "  workspaceInit: {}\n"
        "agentEnvironment: {B: '2', A: ''}\n"
        "podLabels: {example.com/l: v}\n"
        "podAnnotations: {a: 'any text: \xC3\xA4'}\n"
        "allowedImages: ['ghcr.io/*', i]\n"
        "allowedContainers: [c]\n"
        "allowedCreators: {users: ['system:serviceaccount:openshell:driver'], groups: [g]}\n"
        "podSecurity: none\n"
        "allowServiceAccountToken: true\n",
        NULL, NULL);
    assert_int_equal(c->topology, TOPOLOGY_SIDECAR);
    assert_string_equal(c->supervisor_image, "i:1");
    assert_string_equal(c->supervisor_image_pull_policy, "Always");
    assert_int_equal(c->sideload_method, SIDELOAD_INIT_CONTAINER);
    assert_int_equal(c->sidecar_proxy_uid, 4242);
    assert_false(c->sidecar_binary_aware_network_policy);
    assert_int_equal(c->sidecar_kind, SIDECAR_NATIVE);
    assert_string_equal(c->gateway_endpoint, "https://g:1");
    assert_int_equal(c->credential, CREDENTIAL_SANDBOX_TOKEN);
    assert_string_equal(c->client_tls_secret_name, "tls");
    assert_int_equal(c->service_account_token_seconds, 700);
    assert_int_equal(c->sandbox_uid, 1);
    assert_int_equal(c->sandbox_gid, 4294967294);
    assert_string_equal(c->ssh_socket_path, "/s");
    assert_string_equal(c->host_gateway_ip, "10.0.0.1");
    assert_true(c->user_namespaces);
    assert_string_equal(c->app_armor_profile, "Localhost/a");
    assert_false(c->telemetry);
    assert_string_equal(c->upstream_proxy_url, "http://p:3128");
    assert_string_equal(c->upstream_no_proxy, "10.0.0.0/8,.corp");
    assert_true(c->upstream_proxy_connect_by_hostname);
    assert_string_equal(c->upstream_proxy_auth_secret_name, "s");
    assert_string_equal(c->upstream_proxy_auth_secret_key, "k");
    assert_true(c->upstream_proxy_auth_allow_insecure);
    assert_string_equal(c->spiffe_workload_api_socket_path, "/spiffe/a.sock");
    assert_string_equal(c->supervisor_binary_path, "/b");
    assert_string_equal(c->supervisor_mount_path, "/m");
    assert_int_equal(c->supervisor_install, SUPERVISOR_INSTALL_CP);
    assert_string_equal(c->seccomp_profile, "Localhost/x/y.json");
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(c->resources.install, "limits");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(limits, "cpu")->valuestring, "1");
    assert_non_null(c->resources.network_init);
    assert_non_null(c->resources.network);
    assert_null(c->resources.workspace_init);
    assert_int_equal(c->agent_environment.count, 2);
    assert_string_equal(c->agent_environment.keys[0], "A");
    assert_string_equal(c->agent_environment.values[0], "");
    assert_string_equal(c->agent_environment.keys[1], "B");
    assert_string_equal(c->pod_labels.values[0], "v");
    assert_string_equal(c->pod_annotations.values[0], "any text: \xC3\xA4");
    assert_int_equal(c->allowed_images.count, 2);
    assert_string_equal(c->allowed_images.items[0], "ghcr.io/*");
    assert_string_equal(c->allowed_containers.items[0], "c");
    assert_string_equal(c->allowed_creator_users.items[0], "system:serviceaccount:openshell:driver");
    assert_string_equal(c->allowed_creator_groups.items[0], "g");
    assert_int_equal(c->pod_security, POD_SECURITY_NONE);
    assert_true(c->allow_service_account_token);
}

static void prefers_flag_to_environment_to_file_to_default(void **state)
{
    (void) state;
    static const char file[] = FIXTURE_HEADER "supervisor: {image: file}\n"
                                              "sidecar: {proxyUID: 2001, binaryAwareNetworkPolicy: false}\n"
                                              "sandbox: {userNamespaces: true, telemetry: false}\n"
                                              "podSecurity: none\n";
    const char *const *environment =
        STRINGS("PATH=/bin", "OPENSHELL_SUPERVISOR_IMAGE=environment", "OPENSHELL_SUPERVISOR_IMAGE=second",
                "OPENSHELL_K8S_SIDECAR_PROXY_UID=2002", "OPENSHELL_ENABLE_USER_NAMESPACES=0",
                "OPENSHELL_TELEMETRY_ENABLED=TRUE");
    const char *const *flags = STRINGS("--supervisor-image=flag", "--proxy-uid=2003", "--telemetry=no");

    _cleanup_(configuration_freep) struct configuration *all = fixture_load_ok(file, environment, flags);
    assert_string_equal(all->supervisor_image, "flag");
    assert_int_equal(all->sidecar_proxy_uid, 2003);
    assert_false(all->sidecar_binary_aware_network_policy);
    assert_false(all->user_namespaces);
    assert_false(all->telemetry);
    assert_int_equal(all->pod_security, POD_SECURITY_NONE);

    _cleanup_(configuration_freep) struct configuration *two = fixture_load_ok(file, environment, NULL);
    assert_string_equal(two->supervisor_image, "environment");
    assert_int_equal(two->sidecar_proxy_uid, 2002);
    assert_true(two->telemetry);

    _cleanup_(configuration_freep) struct configuration *one = fixture_load_ok(file, NULL, NULL);
    assert_string_equal(one->supervisor_image, "file");
    assert_int_equal(one->sidecar_proxy_uid, 2001);
    assert_true(one->user_namespaces);
}

static void takes_empty_variables_for_absent_and_empty_flags_for_not_set(void **state)
{
    (void) state;
    static const char file[] = FIXTURE_HEADER "gateway: {endpoint: http://file}\n"
                                              "sandbox: {uid: 5, appArmorProfile: Unconfined}\n";
    _cleanup_(configuration_freep) struct configuration *c = fixture_load_ok(
        file,
        STRINGS("OPENSHELL_GRPC_ENDPOINT=", "OPENSHELL_K8S_SANDBOX_UID=", "OPENSHELL_SUPERVISOR_IMAGE="),
        STRINGS("--app-armor-profile="));
    assert_string_equal(c->gateway_endpoint, "http://file");
    assert_int_equal(c->sandbox_uid, 5);
    assert_string_equal(c->supervisor_image, "ghcr.io/nvidia/openshell/supervisor:0.0.116");
    assert_string_equal(c->app_armor_profile, "");
}

static void takes_null_in_the_file_for_absent(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *c = fixture_load_ok(
        FIXTURE_HEADER "topology:\nsupervisor:\nsandbox: {uid: ~}\nresources: {install: null}\n"
                       "allowedImages:\n",
        NULL, NULL);
    _cleanup_(configuration_freep) struct configuration *plain = fixture_load_ok(NULL, NULL, NULL);
    assert_string_equal(c->digest, plain->digest);
}

static void names_flag_and_variable_in_errors(void **state)
{
    (void) state;
    fixture_load_fails(NULL, STRINGS("OPENSHELL_UPSTREAM_PROXY=http://user:secret@p:1"), NULL,
                       "environment OPENSHELL_UPSTREAM_PROXY: must be http://host:port without credentials, "
                       "path or query");
    fixture_load_fails(NULL, NULL, STRINGS("--proxy-uid=999"),
                       "flag --proxy-uid: must be a whole number from 1000 to 4294967294");
    fixture_load_fails(NULL, NULL, STRINGS("--unheard-of=1"), "flag --unheard-of: unknown");
    fixture_load_fails(NULL, NULL, STRINGS("--topology"), "flag --topology: needs a value");
    fixture_load_fails(NULL, NULL, STRINGS("--proxy-uid=2000", "--sidecar-proxy-uid=2000"),
                       "flag --sidecar-proxy-uid: given twice");
    fixture_load_fails(NULL, NULL, STRINGS("--topology=both"),
                       "flag --topology: must be combined or sidecar");
    fixture_load_fails(NULL, NULL, STRINGS("--credential=none"),
                       "flag --credential: must be auto, sandbox-token or service-account");
    /* A wrong value is refused although a stronger source has a good one. */
    fixture_load_fails(FIXTURE_HEADER "topology: both\n", NULL, STRINGS("--topology=sidecar"),
                       "config \"injector.yaml\" line 3: topology: must be combined or sidecar");
}

static void knows_which_flags_take_a_value(void **state)
{
    (void) state;
    bool takes_value;
    assert_true(configuration_is_flag("topology", &takes_value) && takes_value);
    assert_true(configuration_is_flag("proxy-uid", &takes_value) && takes_value);
    assert_true(configuration_is_flag("telemetry", &takes_value) && takes_value);
    assert_true(configuration_is_flag("enable-user-namespaces", &takes_value) && !takes_value);
    assert_false(configuration_is_flag("", &takes_value));
    assert_false(configuration_is_flag("unheard-of", &takes_value));
    _cleanup_(configuration_freep) struct configuration *on =
        fixture_load_ok(NULL, NULL, STRINGS("--enable-user-namespaces"));
    assert_true(on->user_namespaces);
    _cleanup_(configuration_freep) struct configuration *off = fixture_load_ok(
        NULL, STRINGS("OPENSHELL_ENABLE_USER_NAMESPACES=1"), STRINGS("--enable-user-namespaces=false"));
    assert_false(off->user_namespaces);
}

static void gives_one_digest_whatever_the_source(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *plain = fixture_load_ok(NULL, NULL, NULL);
    _cleanup_(configuration_freep) struct configuration *file =
        fixture_load_ok(FIXTURE_HEADER "sandbox: {uid: 7}\nsidecar: {proxyUID: 1337}\n", NULL, NULL);
    _cleanup_(configuration_freep) struct configuration *environment =
        fixture_load_ok(NULL, STRINGS("OPENSHELL_K8S_SANDBOX_UID=7"), NULL);
    _cleanup_(configuration_freep) struct configuration *flag =
        fixture_load_ok(FIXTURE_HEADER, NULL, STRINGS("--sandbox-uid=7"));
    assert_int_equal(strlen(plain->digest), 64);
    assert_int_equal(strspn(plain->digest, "0123456789abcdef"), 64);
    assert_string_not_equal(plain->digest, file->digest);
    assert_string_equal(file->digest, environment->digest);
    assert_string_equal(file->digest, flag->digest);
}

static void gives_one_digest_whatever_the_order_and_spelling(void **state)
{
    (void) state;
    _cleanup_(configuration_freep) struct configuration *one = fixture_load_ok(
        FIXTURE_HEADER "podLabels: {a: '1', b: '2'}\n"
                       "resources: {install: {limits: {cpu: 1, memory: 64Mi}, requests: {cpu: '0.5'}}}\n",
        NULL, NULL);
    _cleanup_(configuration_freep) struct configuration *other =
        fixture_load_ok("{\"resources\":{\"install\":{\"requests\":{\"cpu\":0.5},\"limits\":{\"memory\":"
                        "\"64Mi\",\"cpu\":\"1\"}}},"
                        "\"podLabels\":{\"b\":\"2\",\"a\":\"1\"},\"kind\":\"InjectorConfiguration\","
                        "\"apiVersion\":\"injector.openshell.ai/v1alpha1\"}",
                        NULL, NULL);
    assert_string_equal(one->digest, other->digest);
}

/* Prints, loads what was printed, and compares. */
static void assert_comes_back(const char *yaml)
{
    struct error error;
    _cleanup_(configuration_freep) struct configuration *c = fixture_load_ok(yaml, NULL, NULL);
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    _cleanup_(buffer_done) struct buffer printed = BUFFER_INIT(65536);
    assert_true(configuration_to_json(c, &error, &document));
    assert_true(yaml_append_document(document, &error, &printed));
    _cleanup_(configuration_freep) struct configuration *again =
        fixture_load_ok(buffer_string(&printed), NULL, NULL);
    assert_string_equal(again->digest, c->digest);
}

static void prints_a_file_that_loads_to_the_same_digest(void **state)
{
    (void) state;
    assert_comes_back(FIXTURE_HEADER);
    assert_comes_back(
        FIXTURE_HEADER
        "topology: sidecar\n"
        "sandbox: {uid: 7, appArmorProfile: Unconfined}\n"
        "gateway: {endpoint: 'https://g:1', credential: service-account}\n"
        "resources: {network: {limits: {cpu: 1, memory: 64Mi}}}\n"
        "agentEnvironment: {YES: 'no', EMPTY: '', NUMBER: '1e3'}\n"
        "podAnnotations: {a: \"multi\xC3\xA4, 'quoted'\"}\n"
        "allowedImages: ['*', 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef']\n"
        "allowedCreators: {groups: ['system:masters']}\n");
}

static void explains_every_flag(void **state)
{
    (void) state;
    _cleanup_(buffer_done) struct buffer help = BUFFER_INIT(65536);
    configuration_append_help(&help);
    const char *text = buffer_string(&help);
    assert_non_null(strstr(text, "  --topology combined|sidecar  [OPENSHELL_K8S_TOPOLOGY]\n        where "));
    assert_non_null(
        strstr(text, "  --sidecar-proxy-uid UID, --proxy-uid  [OPENSHELL_K8S_SIDECAR_PROXY_UID]\n"));
    assert_non_null(strstr(text, " (1337)\n"));
    assert_non_null(strstr(text, "  --telemetry true|false  [OPENSHELL_TELEMETRY_ENABLED]\n"));
    assert_non_null(strstr(text, "  --enable-user-namespaces  [OPENSHELL_ENABLE_USER_NAMESPACES]\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_from_upstreams_defaults),
        cmocka_unit_test(reads_every_key_of_the_file),
        cmocka_unit_test(prefers_flag_to_environment_to_file_to_default),
        cmocka_unit_test(takes_empty_variables_for_absent_and_empty_flags_for_not_set),
        cmocka_unit_test(takes_null_in_the_file_for_absent),
        cmocka_unit_test(names_flag_and_variable_in_errors),
        cmocka_unit_test(knows_which_flags_take_a_value),
        cmocka_unit_test(gives_one_digest_whatever_the_source),
        cmocka_unit_test(gives_one_digest_whatever_the_order_and_spelling),
        cmocka_unit_test(prints_a_file_that_loads_to_the_same_digest),
        cmocka_unit_test(explains_every_flag),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
