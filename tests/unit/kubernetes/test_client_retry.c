#include "kubernetes/clock.h"
#include "kubernetes/retry.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void tries_again_after_5xx_until_it_works(void **state)
{
    (void) state;
    struct script script = {.status = 503, .failures = 2};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.answer = &answer};
    struct error error;
    char body[4097];
    assert_true(client_get(client, "/x", &call, &error, body));
    assert_string_equal(body, "{}");
    assert_int_equal(answer.attempts, 3);
    assert_int_equal(answer.status, 200);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void gives_up_after_the_named_number_of_attempts(void **state)
{
    (void) state;
    struct script script = {.status = 500};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    char body[4097];
    assert_false(client_get(client, "/x", NULL, &error, body));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_int_equal(fault_server_requests(server), KUBERNETES_ATTEMPTS);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static bool post(struct kubernetes_client *client, const struct kubernetes_call *call, struct error *error)
{
    const struct kubernetes_request request = {
        .method = "POST", .path = "/x", .body = "{}", .body_length = 2, .verb = "create"};
    return kubernetes_client_request_json(client, &request, call, error, NULL);
}

static void does_not_repeat_a_create_that_may_have_been_done(void **state)
{
    (void) state;
    struct script script = {.status = 500};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    assert_false(post(client, NULL, &error));
    assert_int_equal(fault_server_requests(server), 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void repeats_a_create_that_was_refused_unseen_after_the_time_asked_for(void **state)
{
    (void) state;
    struct script script = {.status = 429, .headers = "Retry-After: 1\r\n", .failures = 1};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    uint64_t started_ns = clock_now_ns();
    assert_true(post(client, NULL, &error));
    assert_true(milliseconds_since(started_ns) >= 1000);
    assert_int_equal(fault_server_requests(server), 2);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void does_not_wait_for_a_retry_that_would_come_too_late(void **state)
{
    (void) state;
    struct script script = {.status = 429, .headers = "Retry-After: 60\r\n"};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.time_limit_ms = 5000, .answer = &answer};
    struct error error;
    uint64_t started_ns = clock_now_ns();
    assert_false(post(client, &call, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_int_equal(answer.retry_after_s, 60);
    assert_true(milliseconds_since(started_ns) < 4000);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

struct cut {
    const char *bytes;
    unsigned cuts; /* so many requests are answered with `bytes` and a closed connection */
    bool is_reset;
};

static bool cut_off(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    const struct cut *cut = context;
    if (request->number > cut->cuts)
        return fault_answer(connection, 200, "", "{}");
    fault_send(connection, cut->bytes);
    if (cut->is_reset)
        fault_reset(connection);
    return false;
}

static void an_answer_that_breaks_off_is_asked_for_again(void **state)
{
    (void) state;
    const char *cuts[] = {"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"cut\":",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cu"};
    for (size_t i = 0; i < 2 * sizeof cuts / sizeof *cuts; i++) {
        struct cut cut = {.bytes = cuts[i / 2], .cuts = 1, .is_reset = i % 2};
        struct fault_server *server = fault_server_start(cut_off, &cut, NULL);
        struct kubernetes_client *client = client_for(server, NULL);
        struct error error = {0};
        char body[4097];
        assert_true(client_get(client, "/x", NULL, &error, body));
        assert_string_equal(body, "{}");
        kubernetes_client_free(client);
        fault_server_stop(server);
    }
}

static void a_create_whose_answer_breaks_off_is_sent_once(void **state)
{
    (void) state;
    struct cut cut = {.bytes = "HTTP/1.1 201 OK\r\nContent-Length: 50\r\n\r\n{\"cut\":", .cuts = 99};
    struct fault_server *server = fault_server_start(cut_off, &cut, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.answer = &answer};
    struct error error;
    assert_false(post(client, &call, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_true(answer.was_sent);
    assert_int_equal(fault_server_requests(server), 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

/* Serves the first request, then closes the kept-alive connection only once the second has arrived on it. */
static bool close_on_second(void *context, const struct fault_request *request,
                            struct fault_connection *connection)
{
    (void) context;
    if (request->number == 2)
        return false;
    return fault_answer(connection, 200, "", "{}");
}

static void a_create_is_not_sent_again_when_a_kept_connection_turns_out_dead(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(close_on_second, NULL, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    assert_true(post(client, NULL, &error));
    assert_false(post(client, NULL, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_int_equal(fault_server_requests(server), 2);
    assert_true(post(client, NULL, &error));
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void a_server_that_is_not_there_is_unavailable_and_tried_again(void **state)
{
    (void) state;
    struct script script = {0};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    fault_server_stop(server);
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.answer = &answer};
    struct error error;
    assert_false(post(client, &call, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_false(answer.was_sent);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.attempts, KUBERNETES_ATTEMPTS);
    kubernetes_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_again_after_5xx_until_it_works),
        cmocka_unit_test(gives_up_after_the_named_number_of_attempts),
        cmocka_unit_test(does_not_repeat_a_create_that_may_have_been_done),
        cmocka_unit_test(repeats_a_create_that_was_refused_unseen_after_the_time_asked_for),
        cmocka_unit_test(does_not_wait_for_a_retry_that_would_come_too_late),
        cmocka_unit_test(an_answer_that_breaks_off_is_asked_for_again),
        cmocka_unit_test(a_create_whose_answer_breaks_off_is_sent_once),
        cmocka_unit_test(a_create_is_not_sent_again_when_a_kept_connection_turns_out_dead),
        cmocka_unit_test(a_server_that_is_not_there_is_unavailable_and_tried_again),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
