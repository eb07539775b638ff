/* Each rule: accepted up to its limit, refused past it. */
#include "tests/unit/injection/configuration_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Loads with one flag. */
static bool takes(const char *flag, const char *value)
{
    struct error error;
    struct configuration *configuration = NULL;
    _cleanup_(buffer_done) struct buffer argument = BUFFER_INIT(8192);
    buffer_append_format(&argument, "--%s=%s", flag, value);
    bool is_loaded = fixture_load(NULL, NULL, STRINGS(buffer_string(&argument)), &error, &configuration);
    if (is_loaded)
        configuration_free(configuration);
    return is_loaded;
}

static void assert_flag(const char *flag, const char *const *accepted, const char *const *refused)
{
    for (; *accepted; accepted++) {
        if (!takes(flag, *accepted))
            fail_msg("--%s=%s is refused", flag, *accepted);
    }
    for (; *refused; refused++) {
        if (takes(flag, *refused))
            fail_msg("--%s=%s is accepted", flag, *refused);
    }
}

/* Whether a file with this body loads. */
static bool loads(const char *body)
{
    struct error error;
    struct configuration *configuration = NULL;
    _cleanup_(buffer_done) struct buffer yaml = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
    buffer_append_format(&yaml, "%s%s\n", FIXTURE_HEADER, body);
    bool is_loaded = fixture_load(buffer_string(&yaml), NULL, NULL, &error, &configuration);
    if (is_loaded)
        configuration_free(configuration);
    return is_loaded;
}

static void assert_bodies(const char *const *accepted, const char *const *refused)
{
    for (; *accepted; accepted++) {
        if (!loads(*accepted))
            fail_msg("refused: %s", *accepted);
    }
    for (; *refused; refused++) {
        if (loads(*refused))
            fail_msg("accepted: %s", *refused);
    }
}

/* `length` times the character, for limits; one static text at a time. */
static const char *repeat(char character, size_t length)
{
    static char text[CONFIGURATION_MAP_BYTES * 2];
    assert_true(length < sizeof text);
    memset(text, character, length);
    text[length] = '\0';
    return text;
}

static void limits_ids(void **state)
{
    (void) state;
    assert_flag("sandbox-uid", STRINGS("1", "1000", "4294967294"),
                STRINGS("0", "-1", "4294967295", "99999999999999999999", "", "1.5", "1 ", "0x1", "+1"));
    assert_flag("sandbox-gid", STRINGS("1", "4294967294"), STRINGS("0", "4294967295"));
    assert_flag("sidecar-proxy-uid", STRINGS("1000", "4294967294"), STRINGS("999", "0", "4294967295"));
    assert_bodies(STRINGS("sandbox: {uid: 1}", "sandbox: {uid: 4294967294}", "sandbox: {uid: 1e3}"),
                  STRINGS("sandbox: {uid: 0}", "sandbox: {uid: -1}", "sandbox: {uid: 4294967295}"));
}

static void clamps_the_life_of_tokens(void **state)
{
    (void) state;
    static const struct {
        const char *flag;
        uint32_t seconds;
    } lives[] = {
        {"--sa-token-ttl-secs=-5", 3600},
        {"--sa-token-ttl-secs=0", 3600},
        {"--sa-token-ttl-secs=1", 600},
        {"--sa-token-ttl-secs=599", 600},
        {"--sa-token-ttl-secs=600", 600},
        {"--sa-token-ttl-secs=601", 601},
        {"--sa-token-ttl-secs=86400", 86400},
        {"--sa-token-ttl-secs=86401", 86400},
        {"--sa-token-ttl-secs=99999999999999999999", 86400},
    };
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        _cleanup_(configuration_freep) struct configuration *c =
            fixture_load_ok(NULL, NULL, STRINGS(lives[i].flag));
        assert_int_equal(c->service_account_token_seconds, lives[i].seconds);
    }
    assert_flag("sa-token-ttl-secs", STRINGS("1"), STRINGS("1h", ""));
}

static void takes_only_the_words_of_a_choice(void **state)
{
    (void) state;
    assert_flag("topology", STRINGS("combined", "sidecar"),
                STRINGS("", "Combined", "combined ", "proxy-pod"));
    assert_flag("supervisor-sideload-method", STRINGS("image-volume", "init-container"),
                STRINGS("image", ""));
    assert_flag("supervisor-install", STRINGS("copy-self", "cp"), STRINGS("copy", ""));
    assert_flag("sidecar-kind", STRINGS("container", "native"), STRINGS("init", ""));
    assert_flag("credential", STRINGS("auto", "sandbox-token", "service-account"), STRINGS("token", ""));
    assert_flag("pod-security", STRINGS("baseline", "none"), STRINGS("restricted", ""));
    assert_flag("supervisor-image-pull-policy", STRINGS("", "Always", "IfNotPresent", "Never"),
                STRINGS("always", "Maybe"));
    assert_flag("telemetry", STRINGS("true", "false", "TRUE", "1", "0", "yes", "no", "on", "off"),
                STRINGS("", "maybe", "2"));
}

static void checks_images(void **state)
{
    (void) state;
    assert_flag("supervisor-image", STRINGS("a", "registry:5000/a/b@sha256:0"),
                STRINGS("", "a b", " a", "a\n", "a\tb", "\xFF"));
    assert_true(takes("supervisor-image", repeat('a', CONFIGURATION_STRING_BYTES)));
    assert_false(takes("supervisor-image", repeat('a', CONFIGURATION_STRING_BYTES + 1)));
    assert_bodies(
        STRINGS("allowedImages: []", "allowedImages: ['*', 'ghcr.io/a/?:*', a]",
                "allowedImages: ['sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef']"),
        STRINGS(
            "allowedImages: ['']", "allowedImages: ['a b']", "allowedImages: ['[ab]']",
            "allowedImages: ['a\\b']", "allowedImages: ['sha256:']",
            "allowedImages: ['sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde']",
            "allowedImages: ['sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0']",
            "allowedImages: ['sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef']"));
}

static void checks_names_of_secrets_and_keys(void **state)
{
    (void) state;
    assert_flag("client-tls-secret-name", STRINGS("", "a", "a.b-c"),
                STRINGS("A", "-a", "a_b", "a/b", "a..b"));
    assert_true(takes("client-tls-secret-name", repeat('a', 253)));
    assert_false(takes("client-tls-secret-name", repeat('a', 254)));
    static const char with_key[] =
        "topology: sidecar\n"
        "upstreamProxy: {url: 'http://p:1', auth: {secretName: s, allowInsecure: true, secretKey: '%s'}}";
    static const char *const keys[] = {"a", "A_b.c-d", "...", ".", "..", "a/b", "a b"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(4096);
        buffer_append_format(&body, with_key, keys[i]);
        assert_int_equal(loads(buffer_string(&body)), i < 3);
    }
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(4096);
        buffer_append_format(&body, with_key, repeat('k', 253 + excess));
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static void checks_the_proxy(void **state)
{
    (void) state;
    assert_flag(
        "https-proxy",
        STRINGS("", "http://proxy:1", "http://proxy.corp:65535", "http://10.0.0.1:3128", "http://[::1]:80"),
        STRINGS("proxy:1", "https://proxy:1", "HTTP://proxy:1", "http://proxy", "http://proxy:", "http://:1",
                "http://proxy:0", "http://proxy:65536", "http://proxy:000001", "http://proxy:1/",
                "http://proxy:1/a", "http://proxy:1?a", "http://proxy:1#a", "http://user@proxy:1",
                "http://user:password@proxy:1", "http://a b:1", "http://::1:80", "http://[::1:80",
                "http://[x]:80", "http://[]:1", "http://proxy:1 ", " http://proxy:1"));
    assert_flag("https-proxy", STRINGS(NULL), STRINGS("http://pro\txy:1", "http://proxy:1\n"));
    fixture_load_fails(NULL, NULL, STRINGS("--https-proxy=http://p:1", "--no-proxy= , "),
                       "flag --no-proxy: must name destinations, separated by commas");
}

static void checks_addresses_and_endpoints(void **state)
{
    (void) state;
    assert_flag(
        "host-gateway-ip", STRINGS("", "172.17.0.1", "::1", "fd00::1:2"),
        STRINGS("172.17.0", "172.17.0.256", "172.017.0.1", "host", "[::1]", "fe80::1%eth0", " 1.2.3.4"));
    assert_flag("grpc-endpoint",
                STRINGS("", "https://g.openshell.svc:8080", "http://10.0.0.5:8080", "g:8080"),
                STRINGS("https://g :1", "https://g\n"));
}

static void checks_profiles(void **state)
{
    (void) state;
    assert_flag("app-armor-profile",
                STRINGS("", "RuntimeDefault", "Unconfined", "Localhost/a", "Localhost/a/../b"),
                STRINGS("runtimeDefault", "Localhost", "Localhost/", "Localhost/ a", "Localhost/a ", "a"));
    assert_flag("seccomp-profile",
                STRINGS("", "RuntimeDefault", "Unconfined", "Localhost/a", "Localhost/a/b.json"),
                STRINGS("Localhost/", "Localhost//a", "Localhost/../a", "Localhost/a/", "runtime/default"));
}

static void checks_paths(void **state)
{
    (void) state;
    assert_flag("supervisor-binary-path", STRINGS("/a", "/usr/bin/openshell-sandbox"),
                STRINGS("", "a", "/", "/a/", "//a", "/a/../b", "/./a"));
    assert_flag("supervisor-mount-path", STRINGS("/opt/openshell/bin", "/opt/openshell", "/a"),
                STRINGS("", "/", "a", "/a/", "/a:b", "/sandbox", "/sandbox/bin", "/etc/openshell", "/etc",
                        "/etc/openshell-tls/x", "/run/openshell", "/run/openshell-sidecar", "/var/run",
                        "/var", "/var/run/secrets/openshell", "/run/secrets", "/proc/a", "/sys", "/dev"));
    assert_flag("sandbox-ssh-socket-path", STRINGS("/run/openshell/ssh.sock", "@openshell"),
                STRINGS("", "@", "a", "/a/", "/run/../a"));
    assert_true(takes("sandbox-ssh-socket-path", repeat('@', 107)));
    assert_false(takes("sandbox-ssh-socket-path", repeat('@', 108)));
    assert_flag("provider-spiffe-workload-api-socket-path",
                STRINGS("", "/spiffe-workload-api/spire-agent.sock", "/run/spire/a.sock", "/etc/spire/a"),
                STRINGS("a", "/a.sock", "/run/a.sock", "/var/a.sock", "/tmp/a.sock", "/etc/a.sock",
                        "/var/run/a.sock", " /a/b", "/a/b ", "/a//b", "/a/b/", "/sandbox/a",
                        "/run/openshell/a", "/etc/openshell-tls/client/a", "/var/run/secrets/openshell/a",
                        "/opt/openshell/bin/a"));
    char socket[110] = "/a/";
    memset(socket + 3, 'b', 104);
    assert_true(takes("provider-spiffe-workload-api-socket-path", socket));
    socket[107] = 'b';
    assert_false(takes("provider-spiffe-workload-api-socket-path", socket));
}

static void checks_entries_of_the_environment(void **state)
{
    (void) state;
    assert_bodies(STRINGS("agentEnvironment: {A: '', _b1: 'x y', PATH: /bin, OPENSHELL: a, A1: '$(B)'}"),
                  STRINGS("agentEnvironment: {'': a}", "agentEnvironment: {1A: a}",
                          "agentEnvironment: {a-b: a}", "agentEnvironment: {OPENSHELL_LOG_LEVEL: debug}",
                          "agentEnvironment: {OPENSHELL_: a}", "agentEnvironment: {A: \"a\\nb\"}",
                          "agentEnvironment: {A: 1}"));
    static const struct {
        size_t name, value;
        bool is_accepted;
    } sizes[] = {{256, 8192, true}, {257, 1, false}, {1, 8193, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(65536);
        buffer_append_format(&body, "agentEnvironment: {%s: ", repeat('A', sizes[i].name));
        buffer_append_format(&body, "'%s'}", repeat('v', sizes[i].value));
        assert_int_equal(loads(buffer_string(&body)), sizes[i].is_accepted);
    }
}

static void checks_labels_and_annotations(void **state)
{
    (void) state;
    assert_bodies(STRINGS("podLabels: {a: '', example.com/b: B_c.d-e}", "podAnnotations: {a: 'any / text'}",
                          "podAnnotations:\n  a: |\n    one: {}\n    two: \"\\t\"",
                          "podLabels: {openshell.ai: a}", "podLabels: {xopenshell.ai/a: b}"),
                  STRINGS("podLabels: {'': a}", "podLabels: {a/b/c: d}", "podLabels: {-a: b}",
                          "podLabels: {a: 'b c'}", "podLabels: {a: -b}", "podLabels: {a: \"b\\n\"}",
                          "agentEnvironment: {A: \"b\\n\"}", "podLabels: {openshell.ai/sandbox-id: a}",
                          "podLabels: {x.openshell.ai/a: b}", "podAnnotations: {openshell.io/sandbox-id: a}",
                          "podAnnotations: {a b: c}", "podAnnotations: {a: \"b\\u0001\"}"));
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(4096);
        buffer_append_format(&body, "podLabels: {a: %s}", repeat('v', 63 + excess));
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static void checks_other_lists(void **state)
{
    (void) state;
    assert_bodies(
        STRINGS("allowedContainers: [istio-proxy]", "allowedCreators: {users: ['system:admin', 'a b']}"),
        STRINGS("allowedContainers: ['*']", "allowedContainers: [A]", "allowedCreators: {users: [' a']}",
                "allowedCreators: {groups: ['a ']}", "allowedCreators: {groups: [\"a\\tb\"]}"));
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(4096);
        buffer_append_format(&body, "allowedContainers: [%s]", repeat('c', 63 + excess));
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static void checks_resources(void **state)
{
    (void) state;
    assert_bodies(
        STRINGS("resources: {install: {limits: {cpu: 1}, requests: {cpu: 1000m}}}",
                "resources: {install: {limits: {memory: 1Gi}, requests: {memory: 1024Mi}}}",
                "resources: {install: {limits: {memory: 1G}, requests: {memory: 1e9}}}",
                "resources: {install: {requests: {example.com/device: 2, hugepages-2Mi: 4Mi}}}",
                "resources: {install: {limits: null}}"),
        STRINGS("resources: {install: {limits: {cpu: 1}, requests: {cpu: 1001m}}}",
                "resources: {install: {limits: {memory: 1Gi}, requests: {memory: 1025Mi}}}",
                "resources: {install: {limits: {memory: 1G}, requests: {memory: 1Gi}}}",
                "resources: {install: {limits: {cpu: -1}}}", "resources: {install: {limits: {cpu: 1 m}}}",
                "resources: {install: {limits: {cpu: ''}}}", "resources: {install: {limits: {'': 1}}}",
                "resources: {install: {limits: {a b: 1}}}", "resources: {install: {limits: {cpu: [1]}}}"));
    fixture_load_fails(
        FIXTURE_HEADER "resources:\n  install:\n    limits:\n      cpu: 1\n    requests:\n"
                       "      cpu: 2\n",
        NULL, NULL,
        "config \"injector.yaml\" line 8: resources.install.requests[cpu]: must not be more than "
        "the limit");
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(4096);
        buffer_append_format(&body, "resources: {install: {limits: {cpu: '%s'}}}",
                             repeat('1', CONFIGURATION_QUANTITY_BYTES + excess));
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static bool loads_entries(const char *opening, size_t count, const char *closing)
{
    _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
    buffer_append_string(&body, opening);
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&body, "k%zu: '1', ", i);
    buffer_append_string(&body, closing);
    return loads(buffer_string(&body));
}

static void takes_exactly_as_many_entries_as_allowed(void **state)
{
    (void) state;
    assert_true(loads_entries("podLabels: {", CONFIGURATION_MAP_ENTRIES, "}"));
    assert_false(loads_entries("podLabels: {", CONFIGURATION_MAP_ENTRIES + 1, "}"));
    assert_true(loads_entries("resources: {install: {limits: {", CONFIGURATION_MAP_ENTRIES, "}}}"));
    assert_false(loads_entries("resources: {install: {limits: {", CONFIGURATION_MAP_ENTRIES + 1, "}}}"));
}

static void takes_exactly_as_many_items_as_allowed(void **state)
{
    (void) state;
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
        buffer_append_string(&body, "allowedImages: [");
        for (size_t i = 0; i < CONFIGURATION_LIST_ITEMS + excess; i++)
            buffer_append_string(&body, "a, ");
        buffer_append_string(&body, "]");
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static void takes_exactly_as_many_bytes_in_a_map_as_allowed(void **state)
{
    (void) state;
    for (size_t excess = 0; excess < 2; excess++) {
        _cleanup_(buffer_done) struct buffer body = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
        /* Two keys of one byte. */
        buffer_append_format(&body, "podAnnotations: {a: '%s', ", repeat('v', CONFIGURATION_MAP_BYTES - 3));
        buffer_append_format(&body, "b: '%s'}", repeat('v', 1 + excess));
        assert_int_equal(loads(buffer_string(&body)), excess == 0);
    }
}

static void holds_the_constraints_between_options(void **state)
{
    (void) state;
    static const char *const complete[] = {"--topology=sidecar",          "--https-proxy=http://p:1",
                                           "--proxy-auth-secret-name=s",  "--proxy-auth-secret-key=k",
                                           "--proxy-auth-allow-insecure", NULL};
    static const char *const messages[] = {
        "flag --proxy-auth-secret-name: needs topology: sidecar, since the agent could read the Secret in "
        "its own "
        "container",
        "flag --proxy-auth-secret-name: needs upstreamProxy.url",
        "flag --proxy-auth-secret-key: needs upstreamProxy.auth.secretName",
        "flag --proxy-auth-secret-name: needs upstreamProxy.auth.secretKey",
        "flag --proxy-auth-secret-name: needs upstreamProxy.auth.allowInsecure: true, since user and "
        "password travel "
        "unencrypted",
    };
    configuration_free(fixture_load_ok(NULL, NULL, complete));
    /* Leave each out in turn. */
    for (size_t left_out = 0; left_out < 5; left_out++) {
        const char *arguments[6] = {0};
        for (size_t i = 0, count = 0; i < 5; i++) {
            if (i != left_out)
                arguments[count++] = complete[i];
        }
        fixture_load_fails(NULL, NULL, arguments, messages[left_out]);
    }
    fixture_load_fails(NULL, NULL, STRINGS("--proxy-auth-allow-insecure"),
                       "flag --proxy-auth-allow-insecure: needs upstreamProxy.auth.secretName");
    fixture_load_fails(NULL, NULL, STRINGS("--proxy-connect-by-hostname"),
                       "flag --proxy-connect-by-hostname: needs upstreamProxy.url");
    fixture_load_fails(NULL, NULL, STRINGS("--no-proxy=a"), "flag --no-proxy: needs upstreamProxy.url");
    configuration_free(fixture_load_ok(
        NULL, NULL, STRINGS("--https-proxy=http://p:1", "--no-proxy=a", "--proxy-connect-by-hostname")));
}

static void keeps_proxy_and_sandbox_apart(void **state)
{
    (void) state;
    static const char message[] = "must differ from sidecar.proxyUID, whose traffic the fence lets through";
    char expected[ERROR_MESSAGE_BYTES];
    configuration_free(fixture_load_ok(NULL, NULL, STRINGS("--sandbox-uid=1337")));
    configuration_free(fixture_load_ok(NULL, NULL, STRINGS("--topology=sidecar", "--sandbox-uid=1338")));
    snprintf(expected, sizeof expected, "flag --sandbox-uid: %s", message);
    fixture_load_fails(NULL, NULL, STRINGS("--topology=sidecar", "--sandbox-uid=1337"), expected);
    fixture_load_fails(NULL, STRINGS("OPENSHELL_K8S_SIDECAR_PROXY_UID=2000"),
                       STRINGS("--topology=sidecar", "--sandbox-uid=2000"), expected);
}

static void keeps_supervisor_and_spiffe_socket_apart(void **state)
{
    (void) state;
    static const char message[] = "must not overlap the directory of spiffe.workloadAPISocketPath";
    char expected[ERROR_MESSAGE_BYTES];
    snprintf(expected, sizeof expected, "flag --supervisor-mount-path: %s", message);
    fixture_load_fails(
        NULL, NULL,
        STRINGS("--supervisor-mount-path=/a/b", "--provider-spiffe-workload-api-socket-path=/a/socket"),
        expected);
    snprintf(expected, sizeof expected, "flag --provider-spiffe-workload-api-socket-path: %s", message);
    fixture_load_fails(NULL, NULL,
                       STRINGS("--provider-spiffe-workload-api-socket-path=/opt/openshell/bin/socket"),
                       expected);
}

static void keeps_the_binary_in_sight_of_its_installer(void **state)
{
    (void) state;
    static const char message[] = "must not hide supervisorBinaryPath from the container that installs it";
    char expected[ERROR_MESSAGE_BYTES];
    configuration_free(
        fixture_load_ok(NULL, NULL, STRINGS("--supervisor-mount-path=/a", "--supervisor-binary-path=/a/b")));
    configuration_free(
        fixture_load_ok(NULL, NULL,
                        STRINGS("--supervisor-sideload-method=init-container", "--supervisor-mount-path=/a",
                                "--supervisor-binary-path=/ab")));
    snprintf(expected, sizeof expected, "flag --supervisor-binary-path: %s", message);
    fixture_load_fails(NULL, NULL,
                       STRINGS("--supervisor-sideload-method=init-container",
                               "--supervisor-binary-path=/opt/openshell/bin/openshell-sandbox"),
                       expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_ids),
        cmocka_unit_test(clamps_the_life_of_tokens),
        cmocka_unit_test(takes_only_the_words_of_a_choice),
        cmocka_unit_test(checks_images),
        cmocka_unit_test(checks_names_of_secrets_and_keys),
        cmocka_unit_test(checks_the_proxy),
        cmocka_unit_test(checks_addresses_and_endpoints),
        cmocka_unit_test(checks_profiles),
        cmocka_unit_test(checks_paths),
        cmocka_unit_test(checks_entries_of_the_environment),
        cmocka_unit_test(checks_labels_and_annotations),
        cmocka_unit_test(checks_other_lists),
        cmocka_unit_test(checks_resources),
        cmocka_unit_test(takes_exactly_as_many_entries_as_allowed),
        cmocka_unit_test(takes_exactly_as_many_items_as_allowed),
        cmocka_unit_test(takes_exactly_as_many_bytes_in_a_map_as_allowed),
        cmocka_unit_test(holds_the_constraints_between_options),
        cmocka_unit_test(keeps_proxy_and_sandbox_apart),
        cmocka_unit_test(keeps_supervisor_and_spiffe_socket_apart),
        cmocka_unit_test(keeps_the_binary_in_sight_of_its_installer),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
