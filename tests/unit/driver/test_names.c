#include "common/utf8.h"
#include "driver/sandboxes/mount_path.h"
#include "driver/sandboxes/names.h"

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

static void holds_sandbox_names_to_the_gateways_rules(void **state)
{
    (void) state;
    assert_true(name_is_sandbox(repeat('a', 19, "")));
    assert_false(name_is_sandbox(repeat('a', 20, "")));
    assert_true(name_is_sandbox("a-0-b"));
    static const char *const refused[] = {"", "a--b", "-a", "a-", "A", "a_b", "a.b"};
    for (size_t index = 0; index < sizeof refused / sizeof *refused; index++)
        assert_false(name_is_sandbox(refused[index]));
}

static void keeps_mounts_off_the_supervisors_places(void **state)
{
    (void) state;
    static const char *const fine[] = {"/data",  "/data/",   "/sandbox/a", "/opt/openshell2",
                                       "/etc/x", "/var/lib", "/home"};
    static const char *const bad[] = {"a",
                                      "/",
                                      "/a//b",
                                      "/a//",
                                      "/a/.",
                                      "/a/..",
                                      "/a\x01",
                                      "/a\xc2\x80",
                                      "/a\xc2\x9f",
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
        cmocka_unit_test(holds_sandbox_names_to_the_gateways_rules),
        cmocka_unit_test(keeps_mounts_off_the_supervisors_places),
        cmocka_unit_test(knows_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
