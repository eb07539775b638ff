#include "webhook/commands/json_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The objects found, joined by '|', and behind ':' what is left of the text. */
static void assert_split(const char *text, const char *expected)
{
    struct buffer found = BUFFER_INIT(1024);
    size_t length = strlen(text), at = 0, start;
    while (json_stream_next(text, length, &at, &start)) {
        buffer_append_string(&found, found.length ? "|" : "");
        buffer_append(&found, text + start, at - start);
    }
    buffer_append_format(&found, ":%s", text + at);
    assert_string_equal(buffer_string(&found), expected);
    buffer_done(&found);
}

static void finds_objects_one_behind_the_other(void **state)
{
    (void) state;
    assert_split("{\"a\":1}", "{\"a\":1}:");
    assert_split("{}{\"a\":{}} \n\t{}\r\n", "{}|{\"a\":{}}|{}:");
    assert_split("", ":");
    assert_split(" \n", ":");
}

static void passes_over_lines_between_documents(void **state)
{
    (void) state;
    assert_split("---\n{}\n---\n{}\n---", "{}|{}:");
    assert_split("{} ---\n", "{}:---\n");
    assert_split("{}\n----\n", "{}:----\n");
}

static void is_not_misled_by_braces_in_strings(void **state)
{
    (void) state;
    assert_split("{\"}\":\"{\\\"}\"}{}", "{\"}\":\"{\\\"}\"}|{}:");
}

static void stops_at_what_is_no_object(void **state)
{
    (void) state;
    assert_split("{} a: b", "{}:a: b");
    assert_split("[1]", ":[1]");
    assert_split("{}}", "{}:}");
}

static void does_not_take_an_object_without_an_end(void **state)
{
    (void) state;
    assert_split("{\"a\":{}", ":{\"a\":{}");
    assert_split("{\"a", ":{\"a");
    assert_split("{\"a\\", ":{\"a\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_objects_one_behind_the_other),
        cmocka_unit_test(passes_over_lines_between_documents),
        cmocka_unit_test(is_not_misled_by_braces_in_strings),
        cmocka_unit_test(stops_at_what_is_no_object),
        cmocka_unit_test(does_not_take_an_object_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
