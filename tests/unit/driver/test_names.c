#include "common/utf8.h"
#include "driver/sandboxes/mount_path.h"
#include "driver/sandboxes/names.h"
#include "driver/sandboxes/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char text[512];

/* `count` times the character, then `end`. */
static const char *repeat(char character, size_t count, const char *end)
{
    memset(text, character, count);
    memcpy(text + count, end, strlen(end) + 1);
    return text;
}

static void holds_each_name_to_its_length(void **state)
{
    (void) state;
    assert_true(name_is_sandbox(repeat('a', 19, "")));
    assert_false(name_is_sandbox(repeat('a', 20, "")));
    assert_true(name_is_label(repeat('a', 63, "")));
    assert_false(name_is_label(repeat('a', 64, "")));
    assert_true(name_is_subdomain(repeat('a', 249, ".bcd")));
    assert_false(name_is_subdomain(repeat('a', 250, ".bcd")));
    assert_true(name_is_label_value(repeat('a', 63, "")));
    assert_false(name_is_label_value(repeat('a', 64, "")));
}

static void takes_only_the_characters_of_each_name(void **state)
{
    (void) state;
    static const char *const labels[] = {"a", "0", "a-b", "a--b"}, *const none[] = {"",  "-a",  "a-",
                                                                                    "A", "a_b", "a.b"};
    for (size_t index = 0; index < 4; index++)
        assert_true(name_is_label(labels[index]));
    for (size_t index = 0; index < 6; index++)
        assert_false(name_is_label(none[index]));
    assert_false(name_is_sandbox("a--b"));
    assert_true(name_is_subdomain("a.b-c.d"));
    assert_false(name_is_subdomain("a..b"));
    assert_false(name_is_subdomain(".a"));
    assert_true(name_is_label_value(""));
    assert_true(name_is_label_value("A_b.c-d"));
    assert_false(name_is_label_value("-a"));
    assert_true(name_is_label_key("example.com/A_b"));
    assert_false(name_is_label_key("/a"));
    assert_false(name_is_label_key("a/"));
    assert_false(name_is_label_key("A.com/a"));
    assert_true(name_is_environment_variable("_A1"));
    assert_false(name_is_environment_variable("1A"));
    assert_false(name_is_environment_variable(""));
    assert_false(name_is_environment_variable("A-B"));
}

static void knows_quantities(void **state)
{
    (void) state;
    static const char *const valid[] = {"0",  "1",  "500m", "4Gi",  "1.5", ".5", "1.",
                                        "+1", "-1", "1e3",  "1E-3", "2k",  "3E"};
    static const char *const invalid[] = {"",    ".",     "m",  "1 Gi", "1gi", "1e",
                                          "1e+", "1.2.3", "Gi", "1Gib", "--1"};
    for (size_t index = 0; index < sizeof valid / sizeof *valid; index++)
        assert_true(quantity_is_valid(valid[index]));
    for (size_t index = 0; index < sizeof invalid / sizeof *invalid; index++)
        assert_false(quantity_is_valid(invalid[index]));
    assert_true(quantity_is_positive("0.1"));
    assert_false(quantity_is_positive("0"));
    assert_false(quantity_is_positive("0.0Gi"));
    assert_false(quantity_is_positive("-1"));
}

static void keeps_mounts_off_the_supervisors_places(void **state)
{
    (void) state;
    static const char *const fine[] = {"/data",  "/data/",   "/sandbox/a", "/opt/openshell2",
                                       "/etc/x", "/var/lib", "/home"};
    static const char *const bad[] = {"a",
                                      "/",
                                      "/a//b",
                                      "/a/.",
                                      "/a/..",
                                      "/a\x01",
                                      "/a ",
                                      "/opt",
                                      "/sandbox",
                                      "/sandbox//",
                                      "/etc",
                                      "/run",
                                      "/var",
                                      "/var/run",
                                      "/var/run/netns/x",
                                      "/etc/openshell-tls/client"};
    for (size_t index = 0; index < sizeof fine / sizeof *fine; index++)
        assert_null(mount_path_problem(fine[index]));
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++)
        assert_non_null(mount_path_problem(bad[index]));
    assert_true(mount_path_equals("/a/", "/a"));
    assert_false(mount_path_is_below_workspace("/sandbox/"));
    assert_true(mount_path_is_below_workspace("/sandbox/x"));
    assert_null(sub_path_problem("a/b"));
    assert_non_null(sub_path_problem("a/.."));
}

static void knows_utf8(void **state)
{
    (void) state;
    assert_true(utf8_is_valid("a\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80", 10));
    assert_true(utf8_is_valid("\xf4\x8f\xbf\xbf", 4));
    assert_false(utf8_is_valid("\xf4\x90\x80\x80", 4));
    assert_false(utf8_is_valid("\xc0\x80", 2));
    assert_false(utf8_is_valid("\xe0\x9f\xbf", 3));
    assert_false(utf8_is_valid("\xed\xa0\x80", 3));
    assert_false(utf8_is_valid("\xe4\xb8", 2));
    assert_false(utf8_is_valid("\x80", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_each_name_to_its_length),
        cmocka_unit_test(takes_only_the_characters_of_each_name),
        cmocka_unit_test(knows_quantities),
        cmocka_unit_test(keeps_mounts_off_the_supervisors_places),
        cmocka_unit_test(knows_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
