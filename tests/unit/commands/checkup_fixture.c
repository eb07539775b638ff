#include "tests/unit/commands/checkup_fixture.h"

#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

cJSON *checkup_fixture_parse(const char *text)
{
    static const struct json_limits limits = {.bytes = 1u << 20, .depth = 64};
    struct error error;
    cJSON *value = NULL;
    if (text && !json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s: %s", text, error.message);
    return value;
}

const struct check *checkup_fixture_find(const struct checkup *checkup, const char *name)
{
    const struct check *found = NULL;
    for (size_t i = 0; i < checkup->count; i++) {
        if (strcmp(checkup->items[i].name, name) != 0)
            continue;
        if (found)
            fail_msg("%s is there twice", name);
        found = &checkup->items[i];
    }
    if (!found)
        fail_msg("%s is not there", name);
    return found;
}

void checkup_fixture_expect(const struct checkup *checkup, const char *name, enum check_result result,
                            const char *part)
{
    const struct check *check = checkup_fixture_find(checkup, name);
    if (check->result != result || !strstr(check->message, part))
        fail_msg("%s is %s: %s; expected %s with \"%s\"", name, check_result_name(check->result),
                 check->message, check_result_name(result), part);
    assert_int_equal(check->advice != NULL, result != CHECK_OK);
}
