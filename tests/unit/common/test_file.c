#include "common/cleanup.h"
#include "common/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-file-XXXXXX";
static char path[sizeof folder + 16];

static int make_folder(void **state)
{
    (void) state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void) state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *content, size_t length)
{
    unlink(path);
    _cleanup_(fclosep) FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
}

static void reads_the_content_and_its_length(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *text = NULL;
    size_t length;
    write_file("a\0b\n", 4);
    assert_true(file_read(path, 100, &error, &text, &length));
    assert_int_equal(length, 4);
    assert_memory_equal(text, "a\0b\n", 5);
}

static void reads_an_empty_file_as_an_empty_string(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *text = NULL;
    size_t length;
    write_file("", 0);
    assert_true(file_read(path, 100, &error, &text, &length));
    assert_int_equal(length, 0);
    assert_string_equal(text, "");
}

static void takes_exactly_the_maximum_and_not_one_more(void **state)
{
    (void) state;
    enum { MAXIMUM = 3 * 4096 };
    struct error error;
    char content[MAXIMUM + 1];
    memset(content, 'x', sizeof content);
    _cleanup_(freep) char *text = NULL;
    size_t length;
    write_file(content, MAXIMUM);
    assert_true(file_read(path, MAXIMUM, &error, &text, &length));
    assert_int_equal(length, MAXIMUM);
    write_file(content, MAXIMUM + 1);
    _cleanup_(freep) char *second = NULL;
    assert_false(file_read(path, MAXIMUM, &error, &second, &length));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_non_null(strstr(error.message, path));
    assert_null(second);
}

static void says_that_a_file_is_missing(void **state)
{
    (void) state;
    struct error error;
    char *text;
    size_t length;
    unlink(path);
    assert_false(file_read(path, 100, &error, &text, &length));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, path));
}

static void refuses_a_folder(void **state)
{
    (void) state;
    struct error error;
    char *text;
    size_t length;
    assert_false(file_read(folder, 100, &error, &text, &length));
    assert_int_equal(error.code, ERROR_IO);
}

static void does_not_wait_for_a_writer_of_a_fifo(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *text = NULL;
    size_t length;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(file_read(path, 100, &error, &text, &length));
    assert_int_equal(length, 0);
}

static void reads_an_open_pipe_to_its_end(void **state)
{
    (void) state;
    struct error error;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from a pipe", 11), 11);
    close(ends[1]);
    _cleanup_(freep) char *text = NULL;
    size_t length;
    assert_true(file_read_descriptor(ends[0], "pipe", 100, &error, &text, &length));
    close(ends[0]);
    assert_int_equal(length, 11);
    assert_string_equal(text, "from a pipe");
}

static void names_a_descriptor_that_cannot_be_read(void **state)
{
    (void) state;
    struct error error;
    char *text;
    size_t length;
    assert_false(file_read_descriptor(-1, "standard input", 100, &error, &text, &length));
    assert_int_equal(error.code, ERROR_IO);
    assert_non_null(strstr(error.message, "standard input"));
}

static void the_error_of_a_file_names_it_and_says_why(void **state)
{
    (void) state;
    static const struct {
        int errno_value;
        enum error_code code;
        const char *message;
    } cases[] = {
        {ENOENT, ERROR_NOT_FOUND, "\"a/b\": No such file or directory"},
        {ENOTDIR, ERROR_NOT_FOUND, "\"a/b\": Not a directory"},
        {EACCES, ERROR_PERMISSION_DENIED, "\"a/b\": Permission denied"},
        {EPERM, ERROR_PERMISSION_DENIED, "\"a/b\": Operation not permitted"},
        {EISDIR, ERROR_IO, "\"a/b\": Is a directory"},
        {EMFILE, ERROR_IO, "\"a/b\": Too many open files"},
        {EIO, ERROR_IO, "\"a/b\": Input/output error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        assert_false(file_set_error(&error, cases[i].errno_value, "a/b"));
        assert_int_equal(error.code, cases[i].code);
        assert_string_equal(error.message, cases[i].message);
    }
    assert_false(file_set_error(NULL, ENOENT, "a/b"));
}

static void the_error_of_a_file_is_cut_at_the_end_of_the_message(void **state)
{
    (void) state;
    static const char reason[] = "\": Permission denied";
    char name[ERROR_MESSAGE_BYTES];
    struct error error;
    /* What is left for the name: without the quotation mark before it, and the reason with its NUL. */
    size_t longest = ERROR_MESSAGE_BYTES - 1 - sizeof reason;
    memset(name, 'n', sizeof name);
    name[longest] = '\0';
    assert_false(file_set_error(&error, EACCES, name));
    assert_string_equal(error.message + 1 + longest, reason);
    name[longest] = 'n';
    name[longest + 1] = '\0';
    assert_false(file_set_error(&error, EACCES, name));
    assert_int_equal(error.code, ERROR_PERMISSION_DENIED);
    assert_string_equal(error.message + 1 + longest + 1, "\": Permission denie");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_content_and_its_length),
        cmocka_unit_test(reads_an_empty_file_as_an_empty_string),
        cmocka_unit_test(takes_exactly_the_maximum_and_not_one_more),
        cmocka_unit_test(says_that_a_file_is_missing),
        cmocka_unit_test(refuses_a_folder),
        cmocka_unit_test(does_not_wait_for_a_writer_of_a_fifo),
        cmocka_unit_test(reads_an_open_pipe_to_its_end),
        cmocka_unit_test(names_a_descriptor_that_cannot_be_read),
        cmocka_unit_test(the_error_of_a_file_names_it_and_says_why),
        cmocka_unit_test(the_error_of_a_file_is_cut_at_the_end_of_the_message),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
