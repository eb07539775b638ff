#include "common/cleanup.h"
#include "common/json.h"
#include "common/yaml.h"
#include "tests/support/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct yaml_limits limits = {.bytes = 65536, .depth = 32, .nodes = 10000, .documents = 1};

static cJSON *parse_json(const char *json)
{
    static const struct json_limits json_limits = {.bytes = 65536, .depth = 32};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(json, strlen(json), &json_limits, &error, &value))
        fail_msg("%s\n%s", json, error.message);
    return value;
}

/* Prints, compares, reads back and compares the tree. */
static void assert_prints(const char *json, const char *yaml)
{
    struct error error = {0};
    struct yaml_documents documents = {0};
    _cleanup_(cJSON_Deletep) cJSON *value = parse_json(json);
    _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(65536);
    if (!yaml_append_document(value, &error, &buffer))
        fail_msg("%s\n%s", json, error.message);
    if (yaml)
        assert_string_equal(buffer_string(&buffer), yaml);
    if (!yaml_parse_documents(buffer.data, buffer.length, &limits, &error, &documents))
        fail_msg("%s\n%s", buffer_string(&buffer), error.message);
    if (!json_equal(value, documents.items[0]))
        fail_msg("%s\ncomes back as another value", buffer_string(&buffer));
    yaml_documents_done(&documents);
}

static void prints_blocks_as_kubectl_does(void **state)
{
    (void) state;
    assert_prints(
        "{\"a\":{\"b\":[1,{\"c\":\"d\",\"e\":[\"f\"]},[\"g\"]]},\"h\":{},\"i\":[],\"j\":null,\"k\":true}",
        "a:\n"
        "  b:\n"
        "  - 1\n"
        "  - c: d\n"
        "    e:\n"
        "    - f\n"
        "  - - g\n"
        "h: {}\n"
        "i: []\n"
        "j: null\n"
        "k: true\n");
}

static void prints_roots_of_every_kind(void **state)
{
    (void) state;
    assert_prints("\"text\"", "text\n");
    assert_prints("\"null\"", "\"null\"\n");
    assert_prints("null", "null\n");
    assert_prints("7", "7\n");
    assert_prints("{}", "{}\n");
    assert_prints("[\"a\"]", "- a\n");
}

static void quotes_what_a_reader_would_take_for_something_else(void **state)
{
    (void) state;
    static const char *const ambiguous[] = {
        "y",
        "n",
        "yes",
        "No",
        "on",
        "OFF",
        "true",
        "False",
        "null",
        "~",
        "1",
        "-1",
        "+1",
        "010",
        "0x1",
        "0o7",
        "0b1",
        "1_000",
        "1.5",
        ".5",
        "1e3",
        "1e400",
        ".inf",
        ".nan",
        "1.",
        "0x_",
        "1:30",
        "190:20:30.15",
        "=",
        "<<",
        "",
        "2001-01-01",
        "2001-1-1 1:2:3",
        ".1__5",
    };
    for (size_t i = 0; i < sizeof ambiguous / sizeof *ambiguous; i++) {
        char json[64], yaml[128];
        snprintf(json, sizeof json, "{\"%s\":\"%s\"}", ambiguous[i], ambiguous[i]);
        snprintf(yaml, sizeof yaml, "\"%s\": \"%s\"\n", ambiguous[i], ambiguous[i]);
        assert_prints(json, yaml);
    }
}

static void leaves_plain_what_nobody_mistakes(void **state)
{
    (void) state;
    static const char *const plain[] = {
        "text",  "a b",  "10.0.0.1", "1.2.3", "10.0.0.0/8",      "ghcr.io/a/b:1.0", "/bin/bash", "yess",
        "0.1.2", "64Mi", "500m",     "+",     "http://a:8080/b", "$(NAME)",         "a#b",       "v1",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        char json[64], yaml[128];
        snprintf(json, sizeof json, "[\"%s\"]", plain[i]);
        snprintf(yaml, sizeof yaml, "- %s\n", plain[i]);
        assert_prints(json, yaml);
    }
}

static void prints_several_lines_literally_where_exact(void **state)
{
    (void) state;
    assert_prints("{\"a\":\"x\\n  y\\n\",\"b\":\"x\\ny\"}", "a: |\n  x\n    y\nb: |-\n  x\n  y\n");
    assert_prints("[\"x\\n\\n\\ny\"]", "- |-\n  x\n\n\n  y\n");
    /* Not exact, or not safe: quoted. */
    assert_prints("[\" x\\ny\"]", "- \" x\\ny\"\n");
    assert_prints("[\"\\nx\"]", "- \"\\nx\"\n");
    assert_prints("[\"x\\n\\n\"]", "- \"x\\n\\n\"\n");
    assert_prints("[\"x\\ty\\nz\"]", "- \"x\\ty\\nz\"\n");
    assert_prints("[\"x\\u2028\\ny\"]", "- \"x\\L\\ny\"\n");
    assert_prints("[\"x\\u0085\\ny\"]", "- \"x\\N\\ny\"\n");
    assert_prints("[\"\\n\"]", "- \"\\n\"\n");
}

static void brings_difficult_strings_back(void **state)
{
    (void) state;
    static const char *const difficult[] = {
        "[\"\\u0001\\u001b\\u007f\\r\", \" a \", \"\\t\", \"- a\", \"? a\", \": a\", \"a: b\", \"a #b\"]",
        "[\"'\", \"\\\"\", \"\\\\\", \"{}\", \"[]\", \"&a\", \"*a\", \"!a\", \"|\", \">\", \"%\", \"@\", "
        "\"`\"]",
        "[\"---\", \"...\", \"--- a\", \"#\", \",\", \"\\ufeff\", \"\\ud83d\\ude00\", \"\\u00e4\", "
        "\"\\u00a0\"]",
        "{\"a\\nb\": 1, \"\\u2029\": 2, \"a: b\": 3, \"- \": 4, \"? \": 5, \"\\\"\": 6}",
        "{\"a\":{\"b\":{\"c\":[[[[\"x\\ny\\n\"]],{\"d\":[{}]}]]}}}",
        "[12345678901234567890, -9007199254740993, 0.1, 1e+21, 1e-07, 3000000000]",
    };
    for (size_t i = 0; i < sizeof difficult / sizeof *difficult; i++)
        assert_prints(difficult[i], NULL);
}

static void breaks_no_long_line(void **state)
{
    (void) state;
    char json[1100], yaml[1100];
    char text[1001];
    for (size_t i = 0; i < 1000; i++)
        text[i] = i % 10 == 9 ? ' ' : 'a';
    text[999] = '\0';
    snprintf(json, sizeof json, "[\"%s\"]", text);
    snprintf(yaml, sizeof yaml, "- %s\n", text);
    assert_prints(json, yaml);
}

static void stops_at_the_buffers_maximum(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *value = parse_json("{\"a\":\"b\"}");
    _cleanup_(buffer_done) struct buffer exact = BUFFER_INIT(5);
    _cleanup_(buffer_done) struct buffer less = BUFFER_INIT(4);
    assert_true(yaml_append_document(value, &error, &exact));
    assert_false(yaml_append_document(value, &error, &less));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    /* A buffer that failed before stays failed. */
    assert_false(yaml_append_document(value, &error, &less));
}

struct attempt {
    const cJSON *value;
    bool has_other_error; /* a failure that is not blamed on the memory */
};

static bool print_and_release(void *context)
{
    struct attempt *attempt = context;
    struct error error = {0};
    _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(65536);
    bool is_printed = yaml_append_document(attempt->value, &error, &buffer);
    attempt->has_other_error |= !is_printed && error.code != ERROR_NO_MEMORY;
    return is_printed;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *value =
        parse_json("{\"a\":[1,{\"b\":\"c\\nd\"},\"\\u0001\",\"null\"],\"e\":null,\"f\":1.50}");
    struct attempt attempt = {.value = value};
    size_t runs;
    assert_true(allocation_fail_each(print_and_release, &attempt, 1000, &runs));
    assert_false(attempt.has_other_error);
    assert_true(runs > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_blocks_as_kubectl_does),
        cmocka_unit_test(prints_roots_of_every_kind),
        cmocka_unit_test(quotes_what_a_reader_would_take_for_something_else),
        cmocka_unit_test(leaves_plain_what_nobody_mistakes),
        cmocka_unit_test(prints_several_lines_literally_where_exact),
        cmocka_unit_test(brings_difficult_strings_back),
        cmocka_unit_test(breaks_no_long_line),
        cmocka_unit_test(stops_at_the_buffers_maximum),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
