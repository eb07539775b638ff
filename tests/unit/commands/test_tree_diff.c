#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/commands/tree_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DIFF_BYTES 65536
#define RUN_LIMIT 4000

static const struct json_limits limits = {.bytes = 4096, .depth = 16};

static cJSON *parse(const char *text)
{
    struct error error;
    cJSON *tree;
    if (!json_parse(text, strlen(text), &limits, &error, &tree))
        fail_msg("%s", error.message);
    return tree;
}

static void assert_diff(const char *before_text, const char *after_text, const char *expected)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *before = parse(before_text);
    _cleanup_(cJSON_Deletep) cJSON *after = parse(after_text);
    struct buffer diff = BUFFER_INIT(DIFF_BYTES);
    assert_true(tree_diff_append(before, after, false, &error, &diff));
    assert_string_equal(buffer_string(&diff), expected);
    buffer_done(&diff);
}

static void equal_trees_differ_in_nothing(void **state)
{
    (void) state;
    assert_diff("{\"a\":1,\"b\":[{\"name\":\"x\"}],\"n\":null}", "{\"b\":[{\"name\":\"x\"}],\"a\":1}", "");
}

static void shows_members_that_come_go_and_change(void **state)
{
    (void) state;
    assert_diff("{\"a\":1,\"b\":\"x\",\"c\":{\"d\":true}}", "{\"a\":2,\"c\":{\"d\":true},\"e\":{\"f\":[1]}}",
                "@@ @@\n- a: 1\n+ a: 2\n- b: x\n+ e:\n+   f:\n+   - 1\n");
}

static void names_the_place_of_each_change_once(void **state)
{
    (void) state;
    assert_diff(
        "{\"m\":{\"a\":1,\"b\":{\"c\":1}},\"z\":{\"a.b/c\":{\"x\":1}}}",
        "{\"m\":{\"a\":2,\"b\":{\"c\":2},\"e\":3},\"z\":{\"a.b/c\":{\"x\":2}}}",
        "@@ m @@\n- a: 1\n+ a: 2\n+ e: 3\n@@ m.b @@\n- c: 1\n+ c: 2\n@@ z[a.b/c] @@\n- x: 1\n+ x: 2\n");
}

static void knows_elements_by_their_name(void **state)
{
    (void) state;
    assert_diff("{\"l\":[{\"name\":\"a\",\"v\":1},{\"name\":\"b\"},{\"name\":\"c\"}]}",
                "{\"l\":[{\"name\":\"d\"},{\"name\":\"a\",\"v\":2},{\"name\":\"c\"}]}",
                "@@ l @@\n- - name: b\n+ - name: d\n@@ l[a] @@\n- v: 1\n+ v: 2\n");
    assert_diff("{\"l\":[{\"name\":\"v\",\"mountPath\":\"/a\"}]}",
                "{\"l\":[{\"name\":\"v\",\"mountPath\":\"/"
                "a\",\"readOnly\":true},{\"name\":\"v\",\"mountPath\":\"/b\"}]}",
                "@@ l @@\n+ - name: v\n+   mountPath: /b\n@@ l[/a] @@\n+ readOnly: true\n");
}

static void tells_repeated_names_apart_by_their_order(void **state)
{
    (void) state;
    assert_diff("{\"l\":[{\"name\":\"a\",\"v\":1},{\"name\":\"a\",\"v\":2}]}",
                "{\"l\":[{\"name\":\"a\",\"v\":1},{\"name\":\"a\",\"v\":3},{\"name\":\"a\",\"v\":4}]}",
                "@@ l @@\n+ - name: a\n+   v: 4\n@@ l[a] @@\n- v: 2\n+ v: 3\n");
}

static void shows_another_order(void **state)
{
    (void) state;
    assert_diff("{\"l\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
                "{\"l\":[{\"name\":\"b\"},{\"name\":\"d\"},{\"name\":\"a\"},{\"name\":\"c\"}]}",
                "@@ l @@\n- # order: a, b, c\n+ # order: b, d, a, c\n+ - name: d\n");
}

static void takes_other_lists_as_one_value(void **state)
{
    (void) state;
    assert_diff("{\"command\":[\"a\",\"b\"]}", "{\"command\":[\"a\"]}",
                "@@ @@\n- command:\n- - a\n- - b\n+ command:\n+ - a\n");
    assert_diff("{\"l\":[{\"name\":\"a\"},{\"x\":1}]}", "{\"l\":[{\"name\":\"a\"}]}",
                "@@ @@\n- l:\n- - name: a\n- - x: 1\n+ l:\n+ - name: a\n");
    assert_diff("{\"l\":{\"a\":1}}", "{\"l\":[]}", "@@ @@\n- l:\n-   a: 1\n+ l: []\n");
}

static void colours_whole_lines(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *before = parse("{\"a\":1}");
    _cleanup_(cJSON_Deletep) cJSON *after = parse("{\"a\":2}");
    struct buffer diff = BUFFER_INIT(DIFF_BYTES);
    assert_true(tree_diff_append(before, after, true, &error, &diff));
    assert_string_equal(buffer_string(&diff),
                        "\033[36m@@ @@\033[0m\n\033[31m- a: 1\033[0m\n\033[32m+ a: 2\033[0m\n");
    buffer_done(&diff);
}

static void takes_no_more_room_than_the_buffer_has(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *before = parse("{}");
    _cleanup_(cJSON_Deletep) cJSON *after = parse("{\"a\":1}");
    static const char expected[] = "@@ @@\n+ a: 1\n";
    struct buffer exact = BUFFER_INIT(sizeof expected - 1), small = BUFFER_INIT(sizeof expected - 2);
    assert_true(tree_diff_append(before, after, false, &error, &exact));
    assert_false(tree_diff_append(before, after, false, &error, &small));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_done(&exact);
    buffer_done(&small);
}

struct pair {
    const cJSON *before;
    const cJSON *after;
    bool is_wrong;
};

static bool compare(void *context)
{
    struct pair *pair = context;
    struct error error = {0};
    struct buffer diff = BUFFER_INIT(DIFF_BYTES);
    bool is_compared = tree_diff_append(pair->before, pair->after, false, &error, &diff);
    pair->is_wrong = pair->is_wrong || (!is_compared && error.code != ERROR_NO_MEMORY);
    buffer_done(&diff);
    return is_compared;
}

static void survives_missing_memory(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *before = parse("{\"a\":1,\"l\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    _cleanup_(cJSON_Deletep) cJSON *after =
        parse("{\"a\":2,\"l\":[{\"name\":\"b\"},{\"name\":\"a\",\"v\":1}]}");
    struct pair pair = {.before = before, .after = after};
    assert_true(allocation_fail_each(compare, &pair, RUN_LIMIT, NULL));
    assert_false(pair.is_wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_trees_differ_in_nothing),
        cmocka_unit_test(shows_members_that_come_go_and_change),
        cmocka_unit_test(names_the_place_of_each_change_once),
        cmocka_unit_test(knows_elements_by_their_name),
        cmocka_unit_test(tells_repeated_names_apart_by_their_order),
        cmocka_unit_test(shows_another_order),
        cmocka_unit_test(takes_other_lists_as_one_value),
        cmocka_unit_test(colours_whole_lines),
        cmocka_unit_test(takes_no_more_room_than_the_buffer_has),
        cmocka_unit_test(survives_missing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
