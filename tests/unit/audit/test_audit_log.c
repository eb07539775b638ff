#include "tests/unit/audit/log_fixture.h"

#include "common/file.h"
#include "tests/support/allocation.h"
#include "webhook/audit/log_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define FIRST_FILE "audit-00000000000000000001.jsonl"
#define RUN_LIMIT 20000

static struct log_fixture fixture;

static int set_up(void **state)
{
    (void) state;
    log_fixture_make(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    log_fixture_remove(&fixture);
    return 0;
}

static void path_of(const char *name, char path[TEMPORARY_PATH_BYTES * 2])
{
    snprintf(path, TEMPORARY_PATH_BYTES * 2, "%s/%s", fixture.directory, name);
}

/* Adds text to a file of the log. */
static void add_to(const char *name, const char *text)
{
    char path[TEMPORARY_PATH_BYTES * 2];
    path_of(name, path);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void assert_intact(uint64_t records)
{
    struct log_verification result = log_fixture_verify(&fixture);
    if (result.check.problem.is_found)
        fail_msg("record %llu: %s", (unsigned long long) result.check.problem.place.sequence,
                 result.check.problem.message);
    assert_int_equal(result.check.last.sequence, records);
}

static void goes_on_with_the_chain_in_the_next_run(void **state)
{
    (void) state;
    log_fixture_fill(&fixture, 3);
    log_fixture_fill(&fixture, 2);
    assert_intact(5);
}

static void begins_another_file_by_size_and_by_age(void **state)
{
    (void) state;
    struct audit_log_files files;
    struct error error;
    fixture.options.file_bytes = 1000;
    log_fixture_fill(&fixture, 20);
    assert_true(audit_log_files_list(fixture.directory, &error, &files));
    assert_in_range(files.count, 5, 20);
    audit_log_files_done(&files);
    fixture.options.file_bytes = 1u << 20;
    fixture.options.file_age_ms = 0;
    log_fixture_fill(&fixture, 2);
    assert_intact(22);
}

static void closes_a_torn_record_with_one_that_tells_of_it(void **state)
{
    (void) state;
    log_fixture_fill(&fixture, 2);
    add_to(FIRST_FILE, "{\"version\":1,\"type\":\"deci");
    struct log_verification torn = log_fixture_verify(&fixture);
    assert_false(torn.check.problem.is_found);
    assert_int_equal(torn.torn_bytes, 25);
    log_fixture_fill(&fixture, 1);
    struct log_verification closed = log_fixture_verify(&fixture);
    assert_false(closed.check.problem.is_found);
    assert_int_equal(closed.check.totals.recoveries, 1);
    assert_int_equal(closed.check.last.sequence, 4);
    assert_int_equal(closed.torn_bytes, 0);
}

/* Longer than the record that tells of it: the rest is cut off. */
static void closes_a_long_torn_record(void **state)
{
    (void) state;
    static char torn[200001];
    memset(torn, 'x', sizeof torn - 1);
    log_fixture_fill(&fixture, 2);
    add_to(FIRST_FILE, torn);
    log_fixture_fill(&fixture, 1);
    assert_intact(4);
}

static void tells_of_records_that_were_lost(void **state)
{
    (void) state;
    char path[TEMPORARY_PATH_BYTES * 2], *text;
    size_t length;
    struct error error;
    log_fixture_fill(&fixture, 5);
    path_of(FIRST_FILE, path);
    assert_true(file_read(path, 1u << 20, &error, &text, &length));
    const char *end = text;
    for (int i = 0; i < 3; i++)
        end = strchr(end, '\n') + 1;
    assert_int_equal(truncate(path, end - text), 0);
    free(text);
    struct log_verification cut = log_fixture_verify(&fixture);
    assert_int_equal(cut.check.problem.place.sequence, 4);
    log_fixture_fill(&fixture, 1);
    struct log_verification told = log_fixture_verify(&fixture);
    assert_false(told.check.problem.is_found);
    assert_true(told.check.loss.is_found);
    assert_int_equal(told.check.loss.place.sequence, 4);
    assert_int_equal(told.check.totals.missing, 2);
    assert_int_equal(told.check.last.sequence, 7);
}

static uint64_t sequence_of_head(void)
{
    char path[TEMPORARY_PATH_BYTES * 2];
    struct error error;
    struct audit_head head;
    char *text = NULL;
    size_t length;
    path_of(AUDIT_HEAD_NAME, path);
    assert_true(file_read(path, AUDIT_HEAD_BYTES, &error, &text, &length));
    assert_true(audit_head_parse(text, length, &error, &head));
    free(text);
    return head.position.sequence;
}

/* What was appended together. */
static struct audit_entry entries[LOG_FIXTURE_TOGETHER];

static void brings_the_head_up_to_the_log_with_each_append(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *log = log_fixture_open(&fixture);
    assert_true(log_fixture_append(log, 1, &error));
    assert_int_equal(sequence_of_head(), 1);
    log_fixture_append_together(log, 2, 3, entries);
    assert_int_equal(sequence_of_head(), 4);
    assert_true(audit_log_close(log, &error));
    assert_int_equal(sequence_of_head(), 4);
}

/* Of those that were appended together, each has the place after the one before it. */
static void assert_written(size_t first, size_t count, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(entries[first + i].is_written);
        assert_int_equal(entries[first + i].position.sequence, sequence + i);
        assert_int_equal(strlen(entries[first + i].position.hash), DIGEST_SHA256_HEX_BYTES - 1);
    }
}

/* One write takes LOG_FILE_RECORDS of them. */
static void chains_records_that_are_appended_together(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *log = log_fixture_open(&fixture);
    const size_t counts[] = {
        1, 2, LOG_FILE_RECORDS - 1, LOG_FILE_RECORDS, LOG_FILE_RECORDS + 1, LOG_FIXTURE_TOGETHER};
    uint64_t sequence = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        log_fixture_append_together(log, (unsigned) sequence, counts[i], entries);
        assert_written(0, counts[i], sequence + 1);
        sequence += counts[i];
    }
    assert_true(audit_log_close(log, &error));
    assert_intact(sequence);
}

/* Each file holds as many as fit. */
static void begins_another_file_between_records_that_are_appended_together(void **state)
{
    (void) state;
    struct audit_log_files files;
    struct error error;
    fixture.options.file_bytes = 2000;
    struct audit_log *log = log_fixture_open(&fixture);
    log_fixture_append_together(log, 1, 50, entries);
    assert_written(0, 50, 1);
    assert_true(audit_log_close(log, &error));
    assert_true(audit_log_files_list(fixture.directory, &error, &files));
    assert_in_range(files.count, 8, 15);
    audit_log_files_done(&files);
    assert_intact(50);
}

static void signs_between_records_that_are_appended_together(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES];
    struct error error;
    log_fixture_write_key(temporary_name(&fixture.parent, "key", key));
    fixture.options.signing_key = key;
    fixture.options.checkpoint_records = 3;
    struct audit_log *log = log_fixture_open(&fixture);
    log_fixture_append_together(log, 1, 7, entries);
    assert_written(0, 3, 1);
    assert_written(3, 3, 5);
    assert_written(6, 1, 9);
    assert_true(audit_log_close(log, &error));
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.checkpoints, 3);
    assert_int_equal(result.check.totals.signed_until, 10);
}

static void does_not_write_over_evidence(void **state)
{
    (void) state;
    char path[TEMPORARY_PATH_BYTES * 2];
    struct audit_log *log = NULL;
    struct error error;
    log_fixture_fill(&fixture, 2);
    path_of("head.json", path);
    assert_int_equal(unlink(path), 0);
    assert_false(audit_log_open(&fixture.options, &error, &log));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
    struct log_verification result = log_fixture_verify(&fixture);
    assert_true(result.check.problem.is_found);
    assert_string_equal(result.check.problem.place.file, "head.json");
}

static void waits_for_another_writer_in_vain(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *second = NULL, *first = log_fixture_open(&fixture);
    assert_false(audit_log_open(&fixture.options, &error, &second));
    assert_int_equal(error.code, ERROR_TIMEOUT);
    assert_true(audit_log_close(first, &error));
}

/* Files may not grow past `bytes`: what a full disk does, for this process alone. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* One more record tells of what was lost, once, and the log is as it was written. */
static void close_with_gap(struct audit_log *log, uint64_t dropped)
{
    struct error error;
    assert_true(log_fixture_append(log, 99, &error));
    assert_true(audit_log_close(log, &error));
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.gaps, 1);
    assert_int_equal(result.check.totals.dropped, dropped);
}

static void marks_a_gap_when_there_is_no_room(void **state)
{
    (void) state;
    struct error error;
    struct audit_log_statistics statistics;
    struct audit_log *log = log_fixture_open(&fixture);
    unsigned written = 0;
    limit_files(3000);
    for (unsigned i = 0; i < 20; i++)
        written += log_fixture_append(log, i, &error);
    limit_files(RLIM_INFINITY);
    audit_log_read_statistics(log, &statistics);
    assert_in_range(written, 5, 12);
    assert_int_equal(statistics.dropped, 20 - written);
    close_with_gap(log, 20 - written);
}

/* The head keeps the count on a full disk. */
static void marks_a_gap_of_the_run_before(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *log = log_fixture_open(&fixture);
    assert_true(log_fixture_append(log, 1, &error));
    limit_files(2048);
    for (unsigned i = 0; i < 20; i++)
        (void) !log_fixture_append(log, i, &error);
    assert_false(audit_log_close(log, &error));
    limit_files(RLIM_INFINITY);
    log_fixture_fill(&fixture, 1);
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.gaps, 1);
    assert_in_range(result.check.totals.dropped, 10, 19);
}

static size_t count_written(size_t count)
{
    size_t written = 0;
    for (size_t i = 0; i < count; i++) {
        written += entries[i].is_written;
        assert_int_equal(entries[i].is_written, entries[i].position.sequence != 0);
        if (!entries[i].is_written)
            assert_int_equal(entries[i].error->code, ERROR_IO);
    }
    return written;
}

/* The records before the limit stand, up to the byte; the others are lost, and told of. */
static void keeps_those_of_a_write_that_still_had_room(void **state)
{
    (void) state;
    struct error error;
    for (rlim_t limit = 2990; limit <= 3010; limit++) {
        log_fixture_remove(&fixture);
        log_fixture_make(&fixture);
        struct audit_log *log = log_fixture_open(&fixture);
        assert_true(log_fixture_append(log, 0, &error));
        limit_files(limit);
        log_fixture_append_together(log, 1, 20, entries);
        limit_files(RLIM_INFINITY);
        size_t written = count_written(20);
        assert_in_range(written, 5, 12);
        assert_written(0, written, 2);
        close_with_gap(log, 20 - written);
    }
}

static void refuses_those_of_a_write_that_had_no_room(void **state)
{
    (void) state;
    struct error error;
    struct audit_log_statistics statistics;
    fixture.options.is_required = true;
    struct audit_log *log = log_fixture_open(&fixture);
    limit_files(3000);
    log_fixture_append_together(log, 1, 20, entries);
    limit_files(RLIM_INFINITY);
    size_t written = count_written(20);
    assert_in_range(written, 5, 12);
    audit_log_read_statistics(log, &statistics);
    assert_int_equal(statistics.refused, 20 - written);
    assert_int_equal(statistics.dropped, 0);
    assert_true(audit_log_close(log, &error));
    assert_intact(written);
}

static void leaves_no_gap_when_it_is_required(void **state)
{
    (void) state;
    struct error error;
    struct audit_log_statistics statistics;
    fixture.options.is_required = true;
    struct audit_log *log = log_fixture_open(&fixture);
    unsigned written = 0;
    limit_files(3000);
    for (unsigned i = 0; i < 20; i++)
        written += log_fixture_append(log, i, &error);
    limit_files(RLIM_INFINITY);
    audit_log_read_statistics(log, &statistics);
    assert_int_equal(statistics.refused, 20 - written);
    assert_true(audit_log_close(log, &error));
    assert_intact(written);
}

static void signs_after_so_many_records_and_at_the_end(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES];
    log_fixture_write_key(temporary_name(&fixture.parent, "key", key));
    fixture.options.signing_key = key;
    fixture.options.checkpoint_records = 3;
    log_fixture_fill(&fixture, 7);
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.checkpoints, 3);
    assert_int_equal(result.check.totals.signed_until, 10);
}

static void introduces_a_new_key_by_the_old_one(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES], other[TEMPORARY_PATH_BYTES];
    struct error error;
    struct audit_log *log = NULL;
    fixture.options.signing_key = temporary_name(&fixture.parent, "key", key);
    log_fixture_write_key(key);
    log = log_fixture_open(&fixture);
    assert_true(log_fixture_append(log, 1, &error));
    log_fixture_write_key(key);
    assert_true(audit_log_reload_key(log, &error));
    assert_true(audit_log_reload_key(log, &error));
    assert_true(audit_log_close(log, &error));
    /* While nobody writes: the key before must be there. */
    fixture.options.signing_key = temporary_name(&fixture.parent, "other", other);
    log_fixture_write_key(other);
    assert_false(audit_log_open(&fixture.options, &error, &log));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
    fixture.options.previous_signing_key = key;
    log_fixture_fill(&fixture, 1);
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.rotations, 2);
}

/* Every allocation of a run fails in turn: the record is written or counted, never half of it. */
static bool run_once(void *context)
{
    struct error error = {.code = ERROR_NONE};
    struct audit_log *log = NULL;
    (void) context;
    if (!audit_log_open(&fixture.options, &error, &log))
        return false;
    bool is_written = log_fixture_append(log, 1, &error);
    return audit_log_close(log, &error) && is_written;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES];
    size_t runs;
    log_fixture_write_key(temporary_name(&fixture.parent, "key", key));
    fixture.options.signing_key = key;
    assert_true(run_once(NULL));
    assert_true(allocation_fail_each(run_once, NULL, RUN_LIMIT, &runs));
    assert_true(run_once(NULL));
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_true(result.check.totals.gaps > 0);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(goes_on_with_the_chain_in_the_next_run),
        LOG_TEST(begins_another_file_by_size_and_by_age),
        LOG_TEST(closes_a_torn_record_with_one_that_tells_of_it),
        LOG_TEST(closes_a_long_torn_record),
        LOG_TEST(tells_of_records_that_were_lost),
        LOG_TEST(brings_the_head_up_to_the_log_with_each_append),
        LOG_TEST(chains_records_that_are_appended_together),
        LOG_TEST(begins_another_file_between_records_that_are_appended_together),
        LOG_TEST(signs_between_records_that_are_appended_together),
        LOG_TEST(keeps_those_of_a_write_that_still_had_room),
        LOG_TEST(refuses_those_of_a_write_that_had_no_room),
        LOG_TEST(does_not_write_over_evidence),
        LOG_TEST(waits_for_another_writer_in_vain),
        LOG_TEST(marks_a_gap_when_there_is_no_room),
        LOG_TEST(marks_a_gap_of_the_run_before),
        LOG_TEST(leaves_no_gap_when_it_is_required),
        LOG_TEST(signs_after_so_many_records_and_at_the_end),
        LOG_TEST(introduces_a_new_key_by_the_old_one),
        LOG_TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
