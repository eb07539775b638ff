#include "webhook/audit/record_line.h"

#include "common/json.h"
#include "tests/support/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PREVIOUS ",\"previous\":\"00\""
#define RECORD "{\"a\":1" PREVIOUS "}"
/* "[1]" and its digest. */
#define PATCH "\"patch\":\"WzFd\""
#define PATCH_SHA256 "\"patchSha256\":\"080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22\""

static void assert_hash_is_of(const char *line, const char *text)
{
    struct error error;
    char hash[DIGEST_SHA256_HEX_BYTES], expected[DIGEST_SHA256_HEX_BYTES];
    assert_true(record_line_hash(line, strlen(line), &error, hash));
    assert_true(digest_sha256_hex(text, strlen(text), &error, expected));
    assert_string_equal(hash, expected);
}

static void hashes_a_line_without_its_patch(void **state)
{
    (void) state;
    assert_hash_is_of(RECORD, RECORD);
    assert_hash_is_of("{\"a\":1" PREVIOUS "," PATCH "}", RECORD);
    assert_hash_is_of("{\"a\":1" PREVIOUS ",\"patch\":\"\"}", RECORD);
}

/* Only the last member of the record itself can be its patch. */
static void hashes_all_of_any_other_line(void **state)
{
    (void) state;
    static const char *const lines[] = {
        "",
        "}",
        "\"}",
        "{}",
        ("{" PATCH "}"),
        ("{\"a\":1," PATCH PREVIOUS "}"),
        ("{\"a\":{\"b\":1," PATCH "}}"),
        "{\"a\":\",\\\"patch\\\":\\\"WzFd\"}",
        ("{\"a\":1," PATCH "} "),
        ("{\"a\":1, " PATCH "}"),
        "{\"a\":1,\"patch\": \"WzFd\"}",
        "{\"a\":1,\"patches\":\"WzFd\"}",
        ("{\"a\":1," PATCH),
        "{\"a\":1,\"patch\":\"WzFd}",
        "{\"a\":1,\"patch\":\"\\u0057zFd\"}",
        "{\"a\":1,\"patch\":\"WzFd\\n\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_hash_is_of(lines[i], lines[i]);
}

static bool hash_once(void *context)
{
    struct error error;
    char hash[DIGEST_SHA256_HEX_BYTES];
    (void) context;
    return record_line_hash(RECORD, strlen(RECORD), &error, hash);
}

static void survives_without_memory(void **state)
{
    (void) state;
    size_t runs;
    assert_true(hash_once(NULL));
    assert_true(allocation_fail_each(hash_once, NULL, 100, &runs));
}

static void finds_the_sequence_in_front_of_the_patch(void **state)
{
    (void) state;
    static const struct {
        const char *line;
        uint64_t sequence;
    } cases[] = {
        {"{\"a\":1,\"sequence\":42,\"time\":\"t\"" PREVIOUS "}", 42},
        {"{\"a\":1,\"sequence\":42,\"time\":\"t\"" PREVIOUS "," PATCH "}", 42},
        {"{\"a\":{\"b\":1,\"sequence\":7},\"sequence\":42,\"time\":\"t\"" PREVIOUS "}", 42},
        {"{\"a\":1," PATCH ",\"sequenc\":42}", 0},
        {"{}", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(record_line_sequence(cases[i].line, strlen(cases[i].line)), cases[i].sequence);
}

static bool check(const char *text, struct error *error)
{
    static const struct json_limits limits = {.bytes = 4096, .depth = 4};
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    assert_true(json_parse(text, strlen(text), &limits, error, &record));
    return record_check_patch(record, error);
}

static void accepts_a_patch_that_its_digest_is_of(void **state)
{
    (void) state;
    struct error error;
    assert_true(check("{}", &error));
    assert_true(check("{" PATCH_SHA256 "," PATCH "}", &error));
    assert_true(check("{" PATCH_SHA256 ",\"omitted\":[\"object\",\"patch\"]}", &error));
}

static void refuses_any_other(void **state)
{
    (void) state;
    static const struct {
        const char *record, *message;
    } cases[] = {
        {"{" PATCH "}", "patch: there is no patchSha256 of it"},
        {"{" PATCH_SHA256 "}", "patch: is missing"},
        {"{" PATCH_SHA256 ",\"omitted\":[\"object\"]}", "patch: is missing"},
        {"{" PATCH_SHA256 ",\"omitted\":\"patch\"}", "patch: is missing"},
        {"{" PATCH_SHA256 ",\"patch\":\"WzJd\"}", "patch: is not what patchSha256 is of"},
        {"{" PATCH_SHA256 ",\"patch\":\"\"}", "patch: is not what patchSha256 is of"},
        {"{" PATCH_SHA256 ",\"patch\":\"WzFd\",\"omitted\":[\"patch\"]}", "patch: is said to be omitted"},
        {"{" PATCH_SHA256 ",\"patch\":\"WzFd=\"}", "patch: base64"},
        {"{" PATCH_SHA256 ",\"patch\":\"Wz\\nFd\"}", "patch: base64"},
        {"{" PATCH_SHA256 ",\"patch\":1}", "patch"},
        {"{\"patchSha256\":1," PATCH "}", "patchSha256"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {.code = ERROR_NONE};
        assert_false(check(cases[i].record, &error));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_ptr_equal(strstr(error.message, cases[i].message), error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_a_line_without_its_patch),
        cmocka_unit_test(hashes_all_of_any_other_line),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(finds_the_sequence_in_front_of_the_patch),
        cmocka_unit_test(accepts_a_patch_that_its_digest_is_of),
        cmocka_unit_test(refuses_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
