#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/audit/match_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reads_times_to_the_microsecond(void **state)
{
    (void) state;
    assert_int_equal(match_parse_time("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(match_parse_time("1970-01-01T00:00:01.5Z"), 1500000);
    assert_int_equal(match_parse_time("1970-01-01T00:01:00.000001Z"), 60000001);
    assert_int_equal(match_parse_time("1970-01-01T00:00:00.0000019Z"), 1);
}

static void refuses_what_is_no_time_in_utc(void **state)
{
    (void) state;
    static const char *const texts[] = {"",
                                        "now",
                                        "1970-01-01",
                                        "1970-01-01T00:00:00",
                                        "1970-01-01T00:00:00+01:00",
                                        "1970-01-01T00:00:00.Zx"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(match_parse_time(texts[i]), -1);
}

static void digest(const char *text, char hex[static DIGEST_SHA256_HEX_BYTES])
{
    const struct json_limits limits = {.bytes = 1024, .depth = 16};
    _cleanup_(cJSON_Deletep) cJSON *patch = NULL;
    struct error error;
    assert_true(json_parse(text, strlen(text), &limits, &error, &patch));
    assert_true(match_digest_patch(patch, &error, hex));
}

static void a_patch_has_one_digest_however_it_is_printed(void **state)
{
    (void) state;
    char one[DIGEST_SHA256_HEX_BYTES], other[DIGEST_SHA256_HEX_BYTES];
    digest("[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"<\"}]", one);
    digest("[ {\"path\":\"/a\", \"value\":\"\\u003c\",\"op\":\"add\"} ]", other);
    assert_string_equal(one, other);
    digest("[{\"op\":\"add\",\"path\":\"/a\",\"value\":\">\"}]", other);
    assert_string_not_equal(one, other);
    digest("[]", one);
    assert_string_equal(one, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times_to_the_microsecond),
        cmocka_unit_test(refuses_what_is_no_time_in_utc),
        cmocka_unit_test(a_patch_has_one_digest_however_it_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
