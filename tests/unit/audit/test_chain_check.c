/* Every kind of damage to a log of 1,000 records is found, and the right record is named. AUDIT_STEP (1): of
 * how many bytes one is changed.
 */
#include "tests/unit/audit/log_fixture.h"

#include "common/file.h"
#include "common/json_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS 1000
#define LOG_BYTES ((size_t) 4 << 20)

static struct log_fixture fixture;
static char *text; /* of the only file */
static size_t length;
static struct audit_head head;
static struct {
    const char *start;
    size_t length; /* without the newline */
} lines[RECORDS];
static struct chain_check before[RECORDS]; /* the check in front of each record */
static const struct chain_keys any_key = {.count = 0};

static void check(struct chain_check *state, const char *start, size_t bytes, size_t number)
{
    struct error error;
    cJSON *record = NULL;
    struct json_arena arena;
    const struct audit_log_line line = {.file = "log", .number = number, .text = start, .length = bytes};
    json_arena_enter(&arena);
    assert_true(chain_check_line(state, &line, &error, &record));
    cJSON_Delete(record);
    json_arena_leave(&arena);
}

/* Checks what text stands from line `at` of the original on, two records past the change and the end. */
static struct chain_problem check_from(size_t at, const char *changed, size_t bytes, size_t following)
{
    struct chain_check state = before[at];
    size_t number = at + 1;
    const char *end = changed + bytes;
    while (changed < end) {
        const char *newline = memchr(changed, '\n', (size_t) (end - changed));
        if (!newline)
            break;
        check(&state, changed, (size_t) (newline - changed), number++);
        changed = newline + 1;
    }
    for (size_t i = following; i < RECORDS && i < following + 2; i++)
        check(&state, lines[i].start, lines[i].length, number++);
    if (following + 2 >= RECORDS)
        chain_check_end(&state, &head);
    return state.problem;
}

static int set_up(void **state)
{
    (void) state;
    struct error error;
    char path[TEMPORARY_PATH_BYTES * 2], *head_text;
    size_t head_length;
    log_fixture_make(&fixture);
    log_fixture_fill(&fixture, RECORDS);
    snprintf(path, sizeof path, "%s/audit-00000000000000000001.jsonl", fixture.directory);
    assert_true(file_read(path, LOG_BYTES, &error, &text, &length));
    snprintf(path, sizeof path, "%s/head.json", fixture.directory);
    assert_true(file_read(path, LOG_BYTES, &error, &head_text, &head_length));
    assert_true(audit_head_parse(head_text, head_length, &error, &head));
    free(head_text);
    struct chain_check whole;
    chain_check_begin(&whole, &any_key, false);
    const char *at = text;
    for (size_t i = 0; i < RECORDS; i++) {
        const char *newline = strchr(at, '\n');
        lines[i].start = at;
        lines[i].length = (size_t) (newline - at);
        before[i] = whole;
        check(&whole, at, lines[i].length, i + 1);
        at = newline + 1;
    }
    chain_check_end(&whole, &head);
    assert_false(whole.problem.is_found);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    free(text);
    log_fixture_remove(&fixture);
    return 0;
}

/* A change in the newline joins two records, which the first of them is named for. */
static void finds_every_changed_byte(void **state)
{
    (void) state;
    const char *given = getenv("AUDIT_STEP");
    size_t step = given ? strtoul(given, NULL, 10) : 1, line = 0, tried = 0;
    static char changed[8192];
    for (size_t i = 0; i < length; i += step) {
        while ((size_t) (text + i - lines[line].start) > lines[line].length)
            line++;
        size_t offset = (size_t) (text + i - lines[line].start), bytes = lines[line].length + 1;
        size_t following = line + 1;
        if (offset == lines[line].length && following < RECORDS) {
            bytes += lines[line + 1].length + 1;
            following++;
        }
        memcpy(changed, lines[line].start, bytes);
        changed[offset] = (char) (changed[offset] ^ (char) (1 << (i % 7)));
        struct chain_problem problem = check_from(line, changed, bytes, following);
        if (!problem.is_found || problem.place.sequence != line + 1)
            fail_msg("byte %zu of record %zu: %s %llu", offset, line + 1,
                     problem.is_found ? problem.message : "nothing",
                     (unsigned long long) problem.place.sequence);
        tried++;
    }
    print_message("%zu of %zu bytes changed\n", tried, length);
}

/* Without the last record the log is behind its head. */
static void finds_every_deleted_record(void **state)
{
    (void) state;
    for (size_t i = 0; i < RECORDS; i++) {
        struct chain_problem problem = check_from(i, "", 0, i + 1);
        assert_true(problem.is_found);
        assert_int_equal(problem.place.sequence, i + 1);
    }
}

static void finds_every_exchange_of_neighbours(void **state)
{
    (void) state;
    static char changed[8192];
    for (size_t i = 0; i + 1 < RECORDS; i++) {
        memcpy(changed, lines[i + 1].start, lines[i + 1].length + 1);
        memcpy(changed + lines[i + 1].length + 1, lines[i].start, lines[i].length + 1);
        struct chain_problem problem =
            check_from(i, changed, lines[i].length + lines[i + 1].length + 2, i + 2);
        assert_true(problem.is_found);
        assert_int_equal(problem.place.sequence, i + 1);
    }
}

static void finds_every_doubled_record(void **state)
{
    (void) state;
    static char changed[8192];
    for (size_t i = 0; i < RECORDS; i++) {
        memcpy(changed, lines[i].start, lines[i].length + 1);
        memcpy(changed + lines[i].length + 1, lines[i].start, lines[i].length + 1);
        struct chain_problem problem = check_from(i, changed, 2 * (lines[i].length + 1), i + 1);
        assert_true(problem.is_found);
        assert_int_equal(problem.place.line, i + 2);
        assert_non_null(strstr(problem.message, "a second time"));
    }
}

static void finds_every_cut_at_a_record(void **state)
{
    (void) state;
    for (size_t i = 0; i < RECORDS; i++) {
        struct chain_check cut = before[i];
        chain_check_end(&cut, &head);
        assert_true(cut.problem.is_found);
        assert_int_equal(cut.problem.place.sequence, i + 1);
    }
}

int main(void)
{
    json_arena_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_changed_byte),           cmocka_unit_test(finds_every_deleted_record),
        cmocka_unit_test(finds_every_exchange_of_neighbours), cmocka_unit_test(finds_every_doubled_record),
        cmocka_unit_test(finds_every_cut_at_a_record),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
