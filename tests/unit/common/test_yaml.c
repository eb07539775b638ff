#include "common/cleanup.h"
#include "common/json.h"
#include "common/yaml.h"
#include "common/yaml_scalar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct yaml_limits limits = {.bytes = 65536, .depth = 16, .nodes = 1000, .documents = 8};

/* The documents of `yaml`, which must parse, as compact JSON, joined by newlines; free. */
static char *parse_as_json(const char *yaml)
{
    struct error error = {0};
    struct yaml_documents documents = {0};
    _cleanup_(buffer_done) struct buffer joined = BUFFER_INIT(65536);
    if (!yaml_parse_documents(yaml, strlen(yaml), &limits, &error, &documents))
        fail_msg("%s\n%s", yaml, error.message);
    for (size_t i = 0; i < documents.count; i++) {
        _cleanup_(freep) char *json = NULL;
        assert_true(json_print(documents.items[i], false, &error, &json));
        buffer_append_format(&joined, "%s%s", i ? "\n" : "", json);
    }
    yaml_documents_done(&documents);
    char *text = NULL;
    assert_true(buffer_take(&joined, &error, &text));
    return text;
}

static void assert_parses_to(const char *yaml, const char *json)
{
    _cleanup_(freep) char *actual = parse_as_json(yaml);
    if (strcmp(actual, json) != 0)
        fail_msg("%s\nis      %s\nand not %s", yaml, actual, json);
}

static void assert_refused(const char *yaml, size_t length, const char *message)
{
    struct error error = {0};
    struct yaml_documents documents = {0};
    if (yaml_parse_documents(yaml, length, &limits, &error, &documents)) {
        yaml_documents_done(&documents);
        fail_msg("accepted: %s", yaml);
    }
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_int_equal(documents.count, 0);
}

struct example {
    const char *yaml;
    const char *result;
};

static void assert_all_parse(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_parses_to(examples[i].yaml, examples[i].result);
}

static void assert_all_refused(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(examples[i].yaml, strlen(examples[i].yaml), examples[i].result);
}

#define ALL(examples) (examples), sizeof(examples) / sizeof *(examples)

static void resolves_words_as_kubernetes_does(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"[y, Y, yes, Yes, YES, true, True, TRUE, on, On, ON]",
         "[true,true,true,true,true,true,true,true,true,true,true]"},
        {"[n, N, no, No, NO, false, False, FALSE, off, Off, OFF]",
         "[false,false,false,false,false,false,false,false,false,false,false]"},
        {"[~, null, Null, NULL, ]", "[null,null,null,null]"},
        {"a:", "{\"a\":null}"},
        {"[yEs, tRUE, nULL, oN, '', \"yes\", 'null', '~', \"1\"]",
         "[\"yEs\",\"tRUE\",\"nULL\",\"oN\",\"\",\"yes\",\"null\",\"~\",\"1\"]"},
    };
    assert_all_parse(ALL(examples));
}

static void resolves_numbers_as_kubernetes_does(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"[0, 7, -7, +7, 00, -0]", "[0,7,-7,7,0,0]"},
        {"[010, 0o10, 0O10, 0x1F, 0X1f, 0b11, 0B11, -010, -0x10, +0b1]", "[8,8,8,31,31,3,3,-8,-16,1]"},
        {"[1_000, 1__0, 1_, 0_8, 0x_1]", "[1000,10,1,8,1]"},
        {"[08, 1e3, 1E5, 1e+5, 1.e5, 1., 0., .5, -.5, +.5, .1e5, 1.5_0, .1_5]",
         "[8,1000,100000,100000,100000,1,0,0.5,-0.5,0.5,10000,1.5,0.15]"},
        {"[_1, +, ., .., 0x, 0b, 0o, 0b2, 1e, .e5, ._5, .1__5, 0.1.2, 1:30, 1e400, 0xFFFFFFFFFFFFFFFFF]",
         "[\"_1\",\"+\",\".\",\"..\",\"0x\",\"0b\",\"0o\",\"0b2\",\"1e\",\".e5\",\"._5\",\".1__5\",\"0.1.2\","
         "\"1:30\",\"1e400\",\"0xFFFFFFFFFFFFFFFFF\"]"},
        {"[2001-01-01, 2001-01-01T00:00:00Z]", "[\"2001-01-01\",\"2001-01-01T00:00:00Z\"]"},
    };
    assert_all_parse(ALL(examples));
}

static void keeps_every_digit_of_long_numbers(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"[9007199254740993, -9007199254740993]", "[9007199254740993,-9007199254740993]"},
        {"[18446744073709551615, 18446744073709551616, +12345678901234567890123]",
         "[18446744073709551615,18446744073709551616,12345678901234567890123]"},
        {"[0xFFFFFFFFFFFFFFFF, -9223372036854775809]", "[18446744073709551615,-9223372036854775809]"},
        {"[0.1, 123456789.12345679, 1e21, 1e-7]", "[0.1,123456789.12345679,1e+21,1e-07]"},
    };
    assert_all_parse(ALL(examples));
}

static void refuses_numbers_without_a_place_in_json(void **state)
{
    (void) state;
    /* At the limit of characters, and one past it. */
    char longest[] = "1234567890123456789012345678901234567890123456789012345678901234";
    assert_int_equal(strlen(longest), YAML_NUMBER_CHARACTERS);
    assert_parses_to(longest, longest);
    static const struct example examples[] = {
        {"a: .inf", "line 1 column 4: .inf is no number that JSON can hold"},
        {"a: -.Inf", "line 1 column 4: -.Inf is no number that JSON can hold"},
        {"a: .nan", "line 1 column 4: .nan is no number that JSON can hold"},
        {"12345678901234567890123456789012345678901234567890123456789012345",
         "line 1 column 1: 12345678901234567890123456789012... is no number that JSON can hold"},
    };
    assert_all_refused(ALL(examples));
    assert_parses_to("[-.nan, .iNF]", "[\"-.nan\",\".iNF\"]");
}

static void honours_simple_tags_and_refuses_others(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"[!!str 1, !!int '0x10', !!float 1, !!bool 'yes', !!null '']", "[\"1\",16,1,true,null]"},
        {"a: !!map {b: !!seq [c]}", "{\"a\":{\"b\":[\"c\"]}}"},
        {"a: !<tag:yaml.org,2002:str> yes", "{\"a\":\"yes\"}"},
    };
    static const struct example refused[] = {
        {"a: !foo bar", "line 1 column 4: the tag !foo is not supported, or not for this value"},
        {"a: !!binary aGk=",
         "line 1 column 4: the tag tag:yaml.org,2002:binary is not supported, or not for this value"},
        {"a: !!int 1.5",
         "line 1 column 4: the tag tag:yaml.org,2002:int is not supported, or not for this value"},
        {"a: !!bool 1",
         "line 1 column 4: the tag tag:yaml.org,2002:bool is not supported, or not for this value"},
        {"a: !!null x",
         "line 1 column 4: the tag tag:yaml.org,2002:null is not supported, or not for this value"},
        {"a: !!str [b]",
         "line 1 column 4: the tag tag:yaml.org,2002:str is not supported, or not for this value"},
        {"a: !!set {b}",
         "line 1 column 4: the tag tag:yaml.org,2002:set is not supported, or not for this value"},
    };
    assert_all_parse(ALL(examples));
    assert_all_refused(ALL(refused));
}

static void reads_blocks_and_flows(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"a: |\n  x\n   y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}"},
        {"a:\n- 1\n- b: 2\n  c: {d: [e, f]}\n", "{\"a\":[1,{\"b\":2,\"c\":{\"d\":[\"e\",\"f\"]}}]}"},
        {"\xEF\xBB\xBF"
         "a: 'it''s' # comment\n",
         "{\"a\":\"it's\"}"},
        {"{a: 1, \"b\": [2,]}", "{\"a\":1,\"b\":[2]}"},
    };
    assert_all_parse(ALL(examples));
}

static void reads_many_documents_and_leaves_empty_ones_out(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"", ""},
        {"# nothing\n", ""},
        {"---\n---\n", ""},
        {"---\na\n---\n# nothing\n---\n'' \n---\n~\n...\n---\nb\n", "\"a\"\n\"\"\nnull\n\"b\""},
    };
    assert_all_parse(ALL(examples));
}

static void takes_json_to_the_letter(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {" \t\r\n{\"a\":1.50,\"b\":\"\\ud83d\\ude00\"}", "{\"a\":1.50,\"b\":\"\xF0\x9F\x98\x80\"}"},
        /* Not JSON, but YAML. */
        {"{\"a\": 1.50, b: 'c'}", "{\"a\":1.5,\"b\":\"c\"}"},
        {"{}\n---\n{\"a\": 1}", "{}\n{\"a\":1}"},
    };
    static const struct example refused[] = {
        {"{\"a\": 1, \"a\": 2}", "line 1: key \"a\" is there twice"},
        {"{\"a\": 1", "line 2 column 1: did not find expected ',' or '}' while parsing a flow mapping"},
    };
    assert_all_parse(ALL(examples));
    assert_all_refused(ALL(refused));
}

static void makes_strings_of_keys(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"{1: a, 0x10: b, true: c, off: d, '~': e, '': f}",
         "{\"1\":\"a\",\"16\":\"b\",\"true\":\"c\",\"false\":\"d\",\"~\":\"e\",\"\":\"f\"}"},
        {"? a\n: 1\n? b\n", "{\"a\":1,\"b\":null}"},
    };
    static const struct example refused[] = {
        {"~: a", "line 1 column 1: the key \"~\" is not a string: quote it"},
        {"1.5: a", "line 1 column 1: the key \"1.5\" is not a string: quote it"},
        {"? [a]\n: b", "line 1 column 3: a key must be a string"},
        {"a: &a b\n*a : c", "line 2 column 1: a key must be a string"},
    };
    assert_all_parse(ALL(examples));
    assert_all_refused(ALL(refused));
}

static void refuses_duplicate_keys(void **state)
{
    (void) state;
    static const struct example refused[] = {
        {"a: 1\nb: 2\na: 3\n", "line 3: key \"a\" is there twice"},
        {"x:\n  - 1: a\n    '1': b\n", "line 3: key \"1\" is there twice"},
        {"yes: a\non: b\n", "line 2: key \"true\" is there twice"},
    };
    assert_all_refused(ALL(refused));
}

static void copies_what_aliases_name(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"a: &x {b: [1, ~]}\nc: *x\nd: [*x, &x 2, *x]",
         "{\"a\":{\"b\":[1,null]},\"c\":{\"b\":[1,null]},\"d\":[{\"b\":[1,null]},2,2]}"},
        {"a: &x 12345678901234567890\nb: *x", "{\"a\":12345678901234567890,\"b\":12345678901234567890}"},
    };
    static const struct example refused[] = {
        {"a: &x [1, *x]", "line 1 column 11: the value of anchor x contains itself"},
        {"a: *x", "line 1 column 4: unknown anchor x"},
        {"a: &x 1\n---\nb: *x", "line 3 column 4: unknown anchor x"},
    };
    assert_all_parse(ALL(examples));
    assert_all_refused(ALL(refused));
}

static void merges_with_explicit_and_earlier_keys_winning(void **state)
{
    (void) state;
    static const struct example examples[] = {
        {"<<: {a: 1, b: 1}\na: 2", "{\"b\":1,\"a\":2}"},
        {"<<: [{a: 1}, {a: 2, b: 3}]\nc: 4", "{\"a\":1,\"b\":3,\"c\":4}"},
        {"x: &x {a: 1}\nz: {<<: *x, b: 2}", "{\"x\":{\"a\":1},\"z\":{\"a\":1,\"b\":2}}"},
        {"<<: {<<: {a: 1, c: 1}, a: 2}", "{\"c\":1,\"a\":2}"},
        {"!!merge <<: {a: 1}\n'<<': b\n", "{\"a\":1,\"<<\":\"b\"}"},
        /* Anchors inside what was merged, and overridden, stay good. */
        {"<<: {a: &x [1]}\na: *x\nb: *x", "{\"a\":[1],\"b\":[1]}"},
    };
    static const struct example refused[] = {
        {"a: 1\n<<: {a: 2}", "line 1: key \"a\" stands before a << that brings it too: put << first"},
        {"<<: 1", "line 1 column 5: << needs a mapping or a list of mappings"},
        {"<<:\n- {a: 1}\n- b\n", "line 4 column 1: << needs a mapping or a list of mappings"},
        {"<<: {a: 1}\n<<: {b: 1}\n", "line 2 column 1: key \"<<\" is there twice: use one with a list"},
        {"<<: {a: 1}\na: 2\na: 3", "line 3: key \"a\" is there twice"},
    };
    assert_all_parse(ALL(examples));
    assert_all_refused(ALL(refused));
}

static void names_line_and_column_of_bad_syntax(void **state)
{
    (void) state;
    static const struct example refused[] = {
        {"a: 1\n@b: 2",
         "line 2 column 1: found character that cannot start any token while scanning for the next token"},
        {"a: b: c", "line 1 column 5: mapping values are not allowed in this context"},
        {"a: 1\nb: \"\\0\"", "line 2 column 4: a NUL in a string"},
        {"a: \"\\ud800\"", "line 1 column 7: found invalid Unicode character escape code while parsing a "
                           "quoted scalar"},
        {"a: 1\nbc: \x07", "line 2 column 5: control characters are not allowed"},
        {"a: 1\nb\xFF", "line 2 column 2: invalid leading UTF-8 octet"},
    };
    assert_all_refused(ALL(refused));
    assert_refused("a: \0b", 5, "line 1 column 4: control characters are not allowed");
}

static void knows_the_line_of_each_value(void **state)
{
    (void) state;
    static const char text[] = "a:\n"
                               "  b:\n"
                               "    1\n"
                               "c: [x,\n"
                               "    y]\n"
                               "d: &d {e: f}\n"
                               "g:\n"
                               "  <<: *d\n";
    struct error error;
    struct yaml_documents documents;
    assert_true(yaml_parse_documents(text, strlen(text), &limits, &error, &documents));
    const cJSON *root = documents.items[0];
    const cJSON *b = json_member(json_member(root, "a"), "b"), *c = json_member(root, "c");
    assert_int_equal(yaml_line_of(&documents, root), 1);
    assert_int_equal(yaml_line_of(&documents, b), 2);
    assert_int_equal(yaml_line_of(&documents, c), 4);
    assert_int_equal(yaml_line_of(&documents, c->child->next), 5);
    assert_int_equal(yaml_line_of(&documents, json_member(json_member(root, "g"), "e")), 8);
    assert_int_equal(yaml_line_of(&documents, NULL), 0);
    yaml_documents_done(&documents);
    assert_true(yaml_parse_documents("{\"a\":1}", 7, &limits, &error, &documents));
    assert_int_equal(yaml_line_of(&documents, documents.items[0]), 0);
    yaml_documents_done(&documents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_words_as_kubernetes_does),
        cmocka_unit_test(resolves_numbers_as_kubernetes_does),
        cmocka_unit_test(keeps_every_digit_of_long_numbers),
        cmocka_unit_test(refuses_numbers_without_a_place_in_json),
        cmocka_unit_test(honours_simple_tags_and_refuses_others),
        cmocka_unit_test(reads_blocks_and_flows),
        cmocka_unit_test(reads_many_documents_and_leaves_empty_ones_out),
        cmocka_unit_test(takes_json_to_the_letter),
        cmocka_unit_test(makes_strings_of_keys),
        cmocka_unit_test(refuses_duplicate_keys),
        cmocka_unit_test(copies_what_aliases_name),
        cmocka_unit_test(merges_with_explicit_and_earlier_keys_winning),
        cmocka_unit_test(names_line_and_column_of_bad_syntax),
        cmocka_unit_test(knows_the_line_of_each_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
