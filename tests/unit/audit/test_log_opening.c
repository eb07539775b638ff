#include "tests/unit/audit/log_fixture.h"

#include "common/file.h"
#include "webhook/audit/log_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEADS 32

static struct log_fixture fixture;
static char head_path[TEMPORARY_PATH_BYTES * 2];

/* The heads of a log as it grew. */
static struct {
    char texts[HEADS][AUDIT_HEAD_BYTES];
    size_t count;
} heads;

static int set_up(void **state)
{
    (void) state;
    log_fixture_make(&fixture);
    snprintf(head_path, sizeof head_path, "%s/" AUDIT_HEAD_NAME, fixture.directory);
    heads.count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    log_fixture_remove(&fixture);
    return 0;
}

static void keep_head(void)
{
    struct error error;
    _cleanup_(freep) char *text = NULL;
    size_t length;
    assert_true(file_read(head_path, AUDIT_HEAD_BYTES, &error, &text, &length));
    assert_int_equal(length, AUDIT_HEAD_BYTES);
    assert_true(heads.count < HEADS);
    memcpy(heads.texts[heads.count++], text, length);
}

static void write_head(const char *text, size_t length)
{
    FILE *file = fopen(head_path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void append(struct audit_log *log, unsigned count)
{
    struct error error;
    for (unsigned i = 0; i < count; i++) {
        assert_true(log_fixture_append(log, i, &error));
        keep_head();
    }
}

/* A log in several files, with checkpoints, a gap and another key on the way. */
static void make_eventful_log(const char *key)
{
    struct error error, lost;
    error_set(&lost, ERROR_IO, "no space");
    log_fixture_write_key(key);
    fixture.options.signing_key = key;
    fixture.options.checkpoint_records = 4;
    fixture.options.file_bytes = 1500;
    struct audit_log *log = log_fixture_open(&fixture);
    keep_head();
    append(log, 5);
    audit_log_drop(log, &lost);
    keep_head();
    audit_log_drop(log, &lost);
    keep_head();
    append(log, 3);
    log_fixture_write_key(key);
    assert_true(audit_log_reload_key(log, &error));
    keep_head();
    append(log, 3);
    assert_true(audit_log_close(log, &error));
    keep_head();
}

static void catches_up_from_every_earlier_head(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES];
    make_eventful_log(temporary_name(&fixture.parent, "key", key));
    uint64_t last = log_fixture_verify(&fixture).check.last.sequence;
    for (size_t i = heads.count; i > 0; i--) {
        write_head(heads.texts[i - 1], AUDIT_HEAD_BYTES);
        log_fixture_fill(&fixture, 1);
        struct log_verification result = log_fixture_verify(&fixture);
        if (result.check.problem.is_found)
            fail_msg("head %zu: record %llu: %s", i - 1,
                     (unsigned long long) result.check.problem.place.sequence, result.check.problem.message);
        /* The record and the checkpoint at the end of the run, and nothing that was told before. */
        assert_int_equal(result.check.last.sequence, last + 2);
        assert_int_equal(result.check.totals.rotations, 1);
        assert_int_equal(result.check.totals.gaps, 1);
        assert_int_equal(result.check.totals.dropped, 2);
        assert_int_equal(result.check.totals.recoveries, 0);
        last = result.check.last.sequence;
    }
}

static void make_empty_file(uint64_t first, char path[TEMPORARY_PATH_BYTES * 2])
{
    char name[AUDIT_FILE_NAME_BYTES];
    audit_file_name(first, name);
    snprintf(path, TEMPORARY_PATH_BYTES * 2, "%s/%s", fixture.directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void goes_on_in_an_empty_file_of_the_next_record(void **state)
{
    (void) state;
    char path[TEMPORARY_PATH_BYTES * 2];
    log_fixture_fill(&fixture, 3);
    make_empty_file(4, path);
    assert_false(log_fixture_verify(&fixture).check.problem.is_found);
    log_fixture_fill(&fixture, 2);
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.last.sequence, 5);
}

static void refuses_an_empty_file_of_any_other(void **state)
{
    (void) state;
    static const uint64_t firsts[] = {2, 3, 5, 6, 100};
    log_fixture_fill(&fixture, 3);
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        char path[TEMPORARY_PATH_BYTES * 2];
        struct error error;
        struct audit_log *log = NULL;
        make_empty_file(firsts[i], path);
        assert_false(audit_log_open(&fixture.options, &error, &log));
        assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
        assert_non_null(strstr(error.message, strrchr(path, '/') + 1));
        struct log_verification result = log_fixture_verify(&fixture);
        assert_true(result.check.problem.is_found);
        assert_string_equal(result.check.problem.place.file, strrchr(path, '/') + 1);
        assert_int_equal(remove(path), 0);
    }
    log_fixture_fill(&fixture, 1);
    assert_false(log_fixture_verify(&fixture).check.problem.is_found);
}

#define OPENING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPENING_TEST(catches_up_from_every_earlier_head),
        OPENING_TEST(goes_on_in_an_empty_file_of_the_next_record),
        OPENING_TEST(refuses_an_empty_file_of_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
