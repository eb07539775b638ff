#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Strings are looked through several bytes at a time: longer than five times what is looked at together. */
#define LENGTH_MAXIMUM 40

/* More than the longest text and what one character of it becomes, with quotes, comma and colon. */
#define TEXT_BYTES 128

static const struct json_limits limits = {.bytes = 4096, .depth = 8};

static bool parse(const char *text, struct error *error, cJSON **value)
{
    return json_parse(text, strlen(text), &limits, error, value);
}

static void assert_prints_as_cjson(cJSON *made)
{
    _cleanup_(cJSON_Deletep) cJSON *value = made;
    struct error error;
    _cleanup_(freep) char *printed = NULL;
    assert_non_null(value);
    _cleanup_(freep) char *expected = cJSON_PrintUnformatted(value);
    assert_true(json_print(value, false, &error, &printed));
    assert_string_equal(printed, expected);
}

static void prints_every_kind_of_number(void **state)
{
    (void) state;
    const double numbers[] = {0,
                              1,
                              -1,
                              4294967294.0,
                              999999999999999.0,
                              1e15,
                              -1e15,

                              1.0E21,
                              1e-07,
                              0.1,
                              1.0 / 3,
                              -2.5,
                              1e300,
                              5e-324,
                              (double) INFINITY};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_prints_as_cjson(cJSON_CreateNumber(numbers[i]));
    /* cJSON takes this for equal to its 15 digits. */
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *exact = cJSON_CreateNumber(9007199254740991.0);
    _cleanup_(freep) char *printed = NULL;
    assert_true(json_print(exact, false, &error, &printed));
    assert_string_equal(printed, "9007199254740991");
}

static void escapes_only_what_must_be_escaped(void **state)
{
    (void) state;
    char every[128];
    for (int i = 0; i < 127; i++)
        every[i] = (char) (i + 1);
    every[127] = '\0';
    assert_prints_as_cjson(cJSON_CreateString(every));
    assert_prints_as_cjson(cJSON_CreateString(""));
    struct buffer buffer = BUFFER_INIT(64);
    assert_true(json_append_string(&buffer, "\"a\"/\\\n\x01\x7f"));
    assert_string_equal(buffer_string(&buffer), "\"\\\"a\\\"/\\\\\\n\\u0001\x7f\"");
    buffer_done(&buffer);
}

/* A limit that counts bytes cuts characters in two; what was printed could not be read again. */
static void replaces_what_is_no_character(void **state)
{
    (void) state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xc3", "\"a\xef\xbf\xbd\""},
        {"\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xff\"\xc3\"\xa9", "\"\xef\xbf\xbd\\\"\xef\xbf\xbd\\\"\xef\xbf\xbd\""},
        {"\xed\xa0\x80z", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(64);
        _cleanup_(cJSON_Deletep) cJSON *value = NULL;
        assert_true(json_append_string(&buffer, cases[i].text));
        assert_string_equal(buffer_string(&buffer), cases[i].expected);
        assert_true(parse(buffer_string(&buffer), &error, &value));
    }
}

static void says_when_the_text_does_not_fit(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    assert_true(parse("{\"a\":[1,\"b\",true]}", &error, &value));
    struct buffer room = BUFFER_INIT(18), narrow = BUFFER_INIT(17);
    assert_true(json_append(&room, value));
    assert_false(json_append(&narrow, value));
    assert_false(buffer_check(&narrow, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_done(&room);
    buffer_done(&narrow);
}

/* What a string may hold, and what becomes of it. */
static const struct kind {
    const char *text, *printed;
} kinds[] = {
    {"", ""},
    {"\"", "\\\""},
    {"\\", "\\\\"},
    {"\x01", "\\u0001"},
    {"\x1f", "\\u001f"},
    {"\n", "\\n"},
    {"\x7f", "\x7f"},
    {"\xc3\xa9", "\xc3\xa9"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xff", "\xef\xbf\xbd"},
    {"\xc3", "\xef\xbf\xbd"},
    {"\xf0\x9f", "\xef\xbf\xbd\xef\xbf\xbd"},
};

/* A text, and how it stands in JSON as a string and as the key of a second member. */
struct example {
    char text[TEXT_BYTES], string[TEXT_BYTES], key[TEXT_BYTES];
};

static struct example make_example(const struct kind *kind, int before, int behind)
{
    static const char letters[] = "abcdefgh !#[]^~|zyxwvuABCDEFGHIJKLMNOPQRST";
    struct example example;
    snprintf(example.text, TEXT_BYTES, "%.*s%s%.*s", before, letters, kind->text, behind, letters);
    snprintf(example.string, TEXT_BYTES, "\"%.*s%s%.*s\"", before, letters, kind->printed, behind, letters);
    snprintf(example.key, TEXT_BYTES, ",\"%.*s%s%.*s\":", before, letters, kind->printed, behind, letters);
    return example;
}

static void for_each_example(void (*check)(const struct example *example))
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int length = 0; length <= LENGTH_MAXIMUM; length++) {
            for (int before = 0; before <= length; before++) {
                struct example example = make_example(&kinds[i], before, length - before);
                check(&example);
            }
        }
    }
}

static void check_printed(const struct example *example)
{
    _cleanup_(buffer_done) struct buffer string = BUFFER_INIT(256);
    _cleanup_(buffer_done) struct buffer key = BUFFER_INIT(256);
    assert_true(json_append_string(&string, example->text));
    assert_string_equal(buffer_string(&string), example->string);
    assert_int_equal(string.length, strlen(example->string));
    assert_true(json_append_key(&key, ',', example->text));
    assert_string_equal(buffer_string(&key), example->key);
    assert_int_equal(key.length, strlen(example->key));
}

static void prints_every_kind_of_byte_at_every_place_of_every_length(void **state)
{
    (void) state;
    for_each_example(check_printed);
}

static void check_cut(const struct buffer *buffer)
{
    struct error error;
    assert_false(buffer_check(buffer, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(strlen(buffer_string(buffer)), buffer->length);
    assert_true(buffer->length <= buffer->maximum);
}

static void check_limits(const struct example *example)
{
    size_t string_bytes = strlen(example->string), key_bytes = strlen(example->key);
    struct buffer string = BUFFER_INIT(string_bytes), short_string = BUFFER_INIT(string_bytes - 1);
    struct buffer key = BUFFER_INIT(key_bytes), short_key = BUFFER_INIT(key_bytes - 1);
    assert_true(json_append_string(&string, example->text));
    assert_string_equal(buffer_string(&string), example->string);
    assert_true(json_append_key(&key, ',', example->text));
    assert_string_equal(buffer_string(&key), example->key);
    assert_false(json_append_string(&short_string, example->text));
    check_cut(&short_string);
    assert_false(json_append_key(&short_key, ',', example->text));
    check_cut(&short_key);
    buffer_done(&string);
    buffer_done(&short_string);
    buffer_done(&key);
    buffer_done(&short_key);
}

static void takes_a_string_of_the_maximum_and_not_one_byte_more(void **state)
{
    (void) state;
    for_each_example(check_limits);
}

/* The memory holds other text from before. */
static void terminates_what_is_cut_at_any_byte(void **state)
{
    (void) state;
    static const char *const texts[] = {"plain text", "plain\n and \x01 more of \"it\"", "replaced\xff",
                                        "\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t maximum = 0; maximum < 40; maximum++) {
            struct buffer buffer = BUFFER_INIT(maximum);
            while (buffer.length < maximum)
                assert_true(buffer_append_character(&buffer, 'x'));
            buffer_clear(&buffer);
            if (!json_append_string(&buffer, texts[i]))
                check_cut(&buffer);
            buffer_clear(&buffer);
            if (!json_append_key(&buffer, ',', texts[i]))
                check_cut(&buffer);
            buffer_done(&buffer);
        }
    }
}

static void appends_nothing_after_a_failure(void **state)
{
    (void) state;
    struct buffer buffer = BUFFER_INIT(8);
    assert_false(buffer_append_string(&buffer, "123456789"));
    assert_false(json_append_string(&buffer, ""));
    assert_false(json_append_string(&buffer, "\n"));
    assert_false(json_append_key(&buffer, '{', "a"));
    assert_false(json_append_member(&buffer, "a", "b"));
    assert_string_equal(buffer_string(&buffer), "");
    buffer_done(&buffer);
}

static void appends_members_and_their_names(void **state)
{
    (void) state;
    _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(64);
    assert_true(json_append_key(&buffer, '{', "a\"b"));
    assert_true(json_append_string(&buffer, "c"));
    assert_true(json_append_member(&buffer, "d", "e\\"));
    assert_true(json_append_name(&buffer, "f"));
    assert_string_equal(buffer_string(&buffer), "{\"a\\\"b\":\"c\",\"d\":\"e\\\\\",\"f\":");
}

static bool print_everything(void *context)
{
    struct error error;
    _cleanup_(freep) char *text = NULL;
    return json_print(context, false, &error, &text);
}

/* More than the first memory of a buffer, of plain text as well as of escapes. */
static void survives_every_allocation_failure(void **state)
{
    (void) state;
    struct error error;
    struct buffer text = BUFFER_INIT(4096);
    for (int i = 0; i < 60; i++)
        buffer_append_format(&text, "%s\"key %d\":\"%s\"", i ? "," : "{", i,
                             i % 2 ? "long and plain" : "\\n\\u0001\\\"");
    buffer_append_character(&text, '}');
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    assert_true(parse(buffer_string(&text), &error, &value));
    buffer_done(&text);
    size_t runs;
    assert_true(allocation_fail_each(print_everything, value, 100, &runs));
    assert_true(runs >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_every_kind_of_number),
        cmocka_unit_test(escapes_only_what_must_be_escaped),
        cmocka_unit_test(replaces_what_is_no_character),
        cmocka_unit_test(says_when_the_text_does_not_fit),
        cmocka_unit_test(prints_every_kind_of_byte_at_every_place_of_every_length),
        cmocka_unit_test(takes_a_string_of_the_maximum_and_not_one_byte_more),
        cmocka_unit_test(terminates_what_is_cut_at_any_byte),
        cmocka_unit_test(appends_nothing_after_a_failure),
        cmocka_unit_test(appends_members_and_their_names),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
