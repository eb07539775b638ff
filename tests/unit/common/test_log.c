#include "common/cleanup.h"
#include "common/json.h"
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];

static int capture(void **state)
{
    (void) state;
    log_set_level(LOG_LEVEL_INFO);
    if (pipe(ends) < 0)
        return -1;
    log_set_descriptor(ends[1]);
    return 0;
}

static int release(void **state)
{
    (void) state;
    log_set_descriptor(STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Reads what was logged; exactly one line, as one write makes it. */
static size_t read_line(char line[LOG_LINE_BYTES + 1])
{
    ssize_t length = read(ends[0], line, LOG_LINE_BYTES);
    assert_true(length > 0);
    line[length] = '\0';
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    return (size_t) length;
}

static cJSON *read_entry(void)
{
    char line[LOG_LINE_BYTES + 1];
    const struct json_limits limits = {.bytes = sizeof line, .depth = 2};
    struct error error;
    cJSON *value = NULL;
    size_t length = read_line(line);
    assert_true(json_parse(line, length, &limits, &error, &value));
    return value;
}

static const char *text_of(const cJSON *entry, const char *key)
{
    return cJSON_GetStringValue(json_member(entry, key));
}

static void writes_one_json_object_per_line(void **state)
{
    (void) state;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_WARN, "something happened");
    log_string(&entry, "name", "value");
    log_string(&entry, "nothing", NULL);
    log_integer(&entry, "count", -42);
    log_boolean(&entry, "is_true", true);
    log_seconds(&entry, "duration_seconds", 1000000123);
    log_end(&entry);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_string_equal(text_of(value, "level"), "warn");
    assert_string_equal(text_of(value, "message"), "something happened");
    assert_string_equal(text_of(value, "name"), "value");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(value, "nothing")));
    assert_int_equal(json_member(value, "count")->valueint, -42);
    assert_true(cJSON_IsTrue(json_member(value, "is_true")));
    assert_float_equal(json_member(value, "duration_seconds")->valuedouble, 1.000000123, 1e-12);
}

static void begins_with_the_time_in_rfc_3339(void **state)
{
    (void) state;
    struct tm calendar = {0};
    time_t before = time(NULL);
    log_message(LOG_LEVEL_INFO, "now");
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    const char *text = text_of(value, "time");
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &calendar);
    assert_non_null(rest);
    assert_int_equal(strlen(rest), strlen(".123456Z"));
    assert_int_equal(rest[0], '.');
    assert_int_equal(rest[7], 'Z');
    time_t logged = timegm(&calendar);
    assert_in_range(logged, before, before + 5);
}

static void escapes_what_json_does_not_allow(void **state)
{
    (void) state;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_INFO, "escapes");
    log_string(&entry, "value", "a\"b\\c\nd\x01\x7f \xc3\xa9 \xff \xed\xa0\x80");
    log_end(&entry);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_string_equal(text_of(value, "value"),
                        "a\"b\\c\nd\x01\x7f \xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void cuts_a_string_one_past_its_limit(void **state)
{
    (void) state;
    char text[LOG_STRING_BYTES + 2];
    struct log_entry entry;
    memset(text, 'x', sizeof text);
    text[LOG_STRING_BYTES + 1] = '\0';
    log_begin(&entry, LOG_LEVEL_INFO, "long");
    log_string(&entry, "past", text);
    text[LOG_STRING_BYTES] = '\0';
    log_string(&entry, "at", text);
    log_end(&entry);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_string_equal(text_of(value, "at"), text);
    assert_int_equal(strlen(text_of(value, "past")), LOG_STRING_BYTES + 3);
    assert_string_equal(text_of(value, "past") + LOG_STRING_BYTES, "...");
}

/* Fills a line until `free_bytes` are left for fields. */
static void fill_line(struct log_entry *entry, size_t free_bytes)
{
    char text[LOG_STRING_BYTES + 1];
    size_t room = LOG_LINE_BYTES - strlen(",\"cut\":true}\n");
    memset(text, 'x', sizeof text);
    for (char key[] = "fa"; room - entry->length > free_bytes; key[1]++) {
        size_t rest = room - entry->length - free_bytes;
        size_t field = strlen(",\"fa\":\"\"");
        /* Never leave a rest too small for a field. */
        size_t length = rest > 2 * sizeof text ? LOG_STRING_BYTES : rest > sizeof text ? rest / 2 : rest;
        text[length - field] = '\0';
        log_string(entry, key, text);
        text[length - field] = 'x';
    }
}

static void keeps_a_line_that_is_exactly_full(void **state)
{
    (void) state;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_INFO, "full");
    fill_line(&entry, strlen(",\"n\":1"));
    log_integer(&entry, "n", 1);
    log_end(&entry);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_non_null(json_member(value, "n"));
    assert_null(json_member(value, "cut"));
}

static void leaves_out_a_field_one_byte_too_long_and_says_so(void **state)
{
    (void) state;
    struct log_entry entry;
    log_begin(&entry, LOG_LEVEL_INFO, "overfull");
    fill_line(&entry, strlen(",\"n\":1"));
    log_integer(&entry, "n", 10);
    log_string(&entry, "s", "text");
    log_end(&entry);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_null(json_member(value, "n"));
    assert_null(json_member(value, "s"));
    assert_true(cJSON_IsTrue(json_member(value, "cut")));
}

static void drops_what_is_below_the_level(void **state)
{
    (void) state;
    log_message(LOG_LEVEL_DEBUG, "not written");
    assert_false(log_is_enabled(LOG_LEVEL_DEBUG));
    log_set_level(LOG_LEVEL_DEBUG);
    log_message(LOG_LEVEL_DEBUG, "written");
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_string_equal(text_of(value, "message"), "written");
}

static void adds_an_error_as_code_and_reason(void **state)
{
    (void) state;
    struct error error;
    error_set(&error, ERROR_TOO_LARGE, "more than %d bytes", 7);
    log_failure(LOG_LEVEL_ERROR, "failed", &error);
    _cleanup_(cJSON_Deletep) cJSON *value = read_entry();
    assert_string_equal(text_of(value, "error"), "too_large");
    assert_string_equal(text_of(value, "reason"), "more than 7 bytes");
}

static void knows_its_levels_by_name(void **state)
{
    (void) state;
    struct error error;
    enum log_level level = LOG_LEVEL_DEBUG;
    for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_ERROR; i++) {
        assert_true(log_level_parse(log_level_name((enum log_level) i), &error, &level));
        assert_int_equal(level, i);
    }
    assert_true(log_level_parse("trace", &error, &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse("loud", &error, &level));
    assert_int_equal(error.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_one_json_object_per_line, capture, release),
        cmocka_unit_test_setup_teardown(begins_with_the_time_in_rfc_3339, capture, release),
        cmocka_unit_test_setup_teardown(escapes_what_json_does_not_allow, capture, release),
        cmocka_unit_test_setup_teardown(cuts_a_string_one_past_its_limit, capture, release),
        cmocka_unit_test_setup_teardown(keeps_a_line_that_is_exactly_full, capture, release),
        cmocka_unit_test_setup_teardown(leaves_out_a_field_one_byte_too_long_and_says_so, capture, release),
        cmocka_unit_test_setup_teardown(drops_what_is_below_the_level, capture, release),
        cmocka_unit_test_setup_teardown(adds_an_error_as_code_and_reason, capture, release),
        cmocka_unit_test(knows_its_levels_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
