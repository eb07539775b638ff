#include "tests/support/allocation.h"
#include "webhook/commands/serve_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENT_LIMIT 64

/* Parses the arguments, ended by NULL. */
static bool parse(const char *const *words, struct error *error, struct serve_options *options)
{
    char *arguments[ARGUMENT_LIMIT] = {(char *) (uintptr_t) "serve"};
    int count = 1;
    while (words[count - 1]) {
        arguments[count] = (char *) (uintptr_t) words[count - 1];
        count++;
    }
    return serve_options_parse(count, arguments, error, options);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_refuses(const char *const *words, const char *message)
{
    struct error error = {.code = ERROR_NONE};
    struct serve_options options;
    assert_false(parse(words, &error, &options));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, message));
}

static void has_defaults(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    assert_true(parse((const char *const[]){NULL}, &error, &options));
    assert_string_equal(options.listen, ":8443");
    assert_string_equal(options.metrics_listen, ":8080");
    assert_null(options.tls_certificate);
    assert_null(options.configuration_file);
    assert_int_equal(options.idle_timeout_ms, 120000);
    assert_int_equal(options.connections, 512);
    assert_int_equal(options.log_level, LOG_LEVEL_INFO);
    assert_false(options.wants_help);
    serve_options_done(&options);
}

static void takes_the_log_level_of_the_environment_where_no_flag_says_one(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    setenv("OPENSHELL_LOG_LEVEL", "warn", 1);
    assert_true(parse((const char *const[]){NULL}, &error, &options));
    assert_int_equal(options.log_level, LOG_LEVEL_WARN);
    assert_true(parse(WORDS("--log-level", "error"), &error, &options));
    assert_int_equal(options.log_level, LOG_LEVEL_ERROR);
    setenv("OPENSHELL_LOG_LEVEL", "", 1);
    assert_true(parse((const char *const[]){NULL}, &error, &options));
    assert_int_equal(options.log_level, LOG_LEVEL_INFO);
    setenv("OPENSHELL_LOG_LEVEL", "loud", 1);
    assert_refuses((const char *const[]){NULL}, "environment OPENSHELL_LOG_LEVEL: ");
    unsetenv("OPENSHELL_LOG_LEVEL");
}

static void takes_values_in_both_forms(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    assert_true(parse(WORDS("--listen", "127.0.0.1:1", "--metrics-listen=127.0.0.1:2", "--tls-key=a=b",
                            "--log-level", "debug", "--client-name", "one", "--client-name=two"),
                      &error, &options));
    assert_string_equal(options.listen, "127.0.0.1:1");
    assert_string_equal(options.metrics_listen, "127.0.0.1:2");
    assert_string_equal(options.tls_key, "a=b");
    assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(options.client_name_count, 2);
    assert_string_equal(options.client_names[1], "two");
    serve_options_done(&options);
}

static void hands_the_configurations_flags_on(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    assert_true(parse(WORDS("--topology", "sidecar", "--enable-user-namespaces", "--sandbox-uid=2000",
                            "--proxy-connect-by-hostname", "false"),
                      &error, &options));
    assert_int_equal(options.flag_count, 4);
    assert_string_equal(options.flags[0].name, "topology");
    assert_string_equal(options.flags[0].value, "sidecar");
    assert_string_equal(options.flags[1].name, "enable-user-namespaces");
    assert_string_equal(options.flags[1].value, "true");
    assert_string_equal(options.flags[2].name, "sandbox-uid");
    assert_string_equal(options.flags[2].value, "2000");
    assert_string_equal(options.flags[3].value, "false");
    serve_options_done(&options);
}

static void reads_durations_in_every_unit(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    assert_true(parse(WORDS("--drain-delay", "0s", "--drain-timeout", "1h", "--header-timeout", "100ms",
                            "--request-timeout", "2m", "--idle-timeout", "90s"),
                      &error, &options));
    assert_int_equal(options.drain_delay_ms, 0);
    assert_int_equal(options.drain_timeout_ms, 3600000);
    assert_int_equal(options.header_timeout_ms, 100);
    assert_int_equal(options.request_timeout_ms, 120000);
    assert_int_equal(options.idle_timeout_ms, 90000);
    serve_options_done(&options);
}

static void refuses_durations_past_their_limits(void **state)
{
    (void) state;
    static const char *const wrong[] = {"99ms", "3600001ms", "2h", "5",   "s",           "1.5s",
                                        "-1s",  "1d",        "",   "5 s", "99999999999h"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refuses(WORDS("--header-timeout", wrong[i]), "--header-timeout: ");
}

static void refuses_numbers_past_their_limits(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    static const char *const wrong[] = {"0", "65537", "-1", "1x", "", "18446744073709551617"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refuses(WORDS("--max-connections", wrong[i]), "--max-connections: ");
    assert_true(parse(WORDS("--max-connections", "65536", "--threads", "64"), &error, &options));
    assert_int_equal(options.connections, 65536);
    serve_options_done(&options);
    assert_refuses(WORDS("--threads", "65"), "--threads: ");
}

static void refuses_what_it_does_not_know(void **state)
{
    (void) state;
    assert_refuses(WORDS("--nonsense"), "unknown option --nonsense");
    assert_refuses(WORDS("--nonsense=1"), "unknown option --nonsense");
    assert_refuses(WORDS("--workspace-mode", "shared"), "unknown option --workspace-mode");
    assert_refuses(WORDS("file"), "unexpected argument \"file\"");
    assert_refuses(WORDS("-x"), "unexpected argument");
    assert_refuses(WORDS("--"), "unexpected argument");
    assert_refuses(WORDS("--=x"), "unexpected argument");
    assert_refuses(WORDS("--listen"), "--listen: needs a value");
    assert_refuses(WORDS("--listen="), "--listen: must not be empty");
    assert_refuses(WORDS("--topology"), "--topology: needs a value");
    assert_refuses(WORDS("--log-level", "loud"), "--log-level: ");
    assert_refuses(WORDS("--print-config=maybe"), "--print-config: ");
}

static void refuses_an_option_name_without_end(void **state)
{
    (void) state;
    char name[512];
    memset(name, 'x', sizeof name);
    memcpy(name, "--", 2);
    name[sizeof name - 1] = '\0';
    assert_refuses(WORDS(name), "unknown option");
}

static void takes_the_most_client_names_and_no_more(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    const char *words[2 * (SERVE_CLIENT_NAMES + 1) + 1] = {NULL};
    for (size_t i = 0; i < SERVE_CLIENT_NAMES; i++) {
        words[2 * i] = "--client-name";
        words[2 * i + 1] = "name";
    }
    assert_true(parse(words, &error, &options));
    assert_int_equal(options.client_name_count, SERVE_CLIENT_NAMES);
    serve_options_done(&options);
    words[2 * SERVE_CLIENT_NAMES] = "--client-name=name";
    assert_refuses(words, "--client-name: more than");
}

static void help_ends_the_reading(void **state)
{
    (void) state;
    struct error error;
    struct serve_options options;
    assert_true(parse(WORDS("--help", "--nonsense"), &error, &options));
    assert_true(options.wants_help);
    serve_options_done(&options);
    assert_true(parse(WORDS("-h"), &error, &options));
    assert_true(options.wants_help);
    serve_options_done(&options);
}

static void help_names_every_own_option(void **state)
{
    (void) state;
    static const char *const names[] = {
        "--listen ",       "--metrics-listen ",  "--tls-certificate ", "--tls-key ",
        "--client-ca ",    "--client-name ",     "--config ",          "--kubeconfig ",
        "--drain-delay ",  "--drain-timeout ",   "--header-timeout ",  "--request-timeout ",
        "--idle-timeout ", "--max-connections ", "--threads ",         "--log-level ",
        "--print-config ", "--topology ",        "Examples:",
    };
    struct buffer text = BUFFER_INIT(65536);
    serve_options_append_help(&text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(buffer_string(&text), names[i]));
    buffer_done(&text);
}

static bool parse_flags(void *context)
{
    (void) context;
    struct error error = {.code = ERROR_NONE};
    struct serve_options options;
    if (!parse(WORDS("--topology=sidecar", "--listen", ":1", "--sandbox-uid", "2000"), &error, &options))
        return false;
    serve_options_done(&options);
    return true;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    assert_true(allocation_fail_each(parse_flags, NULL, 50, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(takes_the_log_level_of_the_environment_where_no_flag_says_one),
        cmocka_unit_test(takes_values_in_both_forms),
        cmocka_unit_test(hands_the_configurations_flags_on),
        cmocka_unit_test(reads_durations_in_every_unit),
        cmocka_unit_test(refuses_durations_past_their_limits),
        cmocka_unit_test(refuses_numbers_past_their_limits),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_an_option_name_without_end),
        cmocka_unit_test(takes_the_most_client_names_and_no_more),
        cmocka_unit_test(help_ends_the_reading),
        cmocka_unit_test(help_names_every_own_option),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
