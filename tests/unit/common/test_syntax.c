#include "common/syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef bool check(const char *text);

/* Both lists end with NULL. */
static void assert_all(check *is_valid, const char *const *accepted, const char *const *refused)
{
    for (; *accepted; accepted++) {
        if (!is_valid(*accepted))
            fail_msg("refused: %s", *accepted);
    }
    for (; *refused; refused++) {
        if (is_valid(*refused))
            fail_msg("accepted: %s", *refused);
    }
}

/* Exactly `limit` letters pass, one more does not. */
static void assert_limit(check *is_valid, size_t limit)
{
    char text[512];
    memset(text, 'a', sizeof text);
    text[limit] = '\0';
    assert_true(is_valid(text));
    text[limit] = 'a';
    text[limit + 1] = '\0';
    assert_false(is_valid(text));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void knows_dns_labels(void **state)
{
    (void) state;
    assert_all(syntax_is_dns_label, LIST("a", "0", "a-b", "a--b", "1a"),
               LIST("", "-", "-a", "a-", "A", "a.b", "a_b", "\xC3\xA4"));
    assert_limit(syntax_is_dns_label, 63);
}

static void knows_dns_subdomains(void **state)
{
    (void) state;
    assert_all(syntax_is_dns_subdomain, LIST("a", "a.b", "a-b.c-d", "0.1", "a--b.c"),
               LIST("", ".", "a.", ".a", "a..b", "a.-b", "a-.b", "-a", "a-", "a.-", "A.b", "a_b", "a/b"));
    assert_limit(syntax_is_dns_subdomain, 253);
}

static void knows_keys_of_labels(void **state)
{
    (void) state;
    assert_all(syntax_is_qualified_name, LIST("a", "A_b.c-d", "example.com/a", "0/0"),
               LIST("", "/", "a/", "/a", "a/b/c", "-a", "a-", ".a", "_", "Example.com/a", "a b", "a/ b"));
    assert_limit(syntax_is_qualified_name, 63);
}

static void knows_values_of_labels(void **state)
{
    (void) state;
    assert_all(syntax_is_label_value, LIST("", "a", "A_b.c-d"), LIST("-", "a-", ".a", "a b", "a/b"));
    assert_limit(syntax_is_label_value, 63);
}

static void knows_keys_of_secrets(void **state)
{
    (void) state;
    assert_all(syntax_is_data_key, LIST("a", "A_b.c-d", "...", ".a", "-", "_"),
               LIST("", ".", "..", "a/b", "a b", "a:"));
    assert_limit(syntax_is_data_key, 253);
}

static void knows_names_of_variables(void **state)
{
    (void) state;
    assert_all(syntax_is_variable_name, LIST("A", "_", "a1", "_1"), LIST("", "1", "1a", "a-b", "a.b", "a="));
}

static void knows_quantities(void **state)
{
    (void) state;
    assert_all(
        syntax_is_quantity,
        LIST("0", "1", "+1", "1.", ".5", "1.5", "500m", "64Mi", "1Ei", "1k", "2e3", "2E-3", "1e+3", "1E"),
        LIST("", "+", ".", "-1", "1 Mi", "1mi", "1K", "1MiB", "e3", "1e", "1e+", "1e3m", "1.5.0", "0x1"));
}

static void knows_normal_paths(void **state)
{
    (void) state;
    assert_all(syntax_is_normal_path, LIST("/a", "/a/b", "/.a", "/...", "/a b"),
               LIST("", "/", "a", "a/b", "/a/", "//a", "/a//b", "/.", "/a/.", "/a/../b", "/.."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_dns_labels),      cmocka_unit_test(knows_dns_subdomains),
        cmocka_unit_test(knows_keys_of_labels),  cmocka_unit_test(knows_values_of_labels),
        cmocka_unit_test(knows_keys_of_secrets), cmocka_unit_test(knows_names_of_variables),
        cmocka_unit_test(knows_quantities),      cmocka_unit_test(knows_normal_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
