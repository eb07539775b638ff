#include "tests/support/temporary.h"
#include "webhook/audit/line_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_lines(const char *text, size_t maximum, const char *expected)
{
    struct temporary directory;
    char path[TEMPORARY_PATH_BYTES], found[4096] = "";
    temporary_make(&directory);
    temporary_write(&directory, "log", text);
    struct line_reader reader;
    struct error error;
    assert_true(line_reader_open(temporary_name(&directory, "log", path), maximum, &error, &reader));
    for (;;) {
        struct line line;
        bool has_line;
        size_t used = strlen(found);
        if (!line_reader_next(&reader, &error, &line, &has_line)) {
            snprintf(found + used, sizeof found - used, "!%s", error_code_name(error.code));
            break;
        }
        if (!has_line)
            break;
        assert_memory_equal(text + line.offset, line.text, line.length);
        snprintf(found + used, sizeof found - used, "%zu:%.*s%s|", line.number, (int) line.length, line.text,
                 line.is_cut_short ? "~" : "");
    }
    line_reader_close(&reader);
    temporary_remove(&directory);
    assert_string_equal(found, expected);
}

static void hands_out_lines_with_their_numbers(void **state)
{
    (void) state;
    assert_lines("", 10, "");
    assert_lines("a\n", 10, "1:a|");
    assert_lines("a\n\nb\n", 10, "1:a|2:|3:b|");
}

static void tells_a_line_without_its_newline(void **state)
{
    (void) state;
    assert_lines("a\nbc", 10, "1:a|2:bc~|");
}

static void takes_lines_up_to_the_maximum_and_no_longer(void **state)
{
    (void) state;
    assert_lines("abcd\nab\n", 4, "1:abcd|2:ab|");
    assert_lines("abcde\n", 4, "!too_large");
    assert_lines("ab\nabcde", 4, "1:ab|!too_large");
}

static void reads_lines_longer_than_a_piece(void **state)
{
    (void) state;
    struct temporary directory;
    char path[TEMPORARY_PATH_BYTES];
    size_t length = 1000000;
    char *text = malloc(length + 3);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text + length, "\ny", 3);
    temporary_make(&directory);
    temporary_write(&directory, "log", text);
    struct line_reader reader;
    struct line line;
    struct error error;
    bool has_line;
    assert_true(line_reader_open(temporary_name(&directory, "log", path), length, &error, &reader));
    assert_true(line_reader_next(&reader, &error, &line, &has_line));
    assert_int_equal(line.length, length);
    assert_true(line_reader_next(&reader, &error, &line, &has_line));
    assert_int_equal(line.offset, length + 1);
    assert_true(line_reader_next(&reader, &error, &line, &has_line));
    assert_false(has_line);
    line_reader_close(&reader);
    free(text);
    temporary_remove(&directory);
}

static void names_a_file_that_is_not_there(void **state)
{
    (void) state;
    struct line_reader reader;
    struct error error;
    assert_false(line_reader_open("/nonexistent/log", 10, &error, &reader));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_lines_with_their_numbers),
        cmocka_unit_test(tells_a_line_without_its_newline),
        cmocka_unit_test(takes_lines_up_to_the_maximum_and_no_longer),
        cmocka_unit_test(reads_lines_longer_than_a_piece),
        cmocka_unit_test(names_a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
