#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/commands/operation_words.h"
#include "webhook/commands/patch_replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_BYTES 4096
#define RUN_LIMIT 2000

static const struct json_limits limits = {.bytes = 4096, .depth = 16};

static cJSON *parse(const char *text)
{
    struct error error;
    cJSON *tree;
    if (!json_parse(text, strlen(text), &limits, &error, &tree))
        fail_msg("%s", error.message);
    return tree;
}

/* An operation of string literals. */
#define OPERATION(verb_, path_, from_, value_)                                                               \
    (&(const struct injection_operation){.verb = verb_,                                                      \
                                         .path = (char *) (uintptr_t) (path_),                               \
                                         .from = (char *) (uintptr_t) (from_),                               \
                                         .value = (char *) (uintptr_t) (value_),                             \
                                         .reason = "because"})

/* Does the operation; the words and what becomes of the tree must be these. */
static void assert_words(const char *text, const struct injection_operation *operation, const char *words,
                         const char *result)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
    _cleanup_(freep) char *printed = NULL;
    struct buffer buffer = BUFFER_INIT(WORDS_BYTES);
    if (!operation_words_append(tree, operation, &error, &buffer))
        fail_msg("%s", error.message);
    assert_string_equal(buffer_string(&buffer), words);
    assert_true(json_print(tree, false, &error, &printed));
    assert_string_equal(printed, result);
    buffer_done(&buffer);
}

static void says_what_is_added(void **state)
{
    (void) state;
    assert_words("{}", OPERATION("add", "/a", NULL, "\"text\""), "text", "{\"a\":\"text\"}");
    assert_words("{\"a\":{}}", OPERATION("add", "/a/b~1c~0d", NULL, "true"), "true",
                 "{\"a\":{\"b/c~d\":true}}");
    assert_words("{\"a\":[]}", OPERATION("add", "/a/-", NULL, "{\"name\":\"N\",\"value\":\"v\"}"), "N=v",
                 "{\"a\":[{\"name\":\"N\",\"value\":\"v\"}]}");
    assert_words("{\"a\":[1,3]}", OPERATION("add", "/a/1", NULL, "{\"name\":\"x\",\"mountPath\":\"/m\"}"),
                 "x at /m", "{\"a\":[1,{\"name\":\"x\",\"mountPath\":\"/m\"},3]}");
    assert_words("{\"a\":[1]}", OPERATION("add", "/a/0", NULL, "{\"name\":\"x\",\"image\":\"i\"}"), "x",
                 "{\"a\":[{\"name\":\"x\",\"image\":\"i\"},1]}");
    assert_words("{}", OPERATION("add", "/a", NULL, "[\"sh\",\"-c\",\"a\\nb\"]"), "sh -c a b",
                 "{\"a\":[\"sh\",\"-c\",\"a\\nb\"]}");
    assert_words("{}", OPERATION("add", "/a", NULL, "{\"b\":[]}"), "{\"b\":[]}", "{\"a\":{\"b\":[]}}");
    assert_words("{}", OPERATION("add", "/a", NULL, "[]"), "[]", "{\"a\":[]}");
}

static void says_what_was_there(void **state)
{
    (void) state;
    assert_words("{\"a\":1}", OPERATION("replace", "/a", NULL, "2"), "1 -> 2", "{\"a\":2}");
    assert_words("{\"a\":[1,2,3]}", OPERATION("replace", "/a/1", NULL, "7"), "2 -> 7", "{\"a\":[1,7,3]}");
    assert_words("{\"a\":{\"b\":\"x\"}}", OPERATION("remove", "/a/b", NULL, NULL), "x", "{\"a\":{}}");
    assert_words("{\"a\":[1,2]}", OPERATION("remove", "/a/0", NULL, NULL), "1", "{\"a\":[2]}");
    assert_words("{\"a\":null}", OPERATION("add", "/a", NULL, "2"), "null -> 2", "{\"a\":2}");
}

static void says_what_is_moved(void **state)
{
    (void) state;
    assert_words("{\"a\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"z\"}]}",
                 OPERATION("move", "/a/0", "/a/2", NULL), "z",
                 "{\"a\":[{\"name\":\"z\"},{\"name\":\"x\"},{\"name\":\"y\"}]}");
    assert_words("{\"a\":[1,2,3]}", OPERATION("move", "/a/2", "/a/0", NULL), "1", "{\"a\":[2,3,1]}");
}

static void does_not_show_the_users_values(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse("{\"env\":[]}");
    struct buffer buffer = BUFFER_INIT(WORDS_BYTES);
    assert_true(operation_words_append(
        tree,
        OPERATION("add", "/env/-", NULL,
                  "{\"name\":\"OPENSHELL_USER_ENVIRONMENT\",\"value\":\"{\\\"A\\\":\\\"secret\\\"}\"}"),
        &error, &buffer));
    assert_string_equal(buffer_string(&buffer), "OPENSHELL_USER_ENVIRONMENT=A (values not shown)");
    buffer_done(&buffer);
}

static void assert_cut(const char *character, size_t count, size_t shown)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse("{}");
    struct buffer value = BUFFER_INIT(WORDS_BYTES), expected = BUFFER_INIT(WORDS_BYTES),
                  words = BUFFER_INIT(WORDS_BYTES);
    buffer_append_character(&value, '"');
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(&value, character);
        if (i < shown)
            buffer_append_string(&expected, character);
    }
    buffer_append_character(&value, '"');
    if (shown < count)
        buffer_append_string(&expected, "...");
    assert_true(
        operation_words_append(tree, OPERATION("add", "/a", NULL, buffer_string(&value)), &error, &words));
    assert_string_equal(buffer_string(&words), buffer_string(&expected));
    buffer_done(&value);
    buffer_done(&expected);
    buffer_done(&words);
}

static void cuts_long_values_between_characters(void **state)
{
    (void) state;
    assert_cut("x", OPERATION_WORDS_BYTES, OPERATION_WORDS_BYTES);
    assert_cut("x", OPERATION_WORDS_BYTES + 1, OPERATION_WORDS_BYTES);
    assert_cut("世", OPERATION_WORDS_BYTES / 3, OPERATION_WORDS_BYTES / 3);
    assert_cut("世", OPERATION_WORDS_BYTES / 3 + 1, OPERATION_WORDS_BYTES / 3);
}

static void says_so_when_an_operation_does_not_apply(void **state)
{
    (void) state;
    const struct injection_operation *operations[] = {
        OPERATION("remove", "/b", NULL, NULL),   OPERATION("replace", "/b", NULL, "1"),
        OPERATION("add", "/b/c", NULL, "1"),     OPERATION("move", "/a/0", "/a/5", NULL),
        OPERATION("remove", "/a/5", NULL, NULL), OPERATION("add", "/b/c/d", NULL, "1"),
        OPERATION("remove", "", NULL, NULL),
    };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        struct error error = {0};
        _cleanup_(cJSON_Deletep) cJSON *tree = parse("{\"a\":[1]}");
        cJSON *removed = NULL;
        assert_false(patch_replay(tree, operations[i], &error, &removed));
        assert_int_equal(error.code, ERROR_INTERNAL);
        assert_null(removed);
    }
}

struct step {
    const char *tree;
    const struct injection_operation *operation;
    bool is_wrong;
};

static bool describe(void *context)
{
    struct step *step = context;
    struct error error = {0};
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    struct buffer buffer = BUFFER_INIT(WORDS_BYTES);
    bool is_described = json_parse(step->tree, strlen(step->tree), &limits, &error, &tree) &&
                        operation_words_append(tree, step->operation, &error, &buffer);
    step->is_wrong = step->is_wrong || (!is_described && error.code != ERROR_NO_MEMORY);
    buffer_done(&buffer);
    return is_described;
}

static void survives_missing_memory(void **state)
{
    (void) state;
    struct step steps[] = {
        {.tree = "{\"a\":{\"b\":[1]}}", .operation = OPERATION("replace", "/a", NULL, "{\"name\":\"x\"}")},
        {.tree = "{\"a\":[1,{\"name\":\"x\"}]}", .operation = OPERATION("move", "/a/0", "/a/1", NULL)},
        {.tree = "{}", .operation = OPERATION("add", "/a", NULL, "[\"x\"]")},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_true(allocation_fail_each(describe, &steps[i], RUN_LIMIT, NULL));
        assert_false(steps[i].is_wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_added),
        cmocka_unit_test(says_what_was_there),
        cmocka_unit_test(says_what_is_moved),
        cmocka_unit_test(does_not_show_the_users_values),
        cmocka_unit_test(cuts_long_values_between_characters),
        cmocka_unit_test(says_so_when_an_operation_does_not_apply),
        cmocka_unit_test(survives_missing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
