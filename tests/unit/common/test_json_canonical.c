#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(escapes_only_what_must_be),
        cmocka_unit_test(stops_at_the_buffers_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
