#include "common/json.h"
#include "webhook/audit/reasons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *find(const struct reasons *reasons, const char *text)
{
    const struct json_limits limits = {.bytes = 1024, .depth = 16};
    _cleanup_(cJSON_Deletep) cJSON *operation = NULL;
    struct error error;
    const char *reason;
    assert_true(json_parse(text, strlen(text), &limits, &error, &operation));
    assert_true(reasons_find(reasons, operation, &error, &reason));
    return reason;
}

static void learn(struct reasons *reasons)
{
    const struct configuration_flag flags[] = {{.name = "sandbox-uid", .value = "1000"}};
    const struct configuration_sources sources = {.flags = flags, .flag_count = 1};
    _cleanup_(configuration_freep) struct configuration *configuration = NULL;
    struct error error;
    assert_true(configuration_load(&sources, &error, &configuration));
    assert_true(reasons_learn(reasons, configuration, &error));
}

static void knows_the_reason_of_an_element_at_any_place(void **state)
{
    (void) state;
    struct reasons reasons = REASONS_INIT;
    learn(&reasons);
    const char *end = find(
        &reasons,
        "{\"op\":\"add\",\"path\":\"/spec/containers/0/env/-\",\"value\":{\"name\":\"OPENSHELL_SANDBOX\"}}");
    const char *middle = find(
        &reasons,
        "{\"op\":\"add\",\"path\":\"/spec/containers/3/env/7\",\"value\":{\"name\":\"OPENSHELL_SANDBOX\"}}");
    assert_non_null(end);
    assert_ptr_equal(end, middle);
    assert_non_null(strstr(end, "label"));
    reasons_done(&reasons);
}

static void says_nothing_of_what_it_does_not_know(void **state)
{
    (void) state;
    struct reasons reasons = REASONS_INIT;
    assert_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/volumes\",\"value\":[]}"));
    learn(&reasons);
    assert_non_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/volumes\",\"value\":[]}"));
    assert_null(find(&reasons, "{\"op\":\"add\",\"path\":\"/spec/hostNetwork\",\"value\":true}"));
    assert_null(find(&reasons, "{\"op\":\"add\"}"));
    reasons_done(&reasons);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_reason_of_an_element_at_any_place),
        cmocka_unit_test(says_nothing_of_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
