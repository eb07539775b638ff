#include "tests/unit/audit/log_fixture.h"

#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS 5

static struct log_fixture fixture;
static char head_path[TEMPORARY_PATH_BYTES * 2];
static struct audit_head head;
static const struct audit_gap lost = {.dropped = 7,
                                      .since = "2026-11-23T20:00:00.000000Z",
                                      .until = "2026-11-23T20:00:01.000000Z",
                                      .reason = "no space"};

/* A signed log, and its head. */
static int set_up(void **state)
{
    (void) state;
    static char key[TEMPORARY_PATH_BYTES];
    struct error error;
    _cleanup_(freep) char *text = NULL;
    size_t length;
    log_fixture_make(&fixture);
    log_fixture_write_key(temporary_name(&fixture.parent, "key", key));
    fixture.options.signing_key = key;
    log_fixture_fill(&fixture, RECORDS);
    snprintf(head_path, sizeof head_path, "%s/" AUDIT_HEAD_NAME, fixture.directory);
    assert_true(file_read(head_path, AUDIT_HEAD_BYTES, &error, &text, &length));
    assert_true(audit_head_parse(text, length, &error, &head));
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    log_fixture_remove(&fixture);
    return 0;
}

/* What is found when the head is another one. */
static struct log_verification verify_with(const struct audit_head *changed)
{
    char text[AUDIT_HEAD_BYTES];
    struct error error;
    assert_true(audit_head_print(changed, &error, text));
    FILE *file = fopen(head_path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, sizeof text, file), sizeof text);
    assert_int_equal(fclose(file), 0);
    return log_fixture_verify(&fixture);
}

static void assert_head_is_blamed(const struct audit_head *changed, const char *message)
{
    struct log_verification result = verify_with(changed);
    assert_true(result.check.problem.is_found);
    assert_string_equal(result.check.problem.place.file, AUDIT_HEAD_NAME);
    assert_non_null(strstr(result.check.problem.message, message));
}

static void accepts_the_head_as_it_is(void **state)
{
    (void) state;
    struct log_verification result = verify_with(&head);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.last.sequence, RECORDS + 1);
}

static void blames_a_head_that_tells_of_an_earlier_record_wrongly(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.position.sequence--;
    assert_head_is_blamed(&changed, "another hash");
    changed.position.sequence = 0;
    assert_head_is_blamed(&changed, "another hash");
}

static void accepts_a_head_that_a_crash_left_behind(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.position.sequence--;
    memcpy(changed.position.hash, head.checkpoint.previous, sizeof changed.position.hash);
    changed.checkpoint = (struct audit_signed_state){0};
    *changed.key_id = '\0';
    assert_false(verify_with(&changed).check.problem.is_found);
}

static void blames_a_head_with_another_checkpoint(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.checkpoint.signature[0] = changed.checkpoint.signature[0] == 'A' ? 'B' : 'A';
    assert_head_is_blamed(&changed, "checkpoint");
    changed = head;
    changed.checkpoint.sequence--;
    assert_head_is_blamed(&changed, "checkpoint");
}

static void blames_a_head_with_another_key(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.key_id[0] = changed.key_id[0] == 'a' ? 'b' : 'a';
    assert_head_is_blamed(&changed, "key");
}

static void counts_a_gap_that_no_record_tells_of_yet(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.gap = lost;
    struct log_verification result = verify_with(&changed);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.gaps, 1);
    assert_int_equal(result.check.totals.dropped, 7);
    /* The next writer tells of it, and it is still one. */
    log_fixture_fill(&fixture, 1);
    result = log_fixture_verify(&fixture);
    assert_int_equal(result.check.totals.gaps, 1);
    assert_int_equal(result.check.totals.dropped, 7);
}

static void counts_a_gap_once_when_a_crash_left_the_head_behind(void **state)
{
    (void) state;
    struct audit_head changed = head;
    changed.gap = lost;
    (void) verify_with(&changed);
    log_fixture_fill(&fixture, 1);
    struct log_verification result = verify_with(&changed);
    assert_false(result.check.problem.is_found);
    assert_int_equal(result.check.totals.gaps, 1);
    assert_int_equal(result.check.totals.dropped, 7);
}

#define VERIFICATION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VERIFICATION_TEST(accepts_the_head_as_it_is),
        VERIFICATION_TEST(blames_a_head_that_tells_of_an_earlier_record_wrongly),
        VERIFICATION_TEST(accepts_a_head_that_a_crash_left_behind),
        VERIFICATION_TEST(blames_a_head_with_another_checkpoint),
        VERIFICATION_TEST(blames_a_head_with_another_key),
        VERIFICATION_TEST(counts_a_gap_that_no_record_tells_of_yet),
        VERIFICATION_TEST(counts_a_gap_once_when_a_crash_left_the_head_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
