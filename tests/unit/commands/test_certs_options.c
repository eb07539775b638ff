#include "webhook/commands/certs_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void reads_times_with_their_unit(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        time_t seconds;
    } examples[] = {{"30s", 30},
                    {"5m", 300},
                    {"12h", 12 * 3600},
                    {"7d", 7 * 86400},
                    {"1y", 365 * 86400},
                    {"100y", (time_t) 100 * 365 * 86400},
                    {"3153600000s", (time_t) 100 * 365 * 86400}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct error error;
        time_t seconds = 0;
        assert_true(certs_options_parse_life(examples[i].text, 30, &error, &seconds));
        assert_int_equal(seconds, examples[i].seconds);
    }
}

static void refuses_what_is_no_time_or_out_of_range(void **state)
{
    (void) state;
    static const char *const wrong[] = {"",     "s",    "30",          "30S",
                                        "30ss", "-30s", " 30s",        "29s",
                                        "1.5h", "101y", "3153600001s", "99999999999999999999s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error;
        time_t seconds = 0;
        assert_false(certs_options_parse_life(wrong[i], 30, &error, &seconds));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_int_equal(seconds, 0);
    }
}

static void has_the_documented_defaults(void **state)
{
    (void) state;
    struct error error;
    struct rotation_policy policy;
    struct certificate_names names;
    const struct certs_options options = {0};
    assert_true(certs_options_policy(&options, &error, &policy));
    assert_int_equal(policy.algorithm, KEY_ECDSA_P256);
    assert_int_equal(policy.authority_life_s, 365 * 86400);
    assert_int_equal(policy.leaf_life_s, 7 * 86400);
    assert_int_equal(policy.propagation_s, 10);
    assert_true(certs_options_names(&options, "openshell", &error, &names));
    assert_string_equal(names.items[0], "openshell-injector.openshell.svc");
    certificate_names_done(&names);
}

static void names_the_option_that_is_wrong(void **state)
{
    (void) state;
    static const struct {
        struct certs_options options;
        const char *part;
    } examples[] = {{{.life = "x"}, "--certificate-life: "},
                    {{.authority_life = "0s"}, "--authority-life: "},
                    {{.propagation = "-1s"}, "--certificate-propagation: "},
                    {{.algorithm = "rsa"}, "--certificate-algorithm: "},
                    {{.life = "92d"}, "4 times"}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct error error;
        struct rotation_policy policy;
        assert_false(certs_options_policy(&examples[i].options, &error, &policy));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, examples[i].part));
    }
}

static void refuses_names_that_are_none(void **state)
{
    (void) state;
    struct error error;
    struct certificate_names names;
    const struct certs_options options = {.names = {"fine.example.com", "not fine"}, .name_count = 2};
    assert_false(certs_options_names(&options, "openshell", &error, &names));
    assert_non_null(strstr(error.message, "--dns-name: \"not fine\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times_with_their_unit),
        cmocka_unit_test(refuses_what_is_no_time_or_out_of_range),
        cmocka_unit_test(has_the_documented_defaults),
        cmocka_unit_test(names_the_option_that_is_wrong),
        cmocka_unit_test(refuses_names_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
