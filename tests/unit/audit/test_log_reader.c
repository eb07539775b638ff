#include "tests/support/temporary.h"
#include "webhook/audit/log_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct temporary directory;

static int set_up(void **state)
{
    (void) state;
    temporary_make(&directory);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    temporary_remove(&directory);
    return 0;
}

static void reads_files_in_the_order_of_their_names(void **state)
{
    (void) state;
    char found[256] = "";
    temporary_write(&directory, "audit-00000000000000000010.jsonl", "c\n");
    temporary_write(&directory, "audit-00000000000000000002.jsonl", "b\n");
    temporary_write(&directory, "audit-00000000000000000001.jsonl", "a\n");
    temporary_write(&directory, "head.json", "{}\n");
    temporary_write(&directory, ".hidden.jsonl", "x\n");
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    struct error error;
    assert_true(audit_log_reader_open(directory.path, &error, &reader));
    for (;;) {
        struct audit_log_line line;
        bool has_line;
        assert_true(audit_log_reader_next(reader, &error, &line, &has_line));
        if (!has_line)
            break;
        assert_int_equal(line.number, 1);
        strncat(found, line.text, line.length);
    }
    assert_string_equal(found, "abc");
}

static void an_empty_directory_is_an_empty_log(void **state)
{
    (void) state;
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    struct audit_log_line line;
    struct error error;
    bool has_line = true;
    assert_true(audit_log_reader_open(directory.path, &error, &reader));
    assert_true(audit_log_reader_next(reader, &error, &line, &has_line));
    assert_false(has_line);
}

static void tells_a_torn_line_from_others(void **state)
{
    (void) state;
    temporary_write(&directory, "a.jsonl", "{}\n{\"a");
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    struct audit_log_line line;
    struct error error;
    bool has_line;
    assert_true(audit_log_reader_open(directory.path, &error, &reader));
    assert_true(audit_log_reader_next(reader, &error, &line, &has_line));
    assert_false(line.is_torn);
    assert_true(audit_log_reader_next(reader, &error, &line, &has_line));
    assert_true(line.is_torn);
}

static void takes_objects_alone(void **state)
{
    (void) state;
    static const char *const others[] = {"[]", "1", "{} {}", "{\"a\":1,\"a\":2}", "{", ""};
    struct error error;
    cJSON *record;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct audit_log_line line = {
            .file = "log", .number = 3, .text = others[i], .length = strlen(others[i])};
        assert_false(audit_log_line_parse(&line, &error, &record));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, "\"log\" line 3"));
    }
    const struct audit_log_line line = {.file = "log", .number = 1, .text = "{\"a\":1}", .length = 7};
    assert_true(audit_log_line_parse(&line, &error, &record));
    cJSON_Delete(record);
}

static void names_a_directory_that_is_not_there(void **state)
{
    (void) state;
    struct audit_log_reader *reader;
    struct error error;
    assert_false(audit_log_reader_open("/nonexistent", &error, &reader));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_files_in_the_order_of_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_directory_is_an_empty_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_a_torn_line_from_others, set_up, tear_down),
        cmocka_unit_test(takes_objects_alone),
        cmocka_unit_test(names_a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
