#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/commands/masking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct json_limits limits = {.bytes = 4096, .depth = 16};

static cJSON *parse(const char *text)
{
    struct error error;
    cJSON *tree;
    if (!json_parse(text, strlen(text), &limits, &error, &tree))
        fail_msg("%s", error.message);
    return tree;
}

static void assert_masked(const char *text, const char *expected)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
    _cleanup_(freep) char *printed = NULL;
    assert_true(masking_apply(tree, &error));
    assert_true(json_print(tree, false, &error, &printed));
    assert_string_equal(printed, expected);
}

#define NAME "\"name\":\"OPENSHELL_USER_ENVIRONMENT\""

static void shows_names_and_no_values(void **state)
{
    (void) state;
    assert_masked("{" NAME ",\"value\":\"{\\\"A\\\":\\\"secret\\\",\\\"B\\\":\\\"\\\"}\"}",
                  "{" NAME ",\"value\":\"A, B (values not shown)\"}");
}

static void finds_the_variable_wherever_it_stands(void **state)
{
    (void) state;
    assert_masked("{\"a\":[{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{" NAME ",\"value\":\"{}\"}]}]}",
                  "{\"a\":[{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{" NAME
                  ",\"value\":\"(not shown)\"}]}]}");
}

static void shows_nothing_of_what_it_cannot_read(void **state)
{
    (void) state;
    assert_masked("{" NAME ",\"value\":\"secret\"}", "{" NAME ",\"value\":\"(not shown)\"}");
    assert_masked("{" NAME ",\"value\":\"[\\\"secret\\\"]\"}", "{" NAME ",\"value\":\"(not shown)\"}");
}

static void leaves_everything_else_alone(void **state)
{
    (void) state;
    assert_masked("{\"name\":\"OTHER\",\"value\":\"{}\"}", "{\"name\":\"OTHER\",\"value\":\"{}\"}");
    assert_masked("{" NAME ",\"valueFrom\":{}}", "{" NAME ",\"valueFrom\":{}}");
    assert_masked("{" NAME ",\"value\":7}", "{" NAME ",\"value\":7}");
    assert_masked("null", "null");
}

/* Either masked or, without memory, an error: never the value in a tree that counts as masked. */
static bool mask(void *context)
{
    cJSON **trees = context;
    struct error error = {0};
    cJSON *tree = *trees;
    bool is_masked = masking_apply(tree, &error);
    bool shows_value = strstr(json_member(tree, "value")->valuestring, "secret");
    if (is_masked ? shows_value : error.code != ERROR_NO_MEMORY)
        trees[1] = tree;
    return is_masked;
}

static void never_passes_a_value_off_as_masked(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse("{" NAME ",\"value\":\"{\\\"A\\\":\\\"secret\\\"}\"}");
    cJSON *trees[2] = {tree, NULL};
    for (size_t number = 1; number < 20; number++) {
        allocation_fail_at(number, true);
        bool is_masked = mask(trees);
        allocation_stop();
        if (is_masked)
            break;
    }
    assert_null(trees[1]);
    assert_true(mask(trees));
    assert_null(trees[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_names_and_no_values),
        cmocka_unit_test(finds_the_variable_wherever_it_stands),
        cmocka_unit_test(shows_nothing_of_what_it_cannot_read),
        cmocka_unit_test(leaves_everything_else_alone),
        cmocka_unit_test(never_passes_a_value_off_as_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
