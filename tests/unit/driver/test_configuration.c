#include "common/cleanup.h"
#include "driver/sandboxes/configuration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

DEFINE_POINTER_CLEANUP(struct driver_configuration *, driver_configuration_free)

#define LIST(...) ((const char *const[]){__VA_ARGS__})

static struct driver_configuration *load(const char *const *arguments, size_t count, char *const *environment)
{
    struct driver_configuration *loaded = NULL;
    struct error error;
    if (!driver_configuration_load(arguments, count, environment, &error, &loaded))
        fail_msg("%s", error.message);
    return loaded;
}

static void assert_refused(const char *flag, const char *value, const char *text)
{
    struct driver_configuration *loaded = NULL;
    struct error error;
    assert_false(driver_configuration_load(LIST(flag, value), value ? 2 : 1, NULL, &error, &loaded));
    assert_int_equal(error.code, ERROR_INVALID);
    if (!strstr(error.message, text))
        fail_msg("%s: no word of %s", error.message, text);
}

static void has_the_contracts_defaults(void **state)
{
    (void) state;
    _cleanup_(driver_configuration_freep) struct driver_configuration *loaded = load(NULL, 0, NULL);
    assert_int_equal(loaded->workspace_mode, WORKSPACE_SHARED);
    assert_string_equal(loaded->namespace_name, "openshell");
    assert_string_equal(loaded->gateway_id, "openshell");
    assert_string_equal(loaded->workspace_storage_size, "2Gi");
    assert_int_equal(loaded->image_pull_timeout_seconds, 300);
    assert_string_equal(loaded->socket_path, "");
    assert_false(loaded->automount_service_account_token);
}

static void lets_flags_win_over_the_environment(void **state)
{
    (void) state;
    char socket[] = "OPENSHELL_COMPUTE_DRIVER_SOCKET=/env",
         mode[] = "OPENSHELL_WORKSPACE_MODE=", namespace_name[] = "OPENSHELL_SANDBOX_NAMESPACE=from-env",
         level[] = "OPENSHELL_LOG_LEVEL=trace";
    char *environment[] = {socket, mode, namespace_name, level, NULL};
    _cleanup_(driver_configuration_freep) struct driver_configuration *loaded =
        load(LIST("--bind-socket=/flag", "--automount-service-account-token", "--workspace-mode", "managed"),
             4, environment);
    assert_string_equal(loaded->socket_path, "/flag");
    assert_string_equal(loaded->namespace_name, "from-env");
    assert_int_equal(loaded->workspace_mode, WORKSPACE_MANAGED);
    assert_int_equal(loaded->log_level, LOG_LEVEL_DEBUG);
    assert_true(loaded->automount_service_account_token);
}

static void takes_a_word_after_a_boolean_only_when_it_is_one(void **state)
{
    (void) state;
    _cleanup_(driver_configuration_freep) struct driver_configuration *off =
        load(LIST("--automount-service-account-token", "false"), 2, NULL);
    assert_false(off->automount_service_account_token);
    _cleanup_(driver_configuration_freep) struct driver_configuration *on =
        load(LIST("--automount-service-account-token", "--socket", "/s"), 3, NULL);
    assert_true(on->automount_service_account_token);
    assert_string_equal(on->socket_path, "/s");
}

static void says_which_flag_is_wrong(void **state)
{
    (void) state;
    assert_refused("word", NULL, "\"word\"");
    assert_refused("--nothing", NULL, "--nothing");
    assert_refused("--socket", NULL, "--socket: needs a value");
    assert_refused("--workspace-mode", "x", "--workspace-mode: must be shared");
    assert_refused("--workspace-mode", "operator", "exactly one of");
    assert_refused("--sandbox-image-pull-policy", "Sometimes", "--sandbox-image-pull-policy");
    assert_refused("--namespace", "A", "--namespace");
    assert_refused("--gateway-id", "a b", "--gateway-id");
    assert_refused("--sandbox-service-account", "A", "--sandbox-service-account");
    assert_refused("--workspace-storage-size", "-2Gi", "--workspace-storage-size");
    assert_refused("--sandbox-image-pull-secrets", "a, B", "--sandbox-image-pull-secrets: \"B\"");
    assert_refused("--client-tls-secret-name", "a_b", "--client-tls-secret-name");
    assert_refused("--workspace-storage-class", "a_b", "--workspace-storage-class");
    assert_refused("--default-runtime-class-name", "a_b", "--default-runtime-class-name");
    assert_refused("--automount-service-account-token=maybe", NULL, "true or false");
    assert_refused("--gateway-endpoint", "gateway:1", "http://");
    assert_refused("--gateway-endpoint", "https://gateway:1", "--gateway-ca-file");
    assert_refused("--gateway-key-file", "/key", "both or neither");
    assert_refused("--log-level", "loud", "--log-level");
}

static void wants_whole_ssh_rules_of_managed_mode_alone(void **state)
{
    static const struct {
        const char *namespace_name;
        const char *selector;
        const char *refusal; /* NULL: accepted */
    } rules[] = {
        {"gateway", "app=gateway, a.b/c=", NULL},
        {"", "app=gateway", "--managed-ssh-ingress-enabled"},
        {"a b", "app=gateway", "--managed-ssh-ingress-enabled"},
        {"gateway", "", "--managed-ssh-ingress-enabled"},
        {"gateway", " , ,", "--managed-ssh-ingress-enabled"},
        {"gateway", "app", "--managed-ssh-gateway-pod-selector: \"app\""},
        {"gateway", "app=gateway,=x", "--managed-ssh-gateway-pod-selector: \"=x\""},
        {"gateway", "app=a b", "--managed-ssh-gateway-pod-selector: \"app=a b\""},
    };
    (void) state;
    for (size_t index = 0; index < sizeof rules / sizeof *rules; index++) {
        const char *const flags[] = {"--managed-ssh-ingress-enabled", "--managed-ssh-gateway-namespace",
                                     rules[index].namespace_name,     "--managed-ssh-gateway-pod-selector",
                                     rules[index].selector,           "--workspace-mode=managed"};
        struct error error = {0};
        _cleanup_(driver_configuration_freep) struct driver_configuration *managed = NULL;
        _cleanup_(driver_configuration_freep) struct driver_configuration *shared = load(flags, 5, NULL);
        assert_true(shared->ssh_ingress.is_enabled);
        bool is_loaded = driver_configuration_load(flags, 6, NULL, &error, &managed);
        assert_int_equal(is_loaded, !rules[index].refusal);
        if (!is_loaded && !strstr(error.message, rules[index].refusal))
            fail_msg("%s: no word of %s", error.message, rules[index].refusal);
    }
}

static void holds_the_patience_with_pulls_to_its_limits(void **state)
{
    (void) state;
    _cleanup_(driver_configuration_freep) struct driver_configuration *least =
        load(LIST("--image-pull-timeout-seconds=1"), 1, NULL);
    _cleanup_(driver_configuration_freep) struct driver_configuration *most =
        load(LIST("--image-pull-timeout-seconds=86400"), 1, NULL);
    assert_int_equal(least->image_pull_timeout_seconds, 1);
    assert_int_equal(most->image_pull_timeout_seconds, 86400);
    static const char *const refused[] = {"0", "86401", "", "-1", "1s", "99999999999999999999"};
    for (size_t index = 0; index < sizeof refused / sizeof *refused; index++)
        assert_refused("--image-pull-timeout-seconds", refused[index], "1 to 86400");
}

static void holds_managed_gateway_ids_to_what_fits_a_namespace(void **state)
{
    char id[35];
    struct error error;
    struct driver_configuration *refused = NULL;
    (void) state;
    memset(id, 'a', 33);
    id[33] = '\0';
    _cleanup_(driver_configuration_freep) struct driver_configuration *longest =
        load(LIST("--workspace-mode=managed", "--gateway-id", id), 3, NULL);
    assert_string_equal(longest->gateway_id, id);
    id[33] = 'a', id[34] = '\0';
    assert_false(driver_configuration_load(LIST("--workspace-mode=managed", "--gateway-id", id), 3, NULL,
                                           &error, &refused));
    assert_non_null(strstr(error.message, "--gateway-id"));
}

static void helps_whoever_asks_even_with_a_wrong_configuration(void **state)
{
    (void) state;
    _cleanup_(driver_configuration_freep) struct driver_configuration *loaded =
        load(LIST("--help", "--namespace", "A"), 3, NULL);
    _cleanup_(driver_configuration_freep) struct driver_configuration *short_form = load(LIST("-h"), 1, NULL);
    assert_true(loaded->wants_help);
    assert_true(short_form->wants_help);
    struct buffer help = BUFFER_INIT(64 * 1024);
    driver_configuration_append_help(&help);
    assert_non_null(
        strstr(buffer_string(&help), "--socket, --bind-socket (OPENSHELL_COMPUTE_DRIVER_SOCKET)\n"));
    assert_non_null(strstr(buffer_string(&help), "[2Gi]"));
    buffer_done(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_contracts_defaults),
        cmocka_unit_test(lets_flags_win_over_the_environment),
        cmocka_unit_test(takes_a_word_after_a_boolean_only_when_it_is_one),
        cmocka_unit_test(says_which_flag_is_wrong),
        cmocka_unit_test(wants_whole_ssh_rules_of_managed_mode_alone),
        cmocka_unit_test(holds_the_patience_with_pulls_to_its_limits),
        cmocka_unit_test(holds_managed_gateway_ids_to_what_fits_a_namespace),
        cmocka_unit_test(helps_whoever_asks_even_with_a_wrong_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
