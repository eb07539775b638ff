#include "kubernetes/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void maps_each_status_to_one_code(void **state)
{
    (void) state;
    const struct {
        long status;
        const char *reason;
        enum error_code code;
    } cases[] = {
        {400, "BadRequest", ERROR_INVALID},
        {401, "Unauthorized", ERROR_PERMISSION_DENIED},
        {403, "Forbidden", ERROR_PERMISSION_DENIED},
        {404, "NotFound", ERROR_NOT_FOUND},
        {405, "MethodNotAllowed", ERROR_INTERNAL},
        {408, "", ERROR_TIMEOUT},
        {409, "AlreadyExists", ERROR_ALREADY_EXISTS},
        {409, "Conflict", ERROR_CONFLICT},
        {409, "", ERROR_CONFLICT},
        {410, "Expired", ERROR_GONE},
        {413, "RequestEntityTooLarge", ERROR_TOO_LARGE},
        {415, "UnsupportedMediaType", ERROR_INTERNAL},
        {422, "Invalid", ERROR_INVALID},
        {429, "TooManyRequests", ERROR_UNAVAILABLE},
        {500, "InternalError", ERROR_UNAVAILABLE},
        {502, "", ERROR_UNAVAILABLE},
        {503, "ServiceUnavailable", ERROR_UNAVAILABLE},
        {504, "Timeout", ERROR_TIMEOUT},
        {302, "", ERROR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(status_error_code(cases[i].status, cases[i].reason), cases[i].code);
}

static void takes_message_reason_causes_and_wait_from_a_status_object(void **state)
{
    (void) state;
    const char *body = "{\"kind\":\"Status\",\"message\":\"pods \\\"a\\\" already exists\","
                       "\"reason\":\"AlreadyExists\",\"details\":{\"retryAfterSeconds\":7,"
                       "\"causes\":[{\"field\":\"x\"}]},\"code\":409}";
    struct error error;
    struct kubernetes_answer answer = {0};
    assert_false(status_set_error(409, body, strlen(body), &error, &answer));
    assert_int_equal(error.code, ERROR_ALREADY_EXISTS);
    assert_string_equal(error.message, "409 AlreadyExists: pods \"a\" already exists");
    assert_string_equal(answer.reason, "AlreadyExists");
    assert_int_equal(answer.retry_after_s, 7);
    assert_true(answer.has_causes);
}

static void a_header_s_wait_is_stronger_than_the_object_s(void **state)
{
    (void) state;
    const char *body = "{\"details\":{\"retryAfterSeconds\":99999999}}";
    struct error error;
    struct kubernetes_answer answer = {.retry_after_s = 3};
    status_set_error(429, body, strlen(body), &error, &answer);
    assert_int_equal(answer.retry_after_s, 3);
    answer.retry_after_s = 0;
    status_set_error(429, body, strlen(body), &error, &answer);
    assert_int_equal(answer.retry_after_s, 3600);
}

static void quotes_text_that_is_no_status_on_one_line(void **state)
{
    (void) state;
    const char *body = "upstream\r\nconnect\x1b[31m error\x7f";
    struct error error;
    struct kubernetes_answer answer = {0};
    assert_false(status_set_error(502, body, strlen(body), &error, &answer));
    assert_string_equal(error.message, "502: upstream  connect [31m error ");
    assert_false(status_set_error(503, "", 0, &error, &answer));
    assert_string_equal(error.message, "503");
}

static void survives_members_of_other_types(void **state)
{
    (void) state;
    const char *body = "{\"message\":5,\"reason\":[],\"details\":\"x\",\"code\":\"y\"}";
    struct error error;
    struct kubernetes_answer answer = {0};
    assert_false(status_set_error(404, body, strlen(body), &error, &answer));
    assert_string_equal(error.message, "404");
    cJSON *object = cJSON_Parse(body);
    assert_false(status_set_error_from_object(object, &error, &answer));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_int_equal(answer.status, 500);
    cJSON_Delete(object);
}

static void cuts_long_texts(void **state)
{
    (void) state;
    char body[4 * ERROR_MESSAGE_BYTES];
    memset(body, 'x', sizeof body);
    struct error error;
    struct kubernetes_answer answer = {0};
    assert_false(status_set_error(500, body, sizeof body, &error, &answer));
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_each_status_to_one_code),
        cmocka_unit_test(takes_message_reason_causes_and_wait_from_a_status_object),
        cmocka_unit_test(a_header_s_wait_is_stronger_than_the_object_s),
        cmocka_unit_test(quotes_text_that_is_no_status_on_one_line),
        cmocka_unit_test(survives_members_of_other_types),
        cmocka_unit_test(cuts_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
