/* The list of checks and how it is shown. */
#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/commands/checkup_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OUTPUT_BYTES (1u << 20)
#define RUN_LIMIT 1000

static void add_three(struct checkup *checkup)
{
    checkup_add(checkup, CHECK_OK, "first", "%d replicas", 2);
    checkup_add(checkup, CHECK_WARNING, "second", "nothing \"there\"");
    checkup_advise(checkup, "install %s", "it");
    checkup_add(checkup, CHECK_FAILED, "third", "\033[31mred");
    checkup_advise(checkup, "one");
    checkup_advise(checkup, "another");
}

static void assert_table(const struct checkup *checkup, bool is_coloured, const char *expected)
{
    struct error error;
    char text[1024] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(checkup_report_print_table(checkup, file, is_coloured, &error));
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void advice_stands_under_what_it_is_for(void **state)
{
    (void) state;
    struct error error;
    struct checkup checkup = {0};
    add_three(&checkup);
    assert_true(checkup_complete(&checkup, &error));
    assert_table(&checkup, false,
                 "RESULT   CHECK   FOUND, AND WHAT TO DO\n"
                 "ok       first   2 replicas\n"
                 "warning  second  nothing \"there\"\n"
                 "                 install it\n"
                 "failed   third   ?[31mred\n"
                 "                 another\n"
                 "\n1 ok, 1 warning, 1 failed\n");
    assert_table(&checkup, true,
                 "\033[1mRESULT   CHECK   FOUND, AND WHAT TO DO\033[0m\n"
                 "\033[32mok       first   2 replicas\033[0m\n"
                 "\033[33mwarning  second  nothing \"there\"\033[0m\n"
                 "                 install it\n"
                 "\033[31mfailed   third   ?[31mred\033[0m\n"
                 "                 another\n"
                 "\n1 ok, 1 warning, 1 failed\n");
    checkup_done(&checkup);
}

static void json_has_every_member_of_every_check(void **state)
{
    (void) state;
    struct checkup checkup = {0};
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(OUTPUT_BYTES);
    checkup_report_append_json(&checkup, &text);
    assert_string_equal(buffer_string(&text), "{\"checks\":[]}\n");
    buffer_clear(&text);
    add_three(&checkup);
    checkup_report_append_json(&checkup, &text);
    assert_string_equal(
        buffer_string(&text),
        "{\"checks\":[{\"name\":\"first\",\"result\":\"ok\",\"message\":\"2 replicas\",\"advice\":null},"
        "{\"name\":\"second\",\"result\":\"warning\",\"message\":\"nothing "
        "\\\"there\\\"\",\"advice\":\"install "
        "it\"},{\"name\":\"third\",\"result\":\"failed\",\"message\":\"\\u001b[31mred\",\"advice\":"
        "\"another\"}]}\n");
    checkup_done(&checkup);
}

static void holds_as_many_as_the_limit_and_fails_one_past_it(void **state)
{
    (void) state;
    struct error error;
    struct checkup checkup = {0};
    for (int i = 0; i < CHECKUP_CHECKS; i++)
        checkup_add(&checkup, CHECK_OK, "check", "%d", i);
    assert_true(checkup_complete(&checkup, &error));
    assert_int_equal(checkup.count, CHECKUP_CHECKS);
    checkup_add(&checkup, CHECK_FAILED, "check", "one more");
    checkup_advise(&checkup, "of the one that is not there");
    assert_int_equal(checkup.count, CHECKUP_CHECKS);
    assert_null(checkup.items[CHECKUP_CHECKS - 1].advice);
    assert_false(checkup_complete(&checkup, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    checkup_done(&checkup);
}

static void first_failure_stays(void **state)
{
    (void) state;
    struct error error;
    struct checkup checkup = {0};
    checkup_advise(&checkup, "of nothing");
    assert_true(checkup_complete(&checkup, &error));
    checkup_fail(&checkup, ERROR_NO_MEMORY);
    checkup_fail(&checkup, ERROR_TOO_LARGE);
    checkup_add(&checkup, CHECK_OK, "check", "too late");
    assert_int_equal(checkup.count, 0);
    assert_false(checkup_complete(&checkup, &error));
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    checkup_done(&checkup);
}

static bool add_and_show(void *context)
{
    struct error error;
    struct checkup checkup = {0};
    struct buffer text = BUFFER_INIT(OUTPUT_BYTES);
    FILE *file = fopen("/dev/null", "w");
    (void) context;
    add_three(&checkup);
    checkup_report_append_json(&checkup, &text);
    bool is_done = file && checkup_complete(&checkup, &error) && buffer_check(&text, &error) &&
                   checkup_report_print_table(&checkup, file, true, &error);
    if (file)
        fclose(file);
    buffer_done(&text);
    checkup_done(&checkup);
    return is_done;
}

static void survives_running_out_of_memory(void **state)
{
    (void) state;
    size_t runs = 0;
    assert_true(allocation_fail_each(add_and_show, NULL, RUN_LIMIT, &runs));
    assert_true(runs > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advice_stands_under_what_it_is_for),
        cmocka_unit_test(json_has_every_member_of_every_check),
        cmocka_unit_test(holds_as_many_as_the_limit_and_fails_one_past_it),
        cmocka_unit_test(first_failure_stays),
        cmocka_unit_test(survives_running_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
