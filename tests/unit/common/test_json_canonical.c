#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_canonical.h"
#include "tests/support/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_canonical(const char *json, const char *expected)
{
    static const struct json_limits limits = {.bytes = 4096, .depth = 16};
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    _cleanup_(buffer_done) struct buffer canonical = BUFFER_INIT(4096);
    assert_true(json_parse(json, strlen(json), &limits, &error, &value));
    assert_true(json_append_canonical(value, &error, &canonical));
    assert_string_equal(buffer_string(&canonical), expected);
}

static void sorts_members_at_every_level(void **state)
{
    (void) state;
    assert_canonical("{\"b\": {\"d\": 1, \"c\": 2}, \"a\": [{\"z\": 1, \"y\": 2}], \"B\": 0, \"\": 1}",
                     "{\"\":1,\"B\":0,\"a\":[{\"y\":2,\"z\":1}],\"b\":{\"c\":2,\"d\":1}}");
}

/* U+1F600 is 0xD83D 0xDE00 in UTF-16, so it comes before U+FB33 though it is the greater character; U+D7FF
 * (0xED in UTF-8) comes before both, and a surrogate's second half counts too. */
static void sorts_members_by_their_utf16(void **state)
{
    (void) state;
    assert_canonical("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\ud7ff\":3,\"\\u20ac\":4,\"\\r\":5,\"1\":6,"
                     "\"\\u0080\":7,\"\\u00f6\":8,\"\\ue000\":9,\"\\ud83d\\ude01\":10,\"\\udbff\\udfff\":11}",
                     "{\"\\r\":5,\"1\":6,\"\xC2\x80\":7,\"\xC3\xB6\":8,\"\xE2\x82\xAC\":4,"
                     "\"\xED\x9F\xBF\":3,\"\xF0\x9F\x98\x80\":2,\"\xF0\x9F\x98\x81\":10,"
                     "\"\xF4\x8F\xBF\xBF\":11,\"\xEE\x80\x80\":9,\"\xEF\xAC\xB3\":1}");
}

/* Few members are sorted in another way than many. */
static void sorts_objects_of_any_size(void **state)
{
    (void) state;
    for (int count = 30; count <= 36; count++) {
        char json[1024] = "{", expected[1024] = "{", member[32];
        for (int i = 0; i < count; i++) {
            snprintf(member, sizeof member, "%s\"%02d\":0", i ? "," : "", i * 7 % count);
            strncat(json, member, sizeof json - strlen(json) - 1);
            snprintf(member, sizeof member, "%s\"%02d\":0", i ? "," : "", i);
            strncat(expected, member, sizeof expected - strlen(expected) - 1);
        }
        strncat(json, "}", sizeof json - strlen(json) - 1);
        strncat(expected, "}", sizeof expected - strlen(expected) - 1);
        if (count % 7 != 0)
            assert_canonical(json, expected);
    }
}

/* What is in order already is not sorted, and what is not may show only at its end. */
static void finds_what_is_out_of_order_anywhere(void **state)
{
    (void) state;
    assert_canonical("{}", "{}");
    assert_canonical("{\"b\":0}", "{\"b\":0}");
    assert_canonical("{\"a\":0,\"ab\":1,\"b\":2}", "{\"a\":0,\"ab\":1,\"b\":2}");
    assert_canonical("{\"ab\":1,\"a\":0,\"b\":2}", "{\"a\":0,\"ab\":1,\"b\":2}");
    assert_canonical("{\"a\":0,\"c\":1,\"b\":2}", "{\"a\":0,\"b\":2,\"c\":1}");
    assert_canonical("{\"a\":0,\"b\":{\"d\":1,\"c\":2}}", "{\"a\":0,\"b\":{\"c\":2,\"d\":1}}");
}

static bool append_everything(void *context)
{
    struct error error;
    _cleanup_(buffer_done) struct buffer canonical = BUFFER_INIT(4096);
    bool is_appended = json_append_canonical(context, &error, &canonical);
    return is_appended && canonical.length > 500;
}

/* An object of many members needs memory to sort them, and the buffer to grow. */
static void survives_every_allocation_failure(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    for (int i = 40; i > 0; i--) {
        char key[16];
        snprintf(key, sizeof key, "key\n%d", i);
        assert_non_null(cJSON_AddStringToObject(object, key, "\"some\" text"));
    }
    size_t runs;
    assert_true(allocation_fail_each(append_everything, object, 100, &runs));
    assert_true(runs >= 4);
}

static void writes_every_kind_of_value(void **state)
{
    (void) state;
    assert_canonical("[null, true, false, 0, -1, 12345678901234567890, 1.50, \"\", {}, []]",
                     "[null,true,false,0,-1,12345678901234567890,1.50,\"\",{},[]]");
}

static void escapes_only_what_must_be(void **state)
{
    (void) state;
    assert_canonical("\"\\u0001\\b\\t\\n\\f\\r\\u001f\\\"\\\\\\/\\u00e4\\u007f\"",
                     "\"\\u0001\\b\\t\\n\\f\\r\\u001f\\\"\\\\/\xC3\xA4\x7F\"");
    assert_canonical("{\"\\n\\\"\": 1}", "{\"\\n\\\"\":1}");
}

static void stops_at_the_buffers_maximum(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = cJSON_CreateString("1234");
    _cleanup_(buffer_done) struct buffer exact = BUFFER_INIT(6);
    _cleanup_(buffer_done) struct buffer less = BUFFER_INIT(5);
    assert_true(json_append_canonical(value, &error, &exact));
    assert_false(json_append_canonical(value, &error, &less));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_members_at_every_level),
        cmocka_unit_test(sorts_members_by_their_utf16),
        cmocka_unit_test(sorts_objects_of_any_size),
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(finds_what_is_out_of_order_anywhere),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(escapes_only_what_must_be),
        cmocka_unit_test(stops_at_the_buffers_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
