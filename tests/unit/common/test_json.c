#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct json_limits limits = {.bytes = 4096, .depth = 8};

static bool parse(const char *text, struct error *error, cJSON **value)
{
    return json_parse(text, strlen(text), &limits, error, value);
}

static void assert_refused(const char *text, enum error_code code, const char *part)
{
    struct error error = {0};
    cJSON *value = NULL;
    if (parse(text, &error, &value))
        fail_msg("accepted: %s", text);
    assert_null(value);
    if (error.code != code || !strstr(error.message, part))
        fail_msg("%s: code %d, message \"%s\", expected \"%s\"", text, error.code, error.message, part);
}

static void assert_round_trip(const char *text)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    _cleanup_(freep) char *printed = NULL;
    if (!parse(text, &error, &value))
        fail_msg("%s: %s", text, error.message);
    assert_true(json_print(value, false, &error, &printed));
    assert_string_equal(printed, text);
}

static void keeps_what_it_does_not_touch_to_the_byte(void **state)
{
    (void) state;
    assert_round_trip("{\"a\":[1,-2,true,false,null,\"x\"],\"b\":{}}");
    assert_round_trip("[9007199254740993,18446744073709551615,-9223372036854775808]");
    assert_round_trip("[1.0,1e5,0.1,3.141592653589793238462643,-0,1E+2]");
    assert_round_trip("[999999999999999,1000000000000000]");
    assert_round_trip("\"\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80\"");
}

static void refuses_what_cjson_would_let_pass(void **state)
{
    (void) state;
    assert_refused("{\"a\":1,\"a\":2}", ERROR_INVALID, "duplicate member name \"a\"");
    assert_refused("{\"a\":1,\"\\u0061\":2}", ERROR_INVALID, "duplicate");
    assert_refused("\"x\\u0000y\"", ERROR_INVALID, "\\u0000");
    assert_refused("\"a\tb\"", ERROR_INVALID, "control character");
    assert_refused("\"\xff\"", ERROR_INVALID, "UTF-8");
    assert_refused("\"\xc0\xaf\"", ERROR_INVALID, "UTF-8");
    assert_refused("\"\xed\xa0\x80\"", ERROR_INVALID, "UTF-8");
    assert_refused("\"\xf4\x90\x80\x80\"", ERROR_INVALID, "UTF-8");
    assert_refused("\"\\ud800\"", ERROR_INVALID, "surrogate");
    assert_refused("\"\\udc00\"", ERROR_INVALID, "surrogate");
    assert_refused("\"\\ud800\\u0041\"", ERROR_INVALID, "surrogate");
    assert_refused("[01]", ERROR_INVALID, "must not begin with 0");
    assert_refused("[1.]", ERROR_INVALID, "digit");
    assert_refused("[+1]", ERROR_INVALID, "unexpected");
    assert_refused("[1e]", ERROR_INVALID, "digit");
    assert_refused("[1] x", ERROR_INVALID, "after the value");
    assert_refused("[nul]", ERROR_INVALID, "unexpected");
    assert_refused("\"\\x\"", ERROR_INVALID, "escape");
}

static void resolves_escapes(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        const char *meant;
    } examples[] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u0001\\u007f\\u0080\"", "a\x01\x7f\xc2\x80"},
        {"\"\\u07ff\\u0800\\uFFFF\"", "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"\"\\ud7ff\\uE000\"", "\xed\x9f\xbf\xee\x80\x80"},
        {"\"\\ud800\\udc00\\uDBFF\\uDFFF!\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf!"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct error error;
        _cleanup_(cJSON_Deletep) cJSON *value = NULL;
        if (!parse(examples[i].text, &error, &value))
            fail_msg("%s: %s", examples[i].text, error.message);
        assert_true(cJSON_IsString(value));
        assert_string_equal(value->valuestring, examples[i].meant);
    }
}

static void assert_number(const char *text, bool is_kept_as_text, double double_value, int int_value)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    assert_true(parse(text, &error, &value));
    assert_int_equal(cJSON_IsRaw(value), is_kept_as_text);
    assert_int_equal(cJSON_IsNumber(value), !is_kept_as_text);
    assert_true(value->valuedouble == double_value);
    assert_int_equal(value->valueint, int_value);
    if (is_kept_as_text)
        assert_string_equal(value->valuestring, text);
}

static void knows_what_numbers_a_double_holds(void **state)
{
    (void) state;
    assert_number("0", false, 0, 0);
    assert_number("-7", false, -7, -7);
    assert_number("2147483647", false, 2147483647.0, INT_MAX);
    assert_number("2147483648", false, 2147483648.0, INT_MAX);
    assert_number("-2147483649", false, -2147483649.0, INT_MIN);
    assert_number("-999999999999999", false, -999999999999999.0, INT_MIN);
    assert_number("1000000000000000", true, 1e15, 0);
    assert_number("-0", true, -0.0, 0);
    assert_number("1.5", true, 1.5, 0);
    assert_number("2E3", true, 2000, 0);
}

static bool parse_everything(void *context)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    return parse(context, &error, &value);
}

static void survives_every_allocation_failure(void **state)
{
    (void) state;
    static char text[] = "{\"a\":[1,2.50,\"x\\n\",{\"b\":null}],\"c\":true,\"d\":{}}";
    size_t runs;
    assert_true(allocation_fail_each(parse_everything, text, 1000, &runs));
    assert_true(runs > 20);
}

static void refuses_every_truncation(void **state)
{
    (void) state;
    static const char text[] = "{\"a\":[1,{\"b\":\"c\\u00e9\"}],\"d\":-1.5e3,\"e\":true}";
    for (size_t length = 0; length + 1 < sizeof text; length++) {
        struct error error;
        cJSON *value = NULL;
        assert_false(json_parse(text, length, &limits, &error, &value));
        assert_int_equal(error.code, ERROR_INVALID);
    }
}

static void names_line_and_column(void **state)
{
    (void) state;
    assert_refused("{\n  \"a\": 1,\n  \"b\" 2}", ERROR_INVALID, "line 3 column 7");
}

static void nests_to_the_limit_and_not_one_deeper(void **state)
{
    (void) state;
    assert_round_trip("[[[[[[[[]]]]]]]]");
    assert_refused("[[[[[[[[[]]]]]]]]]", ERROR_TOO_LARGE, "deep");
}

static void takes_text_of_the_limit_and_not_one_byte_more(void **state)
{
    (void) state;
    char text[4098];
    memset(text, ' ', sizeof text);
    text[0] = '1';
    struct error error;
    cJSON *value = NULL;
    assert_true(json_parse(text, 4096, &limits, &error, &value));
    cJSON_Delete(value);
    value = NULL;
    assert_false(json_parse(text, 4097, &limits, &error, &value));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

static void finds_duplicates_among_many_members(void **state)
{
    (void) state;
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        struct buffer text = BUFFER_INIT(4096);
        buffer_append_string(&text, "{");
        for (int i = 0; i < 200; i++)
            buffer_append_format(&text, "\"k%d\":0,", i);
        buffer_append_format(&text, "\"k%d\":1}", duplicate ? 7 : 200);
        struct error error;
        _cleanup_(cJSON_Deletep) cJSON *value = NULL;
        assert_int_equal(parse(buffer_string(&text), &error, &value), !duplicate);
        buffer_done(&text);
    }
}

static void text_of_a_member_is_never_null(void **state)
{
    (void) state;
    static const char *const without[] = {"empty", "n", "i", "big", "o", "a", "t", "absent"};
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    assert_true(parse("{\"s\":\"x\",\"empty\":\"\",\"n\":null,\"i\":5,\"big\":9007199254740993,\"o\":{},"
                      "\"a\":[\"x\"],\"t\":true}",
                      &error, &value));
    assert_string_equal(json_text(value, "s"), "x");
    assert_ptr_equal(json_text(value, "s"), json_member(value, "s")->valuestring);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        assert_string_equal(json_text(value, without[i]), "");
    assert_string_equal(json_text(json_member(value, "a"), "x"), "");
    assert_string_equal(json_text(NULL, "s"), "");
}

static void reads_members_by_type_and_names_the_field(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    assert_true(
        parse("{\"s\":\"x\",\"i\":5,\"big\":9007199254740993,\"n\":null,\"o\":{},\"t\":true,\"f\":1.5}",
              &error, &value));
    const struct json_path *path = JSON_ELEMENT(JSON_MEMBER(JSON_ROOT, "list"), 2);
    const char *string = "";
    int64_t integer;
    bool boolean;
    cJSON *tree;
    assert_true(json_read_string(value, path, "s", &error, &string));
    assert_string_equal(string, "x");
    assert_true(json_read_string(value, path, "n", &error, &string));
    assert_null(string);
    assert_true(json_read_integer(value, path, "big", 0, INT64_MAX, 0, &error, &integer));
    assert_int_equal(integer, 9007199254740993);
    assert_true(json_read_integer(value, path, "i", 5, 5, 0, &error, &integer));
    assert_false(json_read_integer(value, path, "i", 6, 9, 0, &error, &integer));
    assert_string_equal(error.message, "list[2].i: must be between 6 and 9, not 5");
    assert_false(json_read_integer(value, path, "f", 0, 9, 0, &error, &integer));
    assert_true(json_read_boolean(value, path, "absent", true, &error, &boolean));
    assert_true(boolean);
    assert_false(json_read_boolean(value, path, "s", true, &error, &boolean));
    assert_string_equal(error.message, "list[2].s: must be a boolean, not a string");
    assert_false(json_read_array(value, path, "o", &error, &tree));
    assert_string_equal(error.message, "list[2].o: must be an array, not an object");
    assert_false(json_require_string(value, path, "n", &error, &string));
    assert_string_equal(error.message, "list[2].n: must be set and not empty");
}

static void prints_fields_and_pointers(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(256);
    const struct json_path *annotations = JSON_MEMBER(JSON_MEMBER(JSON_ROOT, "metadata"), "annotations");
    const struct json_path *path = JSON_MEMBER(annotations, "example.com/a~b");
    json_path_append_field(path, &buffer);
    assert_string_equal(buffer_string(&buffer), "metadata.annotations[example.com/a~b]");
    buffer_clear(&buffer);
    json_path_append_pointer(path, &buffer);
    assert_string_equal(buffer_string(&buffer), "/metadata/annotations/example.com~1a~0b");
    buffer_clear(&buffer);
    json_path_append_pointer(JSON_ROOT, &buffer);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_done(&buffer);
}

static void compares_without_regard_to_member_order(void **state)
{
    (void) state;
    static const struct {
        const char *left, *right;
        bool is_equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", true},
        {"{\"a\":null}", "{}", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,2]", false},
        {"9007199254740993", "9007199254740992", false},
        {"1.0", "1.0", true},
        {"true", "false", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"\"1\"", "1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        _cleanup_(cJSON_Deletep) cJSON *left = NULL;
        _cleanup_(cJSON_Deletep) cJSON *right = NULL;
        assert_true(parse(cases[i].left, &error, &left));
        assert_true(parse(cases[i].right, &error, &right));
        assert_int_equal(json_equal(left, right), cases[i].is_equal);
        assert_int_equal(json_equal(right, left), cases[i].is_equal);
    }
}

static void inserts_an_element_anywhere(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *array = cJSON_CreateArray();
    json_insert_element(array, 0, cJSON_CreateNumber(2));
    json_insert_element(array, 0, cJSON_CreateNumber(0));
    json_insert_element(array, 1, cJSON_CreateNumber(1));
    json_insert_element(array, 3, cJSON_CreateNumber(3));
    json_insert_element(array, 99, cJSON_CreateNumber(4));
    _cleanup_(freep) char *printed = NULL;
    assert_true(json_print(array, false, &error, &printed));
    assert_string_equal(printed, "[0,1,2,3,4]");
    assert_ptr_equal(array->child->prev, cJSON_GetArrayItem(array, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_does_not_touch_to_the_byte),
        cmocka_unit_test(inserts_an_element_anywhere),
        cmocka_unit_test(refuses_what_cjson_would_let_pass),
        cmocka_unit_test(resolves_escapes),
        cmocka_unit_test(knows_what_numbers_a_double_holds),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(names_line_and_column),
        cmocka_unit_test(nests_to_the_limit_and_not_one_deeper),
        cmocka_unit_test(takes_text_of_the_limit_and_not_one_byte_more),
        cmocka_unit_test(finds_duplicates_among_many_members),
        cmocka_unit_test(text_of_a_member_is_never_null),
        cmocka_unit_test(reads_members_by_type_and_names_the_field),
        cmocka_unit_test(prints_fields_and_pointers),
        cmocka_unit_test(compares_without_regard_to_member_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
