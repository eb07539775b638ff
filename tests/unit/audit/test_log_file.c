/* One file of the log: the room that is reserved for it, and the longest record. */
#include "webhook/audit/log_file.h"

#include "common/cleanup.h"
#include "tests/support/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define LIMIT ((uint64_t) 16 * LOG_FILE_PIECE_BYTES)
#define RECORD_BYTES (64u * 1024)
/* What a file system may take for a file beside its content. */
#define SLACK_BYTES (64u * 1024)
/* Of stat's blocks, whatever those of the disk are. */
#define BLOCK_BYTES 512

static struct temporary parent;
static int directory;
static char content[RECORD_BYTES];

static int set_up(void **state)
{
    (void) state;
    temporary_make(&parent);
    memset(content, 'x', sizeof content);
    directory = open(parent.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void) state;
    closep(&directory);
    temporary_remove(&parent);
    return 0;
}

static void skip_without_reservations(void)
{
    _cleanup_(closep) int probe = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (probe < 0 || fallocate(probe, FALLOC_FL_KEEP_SIZE, 0, 1) < 0) {
        print_message("the file system of %s reserves no room\n", parent.path);
        skip();
    }
}

static struct log_file create(uint64_t limit)
{
    struct log_file file;
    struct error error;
    assert_true(log_file_create(directory, 1, limit, &error, &file));
    return file;
}

static void append(struct log_file *file, size_t count)
{
    struct error error;
    const struct iovec parts[RECORD_PARTS] = {{.iov_base = content, .iov_len = 1},
                                              {.iov_base = content, .iov_len = RECORD_BYTES - 1}};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(log_file_append(file, parts, 1, &error), 1);
}

static struct stat status_of_file(void)
{
    struct stat status;
    char name[AUDIT_FILE_NAME_BYTES];
    audit_file_name(1, name);
    assert_int_equal(fstatat(directory, name, &status, 0), 0);
    return status;
}

static void assert_takes(uint64_t least)
{
    assert_in_range((uint64_t) status_of_file().st_blocks * BLOCK_BYTES, least, least + SLACK_BYTES);
}

static void reserves_a_piece_ahead_and_gives_it_back(void **state)
{
    (void) state;
    skip_without_reservations();
    struct log_file file = create(LIMIT);
    append(&file, 1);
    assert_takes(LOG_FILE_PIECE_BYTES);
    assert_int_equal(status_of_file().st_size, RECORD_BYTES);
    append(&file, LOG_FILE_PIECE_BYTES / RECORD_BYTES - 1);
    assert_takes(LOG_FILE_PIECE_BYTES);
    append(&file, 1);
    assert_takes(2 * LOG_FILE_PIECE_BYTES);
    log_file_close(&file);
    assert_takes(LOG_FILE_PIECE_BYTES + RECORD_BYTES);
    assert_int_equal(status_of_file().st_size, LOG_FILE_PIECE_BYTES + RECORD_BYTES);
}

static void reserves_no_more_than_the_file_may_have(void **state)
{
    (void) state;
    skip_without_reservations();
    struct log_file file = create(3 * RECORD_BYTES);
    append(&file, 1);
    assert_takes(3 * RECORD_BYTES);
    append(&file, 3);
    assert_takes(4 * RECORD_BYTES);
    log_file_close(&file);
}

/* What a crash left reserved is given back in the end, too. */
static void goes_on_with_what_was_reserved(void **state)
{
    (void) state;
    skip_without_reservations();
    struct error error;
    char name[AUDIT_FILE_NAME_BYTES];
    struct log_file file = create(LIMIT);
    append(&file, 1);
    close(file.descriptor);
    audit_file_name(1, name);
    assert_true(log_file_open(directory, name, RECORD_BYTES, LIMIT, &error, &file));
    append(&file, 2);
    assert_takes(LOG_FILE_PIECE_BYTES + (uint64_t) 2 * RECORD_BYTES);
    log_file_close(&file);
    assert_takes((uint64_t) 3 * RECORD_BYTES);
}

static void writes_without_reservations(void **state)
{
    (void) state;
    struct log_file file = {.descriptor = open("/dev/null", O_WRONLY | O_CLOEXEC), .limit = LIMIT};
    assert_true(file.descriptor >= 0);
    append(&file, 2);
    assert_int_equal(file.size, 2 * RECORD_BYTES);
    log_file_close(&file);
}

/* A sealed record with a patch of so many bytes. */
static bool seal(const char *patch, size_t length, struct error *error, struct record_draft *draft)
{
    static const struct audit_identity identity = {.chain = "c", .replica = "r"};
    record_draft_begin(draft, &identity, "note");
    record_draft_set_patch(draft, patch, length);
    return record_draft_seal(draft, error);
}

static void takes_a_record_at_the_limit_and_none_past_it(void **state)
{
    (void) state;
    struct error error;
    struct record_draft draft;
    char hash[DIGEST_SHA256_HEX_BYTES];
    struct iovec parts[RECORD_PARTS];
    char *patch = malloc(AUDIT_RECORD_BYTES);
    assert_non_null(patch);
    memset(patch, 'A', AUDIT_RECORD_BYTES);
    assert_true(seal(patch, 4, &error, &draft));
    size_t longest = AUDIT_RECORD_BYTES + 1 - (record_draft_most_bytes(&draft) - 4);
    record_draft_done(&draft);

    assert_false(seal(patch, longest + 1, &error, &draft));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    record_draft_done(&draft);
    assert_true(seal(patch, longest, &error, &draft));
    size_t most = record_draft_most_bytes(&draft);
    assert_true(record_draft_finish(&draft, UINT64_MAX / 2, "2026-01-01T00:00:00.000000Z", AUDIT_NO_HASH,
                                    &error, hash));
    record_draft_locate(&draft, parts);
    size_t length = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
    /* With its newline, which the limit does not count. */
    assert_in_range(length, most - RECORD_END_BYTES, AUDIT_RECORD_BYTES + 1);
    assert_in_range(length, most - RECORD_END_BYTES, most);
    record_draft_done(&draft);
    free(patch);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(reserves_a_piece_ahead_and_gives_it_back),
        FILE_TEST(reserves_no_more_than_the_file_may_have),
        FILE_TEST(goes_on_with_what_was_reserved),
        FILE_TEST(writes_without_reservations),
        cmocka_unit_test(takes_a_record_at_the_limit_and_none_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
