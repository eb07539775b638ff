#include "common/cleanup.h"
#include "common/json.h"
#include "driver/sandboxes/platform_event.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/token.h"
#include "kubernetes/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static cJSON *parse(const char *text)
{
    static const struct json_limits limits = {64 * 1024, 32};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s", error.message);
    return value;
}

static void reads_the_times_of_a_token(void **state)
{
    (void) state;
    struct error error;
    struct token_times times;
    /* {"iat":1000,"exp":2000} and {"iat":1000,"exp":0} */
    assert_true(token_read_times("h.eyJpYXQiOjEwMDAsImV4cCI6MjAwMH0.s", &error, &times));
    assert_int_equal(times.issued_s, 1000);
    assert_int_equal(times.expires_s, 2000);
    assert_int_equal(token_renewal_time(&times), 1800);
    assert_true(token_read_times("h.eyJpYXQiOjEwMDAsImV4cCI6MH0.s", &error, &times));
    assert_int_equal(token_renewal_time(&times), 0);
}

static void refuses_tokens_without_quoting_them(void **state)
{
    (void) state;
    static const char *const bad[] = {"", "secret", "secret.", "a.secret", "a.!!!.b", "a.c2VjcmV0.b", "a..b"};
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
        struct error error;
        struct token_times times;
        assert_false(token_read_times(bad[index], &error, &times));
        assert_null(strstr(error.message, "secret"));
    }
}

#define RECORD(annotations, data)                                                                            \
    "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\",\"annotations\":{" annotations                   \
    "}},\"data\":{" data "}}"

static void reads_what_a_record_asks_for(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        enum desired_state desired;
        bool is_creating;
        const char *starting_by;
    } records[] = {
        {RECORD("", ""), DESIRED_RUNNING, false, ""},
        {RECORD("\"openshell.ai/desired-state\":\"Stopped\",\"openshell.ai/phase\":\"Created\"", ""),
         DESIRED_STOPPED, false, ""},
        {RECORD("\"openshell.ai/desired-state\":\"Deleted\"", ""), DESIRED_DELETED, false, ""},
        {RECORD("\"openshell.ai/phase\":\"Creating\",\"openshell.ai/starting\":\"0123456789abcdef\"", ""),
         DESIRED_RUNNING, true, "0123456789abcdef"},
        {RECORD("\"openshell.ai/desired-state\":7,\"openshell.ai/phase\":null", ""), DESIRED_RUNNING, false,
         ""},
    };
    for (size_t index = 0; index < sizeof records / sizeof *records; index++) {
        _cleanup_(cJSON_Deletep) cJSON *object = parse(records[index].text);
        struct record_state record;
        record_read(object, &record);
        assert_true(record.exists);
        assert_int_equal(record.version, 7);
        assert_int_equal(record.desired, records[index].desired);
        assert_int_equal(record.is_creating, records[index].is_creating);
        assert_string_equal(record.starting_by, records[index].starting_by);
    }
}

static void refuses_documents_that_it_did_not_write(void **state)
{
    (void) state;
    static const char *const bad[] = {
        RECORD("", ""),
        RECORD("", "\"sandbox.json\":\"!\""),
        RECORD("", "\"sandbox.json\":\"e30=\""),                 /* {} */
        RECORD("", "\"sandbox.json\":\"eyJ2ZXJzaW9uIjoyfQ==\""), /* {"version":2} */
        RECORD("", "\"sandbox.json\":\"eyJ2ZXJzaW9uIjoxfQ==\""), /* {"version":1}: no id */
        RECORD("", "\"sandbox.json\":7"),
    };
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
        _cleanup_(cJSON_Deletep) cJSON *object = parse(bad[index]);
        struct error error;
        cJSON *document = NULL;
        assert_false(record_read_document(object, &error, &document));
        assert_int_equal(error.code, ERROR_INVALID);
    }
}

static void gives_back_the_document_and_the_token_it_wrote(void **state)
{
    (void) state;
    struct error error;
    struct driver_configuration *configuration = NULL;
    assert_true(driver_configuration_load(NULL, 0, NULL, &error, &configuration));
    _cleanup_(cJSON_Deletep) cJSON *document =
        parse("{\"version\":1,\"id\":\"an-id\",\"name\":\"sb\",\"workspace\":\"default\",\"tty\":true}");
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    assert_true(record_build(configuration, document, "token", "me", &error, &record));
    const cJSON *data = json_member(record, "stringData");
    assert_string_equal(json_member(data, "sandbox.jwt")->valuestring, "token");
    _cleanup_(cJSON_Deletep) cJSON *again = parse(json_member(data, "sandbox.json")->valuestring);
    assert_true(json_equal(document, again));
    struct record_state read;
    record_read(record, &read);
    assert_true(read.is_creating);
    assert_string_equal(read.starting_by, "me");
    driver_configuration_free(configuration);
}

static void reads_times_of_events(void **state)
{
    (void) state;
    assert_int_equal(platform_event_time_ms("1970-01-01T00:00:01Z"), 1000);
    assert_int_equal(platform_event_time_ms("2026-01-02T03:04:06.123456Z"), 1767323046123);
    assert_int_equal(platform_event_time_ms(""), 0);
    assert_int_equal(platform_event_time_ms("2026-01-02"), 0);
    assert_int_equal(platform_event_time_ms("2026-01-02T03:04:06+01:00"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_times_of_a_token),
        cmocka_unit_test(refuses_tokens_without_quoting_them),
        cmocka_unit_test(reads_what_a_record_asks_for),
        cmocka_unit_test(refuses_documents_that_it_did_not_write),
        cmocka_unit_test(gives_back_the_document_and_the_token_it_wrote),
        cmocka_unit_test(reads_times_of_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
