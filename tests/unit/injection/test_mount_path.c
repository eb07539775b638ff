#include "webhook/injection/mount_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Room for what is one past the limit, and for slashes that do not count. */
#define TEXT_BYTES (MOUNT_PATH_BYTES + 16)

/* Either way round. */
static bool are_same(const char *left, const char *right)
{
    bool are_same = mount_paths_are_same(left, right);
    assert_int_equal(mount_paths_are_same(right, left), are_same);
    return are_same;
}

static bool overlap(const char *left, const char *right)
{
    bool overlap = mount_paths_overlap(left, right);
    assert_int_equal(mount_paths_overlap(right, left), overlap);
    return overlap;
}

/* A path of `length` bytes that ends in `end`. */
static const char *write_path(char text[static TEXT_BYTES], size_t length, char end)
{
    memset(text, 'p', length);
    text[0] = '/';
    text[length - 1] = end;
    text[length] = '\0';
    return text;
}

static void paths_are_the_same_however_they_are_spelt(void **state)
{
    (void) state;
    static const char *const spellings[] = {
        "/sandbox",      "/sandbox/",   "//sandbox",     "/./sandbox/.",         "sandbox",
        "/a/../sandbox", "/../sandbox", "/sandbox/b/..", "/a/b/../../sandbox//",
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        assert_true(are_same("/sandbox", spellings[i]));
    assert_true(are_same("/", ""));
    assert_true(are_same("/", "/a/../.."));
    assert_true(are_same("/var/run", "/run"));
    assert_true(are_same("/var/run/secrets", "/run/secrets"));
}

static void paths_are_not_the_same_when_one_has_more_or_other_letters(void **state)
{
    (void) state;
    static const char *const others[] = {
        "/",           "",          "/sandbo",     "/sandboxes",   "/sandbox/a", "/a/sandbox", "/Sandbox",
        "/sandbox...", "/.sandbox", "/sandbox/..", "/sandbox/...", "/sandbox "};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(are_same("/sandbox", others[i]));
    assert_false(are_same("/var/runner", "/runner"));
    assert_false(are_same("/var/log", "/log"));
}

static void paths_at_the_limit_are_compared_and_one_past_it_is_like_no_other(void **state)
{
    (void) state;
    char left[TEXT_BYTES], right[TEXT_BYTES];
    write_path(left, MOUNT_PATH_BYTES, 'p');
    assert_true(are_same(left, write_path(right, MOUNT_PATH_BYTES, 'p')));
    assert_false(are_same(left, write_path(right, MOUNT_PATH_BYTES, 'q')));
    write_path(left, MOUNT_PATH_BYTES + 1, 'p');
    assert_false(are_same(left, left));
    assert_false(are_same(left, "/p"));
}

static void the_limit_is_of_what_the_path_resolves_to(void **state)
{
    (void) state;
    char left[TEXT_BYTES], right[TEXT_BYTES], longer[TEXT_BYTES + 8];
    write_path(left, MOUNT_PATH_BYTES, 'p');
    snprintf(longer, sizeof longer, "//.%s//", write_path(right, MOUNT_PATH_BYTES, 'p'));
    assert_true(are_same(left, longer));
}

static void paths_overlap_when_one_is_the_other_or_lies_in_it(void **state)
{
    (void) state;
    assert_true(overlap("/sandbox", "/sandbox/"));
    assert_true(overlap("/sandbox", "/sandbox/a/b"));
    assert_true(overlap("/", "/sandbox"));
    assert_true(overlap("/var/run/secrets", "/run"));
    assert_true(overlap("/var", "/var/run/secrets"));
    assert_false(overlap("/sandbox", "/sandboxes"));
    assert_false(overlap("/sandbox/a", "/sandbox/b"));
    assert_false(overlap("/sandbox/../a", "/sandbox"));
    assert_false(overlap("/var/runner", "/run"));
}

static void paths_past_the_limit_overlap_with_all(void **state)
{
    (void) state;
    char path[TEXT_BYTES];
    assert_false(overlap(write_path(path, MOUNT_PATH_BYTES, 'p'), "/q"));
    assert_true(overlap(write_path(path, MOUNT_PATH_BYTES + 1, 'p'), "/q"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_the_same_however_they_are_spelt),
        cmocka_unit_test(paths_are_not_the_same_when_one_has_more_or_other_letters),
        cmocka_unit_test(paths_at_the_limit_are_compared_and_one_past_it_is_like_no_other),
        cmocka_unit_test(the_limit_is_of_what_the_path_resolves_to),
        cmocka_unit_test(paths_overlap_when_one_is_the_other_or_lies_in_it),
        cmocka_unit_test(paths_past_the_limit_overlap_with_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
