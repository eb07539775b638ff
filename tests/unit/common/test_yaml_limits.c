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

static const struct yaml_limits limits = {.bytes = 65536, .depth = 16, .nodes = 1000, .documents = 8};

static void assert_too_large(const char *text, size_t length, const struct yaml_limits *bounds,
                             const char *message)
{
    struct error error = {0};
    struct yaml_documents documents = {0};
    assert_false(yaml_parse_documents(text, length, bounds, &error, &documents));
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(documents.count, 0);
}

static void assert_parses(const char *text, size_t length, const struct yaml_limits *bounds)
{
    struct error error = {0};
    struct yaml_documents documents = {0};
    if (!yaml_parse_documents(text, length, bounds, &error, &documents))
        fail_msg("%s\n%s", text, error.message);
    yaml_documents_done(&documents);
}

static void takes_exactly_as_many_bytes_as_allowed(void **state)
{
    (void) state;
    struct yaml_limits bounds = limits;
    bounds.bytes = 6;
    assert_parses("a: bcd", 6, &bounds);
    assert_too_large("a: bcde", 7, &bounds, "a text of 7 bytes: more than 6");
}

static void nests_exactly_as_deep_as_allowed(void **state)
{
    (void) state;
    struct yaml_limits bounds = limits;
    bounds.depth = 3;
    static const char *const deepest[] = {"[[[]]]", "a: [b: c]", "a: &x []\nb: [*x]", "{\"a\":[[]]}"};
    for (size_t i = 0; i < sizeof deepest / sizeof *deepest; i++)
        assert_parses(deepest[i], strlen(deepest[i]), &bounds);
    assert_too_large("[[[[]]]]", 8, &bounds, "line 1 column 4: more than 3 levels");
    assert_too_large("a: &x [[]]\nb: [*x]", 18, &bounds, "line 2 column 5: more than 3 levels");
    assert_too_large("a: {<<: {b: [[]]}}", 18, &bounds, "line 1 column 13: more than 3 levels");
    assert_too_large("{\"a\":[[[]]]}", 12, &bounds, "JSON line 1 column 8: nested too deeply");
    bounds.depth = 100000;
    char deep[JSON_DEPTH_MAXIMUM + 1];
    memset(deep, '[', sizeof deep);
    assert_too_large(deep, sizeof deep, &bounds, "line 1 column 257: more than 256 levels");
}

static void makes_exactly_as_many_values_as_allowed(void **state)
{
    (void) state;
    struct yaml_limits bounds = limits;
    bounds.nodes = 4;
    static const char *const most[] = {"[a, b, c]", "a: &x 1\nb: [*x]", "a\n---\nb\n---\nc\n---\nd",
                                       "{\"a\":[1,2]}"};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        assert_parses(most[i], strlen(most[i]), &bounds);
    assert_too_large("[a, b, c, d]", 12, &bounds, "line 1 column 11: more than 4 values");
    assert_too_large("a: &x [1]\nb: *x\n", 16, &bounds, "line 2 column 4: more than 4 values");
    assert_too_large("{\"a\":[1,2,3]}", 13, &bounds, "more than 4 values");
}

static void stops_aliases_that_would_fill_the_memory(void **state)
{
    (void) state;
    static const char laughs[] = "- &a [x, x, x, x, x, x, x, x, x, x]\n"
                                 "- &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                                 "- &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n";
    assert_too_large(laughs, strlen(laughs), &limits, "line 3 column 35: more than 1000 values");
    /* What is copied may be as long as the text may be. */
    static const char fifty[] = "[&a abcdefghij,*a,*a,*a,*a,*a]";
    struct yaml_limits bounds = limits;
    bounds.bytes = 50;
    assert_parses(fifty, strlen(fifty), &bounds);
    bounds.bytes = 49;
    assert_too_large(fifty, strlen(fifty), &bounds, "line 1 column 28: aliases copy more than 49 bytes");
}

static void takes_exactly_as_many_documents_and_anchors_as_allowed(void **state)
{
    (void) state;
    struct yaml_limits bounds = {.bytes = 65536, .depth = 2, .nodes = 65536, .documents = 2};
    assert_parses("a\n---\n---\nb\n", 12, &bounds);
    assert_too_large("a\n---\nb\n---\nc\n", 14, &bounds,
                     "line 5 column 1: more documents than the 2 allowed");

    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(65536);
    for (size_t i = 0; i < YAML_ANCHORS_MAXIMUM; i++)
        buffer_append_string(&text, "- &a x\n");
    assert_parses(text.data, text.length, &bounds);
    buffer_append_string(&text, "- &a x\n");
    assert_too_large(text.data, text.length, &bounds, "line 1025 column 3: more than 1024 anchors");
}

struct attempt {
    const char *text;
    bool has_other_error; /* a failure that is not blamed on the memory */
};

static bool parse_and_release(void *context)
{
    struct attempt *attempt = context;
    struct error error = {0};
    struct yaml_documents documents = {0};
    if (yaml_parse_documents(attempt->text, strlen(attempt->text), &limits, &error, &documents)) {
        yaml_documents_done(&documents);
        return true;
    }
    attempt->has_other_error |= error.code != ERROR_NO_MEMORY || documents.count != 0;
    return false;
}

static void survives_every_failing_allocation(void **state)
{
    (void) state;
    static const char *const texts[] = {
        "a: &x {b: [1, 12345678901234567890, 1.5, true, ~, 'text']}\n"
        "c: {<<: [*x, {b: 2}], 0x10: !!str y}\n"
        "---\n"
        "- |\n  text\n",
        "{\"a\":[1,1.50,\"b\"]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct attempt attempt = {.text = texts[i]};
        size_t runs;
        assert_true(allocation_fail_each(parse_and_release, &attempt, 1000, &runs));
        assert_false(attempt.has_other_error);
        assert_true(runs > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_exactly_as_many_bytes_as_allowed),
        cmocka_unit_test(nests_exactly_as_deep_as_allowed),
        cmocka_unit_test(makes_exactly_as_many_values_as_allowed),
        cmocka_unit_test(stops_aliases_that_would_fill_the_memory),
        cmocka_unit_test(takes_exactly_as_many_documents_and_anchors_as_allowed),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
