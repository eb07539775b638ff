#include "tests/support/temporary.h"
#include "webhook/server/file_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct temporary directory;
static char first[TEMPORARY_PATH_BYTES], second[TEMPORARY_PATH_BYTES];

static int make_directory(void **state)
{
    (void) state;
    temporary_make(&directory);
    temporary_name(&directory, "first", first);
    temporary_name(&directory, "second", second);
    temporary_write(&directory, "first", "1");
    temporary_write(&directory, "second", "2");
    return 0;
}

static int remove_directory(void **state)
{
    (void) state;
    temporary_remove(&directory);
    return 0;
}

static void says_nothing_while_nothing_changes(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, first, second);
    for (int i = 0; i < 3; i++)
        assert_false(file_watch_poll(&watch));
}

static void tells_a_change_once_after_it_has_settled(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, first, NULL);
    temporary_write(&directory, "first", "changed");
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
    assert_false(file_watch_poll(&watch));
}

static void waits_until_both_files_have_settled(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, first, second);
    temporary_write(&directory, "first", "changed");
    assert_false(file_watch_poll(&watch));
    temporary_write(&directory, "second", "changed later");
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
}

static void notices_a_change_in_place(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, first, NULL);
    FILE *file = fopen(first, "ae");
    assert_non_null(file);
    assert_int_equal(fputs("more", file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
}

static void notices_a_file_that_vanishes_and_comes_back(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, first, NULL);
    assert_int_equal(unlink(first), 0);
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
    temporary_write(&directory, "first", "1");
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
}

/* What the kubelet does with a mounted ConfigMap: the file is a link through `..data`, which is replaced. */
static void notices_a_swapped_link_to_the_directory(void **state)
{
    (void) state;
    char base[64] = "/tmp/openshell-test-XXXXXX", path[128];
    struct file_watch watch;
    assert_non_null(mkdtemp(base));
    assert_int_equal(chdir(base), 0);
    assert_int_equal(mkdir("v1", 0700), 0);
    assert_int_equal(mkdir("v2", 0700), 0);
    fclose(fopen("v1/config", "we"));
    fclose(fopen("v2/config", "we"));
    assert_int_equal(symlink("v1", "..data"), 0);
    assert_int_equal(symlink("..data/config", "config"), 0);
    snprintf(path, sizeof path, "%s/config", base);
    file_watch_init(&watch, path, NULL);
    assert_false(file_watch_poll(&watch));
    assert_int_equal(symlink("v2", "..data_tmp"), 0);
    assert_int_equal(rename("..data_tmp", "..data"), 0);
    assert_false(file_watch_poll(&watch));
    assert_true(file_watch_poll(&watch));
    static const char *const files[] = {"config", "..data", "v1/config", "v2/config"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(unlink(files[i]), 0);
    assert_int_equal(rmdir("v1"), 0);
    assert_int_equal(rmdir("v2"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(base), 0);
}

static void has_nothing_to_say_without_files(void **state)
{
    (void) state;
    struct file_watch watch;
    file_watch_init(&watch, NULL, NULL);
    assert_false(file_watch_poll(&watch));
    assert_false(file_watch_poll(&watch));
}

#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(says_nothing_while_nothing_changes),
        WATCH_TEST(tells_a_change_once_after_it_has_settled),
        WATCH_TEST(waits_until_both_files_have_settled),
        WATCH_TEST(notices_a_change_in_place),
        WATCH_TEST(notices_a_file_that_vanishes_and_comes_back),
        cmocka_unit_test(notices_a_swapped_link_to_the_directory),
        cmocka_unit_test(has_nothing_to_say_without_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
