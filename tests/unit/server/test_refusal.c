#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/server/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static cJSON *print_and_parse(unsigned status, const char *message, struct buffer *body)
{
    const struct json_limits limits = {.bytes = 4096, .depth = 4};
    struct error error;
    cJSON *value = NULL;
    const char *text = refusal_print(status, message, body);
    assert_true(json_parse(text, strlen(text), &limits, &error, &value));
    return value;
}

static void is_a_kubernetes_status(void **state)
{
    (void) state;
    struct buffer body = BUFFER_INIT(4096);
    _cleanup_(cJSON_Deletep) cJSON *value = print_and_parse(400, "a \"quoted\"\nmessage", &body);
    assert_string_equal(cJSON_GetStringValue(json_member(value, "kind")), "Status");
    assert_string_equal(cJSON_GetStringValue(json_member(value, "apiVersion")), "v1");
    assert_string_equal(cJSON_GetStringValue(json_member(value, "status")), "Failure");
    assert_string_equal(cJSON_GetStringValue(json_member(value, "message")), "a \"quoted\"\nmessage");
    assert_string_equal(cJSON_GetStringValue(json_member(value, "reason")), "BadRequest");
    assert_int_equal(json_member(value, "code")->valueint, 400);
    buffer_done(&body);
}

static void names_the_reason_of_each_status(void **state)
{
    (void) state;
    static const struct {
        unsigned status;
        const char *reason;
    } cases[] = {{400, "BadRequest"},
                 {403, "Forbidden"},
                 {404, "NotFound"},
                 {405, "MethodNotAllowed"},
                 {413, "RequestEntityTooLarge"},
                 {415, "UnsupportedMediaType"},
                 {431, ""},
                 {500, "InternalError"},
                 {503, "ServiceUnavailable"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer body = BUFFER_INIT(4096);
        _cleanup_(cJSON_Deletep) cJSON *value = print_and_parse(cases[i].status, "m", &body);
        assert_string_equal(cJSON_GetStringValue(json_member(value, "reason")), cases[i].reason);
        buffer_done(&body);
    }
}

static void blames_the_client_only_for_its_input(void **state)
{
    (void) state;
    assert_int_equal(refusal_status_of_error(ERROR_INVALID), 400);
    assert_int_equal(refusal_status_of_error(ERROR_TOO_LARGE), 400);
    assert_int_equal(refusal_status_of_error(ERROR_PERMISSION_DENIED), 403);
    assert_int_equal(refusal_status_of_error(ERROR_UNAVAILABLE), 503);
    assert_int_equal(refusal_status_of_error(ERROR_TIMEOUT), 503);
    assert_int_equal(refusal_status_of_error(ERROR_NO_MEMORY), 503);
    assert_int_equal(refusal_status_of_error(ERROR_INTERNAL), 500);
    assert_int_equal(refusal_status_of_error(ERROR_IO), 500);
}

static void still_answers_without_memory(void **state)
{
    (void) state;
    struct buffer body = BUFFER_INIT(4096);
    allocation_fail_at(1, true);
    const char *text = refusal_print(503, "m", &body);
    allocation_stop();
    assert_non_null(strstr(text, "out of memory"));
    buffer_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_kubernetes_status),
        cmocka_unit_test(names_the_reason_of_each_status),
        cmocka_unit_test(blames_the_client_only_for_its_input),
        cmocka_unit_test(still_answers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
