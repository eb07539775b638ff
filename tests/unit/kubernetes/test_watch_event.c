#include "kubernetes/watch_event.h"

#include "kubernetes/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void reads_each_type(void **state)
{
    (void) state;
    const struct {
        const char *name;
        enum watch_event_type type;
    } types[] = {{"ADDED", WATCH_ADDED},
                 {"MODIFIED", WATCH_MODIFIED},
                 {"DELETED", WATCH_DELETED},
                 {"BOOKMARK", WATCH_BOOKMARK},
                 {"ERROR", WATCH_ERROR}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char line[256];
        struct watch_event event;
        struct error error;
        snprintf(line, sizeof line,
                 "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"12\"}}}",
                 types[i].name);
        assert_true(watch_event_parse(line, strlen(line), &error, &event));
        assert_int_equal(event.type, types[i].type);
        assert_string_equal(event.resource_version, "12");
        assert_string_equal(kubernetes_object_name(event.object), "a");
        watch_event_done(&event);
    }
}

static void an_error_event_needs_no_resource_version(void **state)
{
    (void) state;
    const char *line = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}";
    struct watch_event event;
    struct error error;
    assert_true(watch_event_parse(line, strlen(line), &error, &event));
    assert_null(event.resource_version);
    watch_event_done(&event);
}

static void refuses_what_is_no_event(void **state)
{
    (void) state;
    const char *lines[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"type\":\"ADDED\"}",
        "{\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
        "{\"type\":5,\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":[]}",
        "{\"type\":\"ADDED\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":7}}}",
        "{\"type\":\"SYNCED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}} {}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct watch_event event;
        struct error error;
        assert_false(watch_event_parse(lines[i], strlen(lines[i]), &error, &event));
        assert_int_equal(error.code, ERROR_UNAVAILABLE);
        assert_non_null(strstr(error.message, "watch event: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_type),
        cmocka_unit_test(an_error_event_needs_no_resource_version),
        cmocka_unit_test(refuses_what_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
