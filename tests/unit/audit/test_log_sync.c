/* What the writer of an audit log forces to the disk, and when. */
#include "tests/unit/audit/log_fixture.h"
#include "webhook/audit/log_state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* A file of this size takes one record. */
#define SMALL_FILE_BYTES 1

static struct log_fixture fixture;
static struct audit_entry entries[LOG_FIXTURE_TOGETHER];

/* Stands before the C library's: counts, and is a disk that refuses when a test wishes so. */
static unsigned syncs;
static bool refuses;
int fdatasync(int fildes)
{
    syncs++;
    if (refuses) {
        errno = EIO;
        return -1;
    }
    return (int) syscall(SYS_fdatasync, fildes);
}

/* What was written back: in pieces of at most `longest` bytes, each behind the one before it. */
static struct {
    off64_t start, end, longest;
    unsigned pieces;
} written_back;
int sync_file_range(int fd, off64_t offset, off64_t count, unsigned flags)
{
    if (written_back.pieces++ == 0)
        written_back.start = offset;
    else
        assert_int_equal(offset, written_back.end);
    written_back.end = offset + count;
    written_back.longest = count > written_back.longest ? count : written_back.longest;
    return (int) syscall(SYS_sync_file_range, fd, offset, count, flags);
}

static int set_up(void **state)
{
    (void) state;
    log_fixture_make(&fixture);
    memset(&written_back, 0, sizeof written_back);
    syncs = 0;
    refuses = false;
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    log_fixture_remove(&fixture);
    return 0;
}

static void close_log(struct audit_log *log)
{
    struct error error;
    assert_true(audit_log_close(log, &error));
}

static void assert_intact(uint64_t records)
{
    struct log_verification result = log_fixture_verify(&fixture);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.last.sequence, records);
}

/* So many records, each in a file of its own. */
static struct audit_log *fill_files(unsigned count)
{
    struct error error;
    fixture.options.file_bytes = SMALL_FILE_BYTES;
    struct audit_log *log = log_fixture_open(&fixture);
    for (unsigned i = 0; i < count; i++)
        assert_true(log_fixture_append(log, i, &error));
    return log;
}

/* A loss of power must not leave a hole in front of records that are on the disk. */
static void syncs_a_full_file_before_the_next_begins(void **state)
{
    (void) state;
    struct audit_log *log = fill_files(3);
    assert_int_equal(syncs, 2);
    close_log(log);
    assert_int_equal(syncs, 3);
    assert_intact(3);
}

static void loses_what_needs_another_file_while_the_disk_refuses(void **state)
{
    (void) state;
    struct error error;
    struct audit_log_statistics statistics;
    struct audit_log *log = fill_files(2);
    refuses = true;
    assert_false(log_fixture_append(log, 100, &error));
    assert_int_equal(error.code, ERROR_IO);
    refuses = false;
    assert_true(log_fixture_append(log, 101, &error));
    audit_log_read_statistics(log, &statistics);
    assert_int_equal(statistics.dropped, 1);
    assert_int_equal(statistics.sync_failures, 1);
    close_log(log);
    /* The gap's record is among them. */
    assert_intact(4);
}

/* The keeper is asked when the last part of a file begins, once. */
static void wishes_for_an_early_sync_of_a_nearly_full_file(void **state)
{
    (void) state;
    fixture.options.file_bytes = 12000;
    struct audit_log *log = log_fixture_open(&fixture);
    const struct {
        uint64_t size;
        bool must_sync;
    } cases[] = {{0, false}, {10999, false}, {11000, true}, {11999, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        log->file.size = cases[i].size;
        log->must_sync = false;
        log_sync_wish_early(log);
        assert_int_equal(log->must_sync, cases[i].must_sync);
    }
    log->file.size = 0;
    close_log(log);
}

/* Syncs, and returns the end of what was written back. */
static uint64_t sync_all(struct audit_log *log)
{
    struct error error;
    memset(&written_back, 0, sizeof written_back);
    assert_true(log_sync_run(log, log->head.position.sequence, &error));
    return (uint64_t) written_back.end;
}

static void append_bytes(struct audit_log *log, uint64_t bytes)
{
    for (uint64_t end = log->file.size + bytes; log->file.size < end;)
        log_fixture_append_together(log, 1, LOG_FIXTURE_TOGETHER, entries);
}

static void writes_back_in_pieces_what_is_new(void **state)
{
    (void) state;
    struct audit_log *log = log_fixture_open(&fixture);
    append_bytes(log, 5u << 19);
    uint64_t end = sync_all(log);
    assert_int_equal(written_back.start, 0);
    assert_in_range(end, log->file.size - (64u << 10), log->file.size);
    assert_int_equal(written_back.pieces, 3);
    assert_int_equal(written_back.longest, 1 << 20);
    append_bytes(log, 1u << 17);
    sync_all(log);
    assert_int_equal(written_back.start, end);
    assert_int_equal(written_back.pieces, 1);
    close_log(log);
}

/* After a failure it is not known what the disk has: all of it is written back again. */
static void writes_back_all_again_after_a_failure(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *log = log_fixture_open(&fixture);
    append_bytes(log, 1u << 20);
    refuses = true;
    assert_false(log_sync_run(log, log->head.position.sequence, &error));
    refuses = false;
    sync_all(log);
    assert_int_equal(written_back.start, 0);
    close_log(log);
}

static bool is_synced(struct audit_log *log)
{
    pthread_mutex_lock(&log->mutex);
    bool is_synced = log->unsynced_ns == 0;
    pthread_mutex_unlock(&log->mutex);
    return is_synced;
}

static void syncs_early_by_the_keeper(void **state)
{
    (void) state;
    struct error error;
    struct audit_log *log = log_fixture_open(&fixture);
    for (unsigned i = 0; i < 8; i++)
        assert_true(log_fixture_append(log, 1, &error));
    /* One more needs no other file, but reaches the last part of this one. */
    log->options.file_bytes = log->file.size / 8 * 9 + 60;
    assert_true(audit_log_start(log, &error));
    assert_true(log_fixture_append(log, 1, &error));
    for (int i = 0; i < AUDIT_SYNC_INTERVAL_MS / 20 && !is_synced(log); i++)
        usleep(10000);
    assert_true(is_synced(log));
    close_log(log);
    /* Of the log and, behind it, of the head. */
    assert_int_equal(syncs, 2);
    assert_intact(9);
}

static void syncs_once_for_records_that_are_appended_together(void **state)
{
    (void) state;
    fixture.options.sync = AUDIT_SYNC_ALWAYS;
    struct audit_log *log = log_fixture_open(&fixture);
    log_fixture_append_together(log, 1, LOG_FIXTURE_TOGETHER, entries);
    assert_int_equal(syncs, 1);
    log_fixture_append_together(log, 1, 1, entries);
    assert_int_equal(syncs, 2);
    close_log(log);
    assert_int_equal(syncs, 2);
    assert_intact(LOG_FIXTURE_TOGETHER + 1);
}

static void syncs_each_file_of_records_that_are_appended_together(void **state)
{
    (void) state;
    fixture.options.sync = AUDIT_SYNC_ALWAYS;
    fixture.options.file_bytes = SMALL_FILE_BYTES;
    struct audit_log *log = log_fixture_open(&fixture);
    log_fixture_append_together(log, 1, 3, entries);
    assert_int_equal(syncs, 3);
    log_fixture_append_together(log, 4, 1, entries);
    assert_int_equal(syncs, 5);
    close_log(log);
    assert_intact(4);
}

static void refuse_at_the_disk(bool is_required)
{
    struct error error;
    struct audit_log_statistics statistics;
    fixture.options.sync = AUDIT_SYNC_ALWAYS;
    fixture.options.is_required = is_required;
    struct audit_log *log = log_fixture_open(&fixture);
    refuses = true;
    log_fixture_append_together(log, 1, 2, entries);
    for (uint64_t i = 0; i < 2; i++) {
        assert_false(entries[i].is_written);
        assert_int_equal(entries[i].position.sequence, i + 1);
        assert_int_equal(entries[i].error->code, ERROR_IO);
    }
    refuses = false;
    assert_true(log_fixture_append(log, 3, &error));
    audit_log_read_statistics(log, &statistics);
    assert_int_equal(statistics.sync_failures, 1);
    assert_int_equal(statistics.refused, is_required ? 2 : 0);
    assert_int_equal(statistics.dropped, 0);
    assert_int_equal(statistics.unsynced_ms, 0);
    close_log(log);
    assert_intact(3);
}

/* The records stand, so they leave no gap. */
static void tells_of_records_that_the_disk_refuses(void **state)
{
    (void) state;
    refuse_at_the_disk(false);
}

static void counts_what_is_refused_for_the_disk(void **state)
{
    (void) state;
    refuse_at_the_disk(true);
}

static void leaves_it_to_the_system_when_it_never_syncs(void **state)
{
    (void) state;
    fixture.options.sync = AUDIT_SYNC_NEVER;
    close_log(fill_files(3));
    assert_int_equal(syncs, 0);
    assert_intact(3);
}

#define SYNC_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYNC_TEST(syncs_a_full_file_before_the_next_begins),
        SYNC_TEST(loses_what_needs_another_file_while_the_disk_refuses),
        SYNC_TEST(wishes_for_an_early_sync_of_a_nearly_full_file),
        SYNC_TEST(syncs_early_by_the_keeper),
        SYNC_TEST(writes_back_in_pieces_what_is_new),
        SYNC_TEST(writes_back_all_again_after_a_failure),
        SYNC_TEST(syncs_once_for_records_that_are_appended_together),
        SYNC_TEST(syncs_each_file_of_records_that_are_appended_together),
        SYNC_TEST(tells_of_records_that_the_disk_refuses),
        SYNC_TEST(counts_what_is_refused_for_the_disk),
        SYNC_TEST(leaves_it_to_the_system_when_it_never_syncs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
