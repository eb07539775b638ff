#include "common/http_listener.h"
#include "tests/support/plain_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES 65536

static unsigned answer_health(void *context, struct buffer *body, const char **content_type)
{
    (void) content_type;
    buffer_append_string(body, context);
    return 200;
}

static unsigned answer_not_ready(void *context, struct buffer *body, const char **content_type)
{
    (void) context;
    *content_type = "text/special";
    buffer_append_string(body, "missing\n");
    return 503;
}

static unsigned answer_too_much(void *context, struct buffer *body, const char **content_type)
{
    (void) context, (void) content_type;
    static const char block[65536] = "x";
    for (size_t i = 0; i <= HTTP_LISTENER_ANSWER_BYTES / sizeof block; i++)
        buffer_append(body, block, sizeof block);
    return 200;
}

static const struct http_listener_route routes[] = {
    {"/healthz", answer_health}, {"/readyz", answer_not_ready}, {"/large", answer_too_much}, {NULL, NULL}};

static int start(void **state)
{
    struct error error;
    static char text[] = "ok\n";
    struct http_listener *listener = NULL;
    if (!http_listener_start("127.0.0.1:0", routes, text, &error, &listener))
        return -1;
    *state = listener;
    return 0;
}

static int stop(void **state)
{
    http_listener_free(*state);
    return 0;
}

/* Sends the request and reads the answer to the end of the connection. */
static void ask(struct http_listener *listener, const char *request, char answer[ANSWER_BYTES])
{
    _cleanup_(closep) int client = plain_client_connect(http_listener_port(listener));
    assert_true(plain_client_send(client, request));
    assert_true(plain_client_read_all(client, answer, ANSWER_BYTES));
}

static bool has_status(const char *answer, unsigned status)
{
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %u ", status);
    return strncmp(answer, line, strlen(line)) == 0;
}

static bool has_body(const char *answer, const char *body)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end && strcmp(end + 4, body) == 0;
}

static void answers_and_closes(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 200));
    assert_true(has_body(answer, "ok\n"));
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_non_null(strstr(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
}

static void passes_status_and_content_type_on(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "GET /readyz?verbose HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 503));
    assert_true(has_body(answer, "missing\n"));
    assert_non_null(strstr(answer, "Content-Type: text/special\r\n"));
}

static void answers_head_without_a_body(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 200));
    assert_true(has_body(answer, ""));
}

static void refuses_other_methods_and_says_which_it_takes(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", answer);
    assert_true(has_status(answer, 405));
    assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
}

static void does_not_know_other_paths(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "GET /healthz/ HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 404));
}

static void says_when_an_answer_is_too_large(void **state)
{
    char answer[ANSWER_BYTES];
    ask(*state, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 500));
}

/* A request whose header has exactly `length` bytes. */
static void make_request(char *request, size_t length)
{
    static const char start[] = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ";
    static const char end[] = "\r\n\r\n";
    memcpy(request, start, sizeof start - 1);
    memset(request + sizeof start - 1, 'x', length - (sizeof start - 1) - (sizeof end - 1));
    memcpy(request + length - (sizeof end - 1), end, sizeof end);
}

static void takes_the_largest_header_and_not_one_byte_more(void **state)
{
    char request[HTTP_LISTENER_HEADER_BYTES + 2];
    char answer[ANSWER_BYTES];
    make_request(request, HTTP_LISTENER_HEADER_BYTES);
    ask(*state, request, answer);
    assert_true(has_status(answer, 200));
    make_request(request, HTTP_LISTENER_HEADER_BYTES + 1);
    ask(*state, request, answer);
    assert_true(has_status(answer, 431));
}

static void serves_others_while_all_but_one_connection_hang(void **state)
{
    int hanging[HTTP_LISTENER_CONNECTIONS - 1];
    char answer[ANSWER_BYTES];
    for (size_t i = 0; i < HTTP_LISTENER_CONNECTIONS - 1; i++)
        hanging[i] = plain_client_connect(http_listener_port(*state));
    ask(*state, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_true(has_status(answer, 200));
    for (size_t i = 0; i < HTTP_LISTENER_CONNECTIONS - 1; i++)
        close(hanging[i]);
}

static void lets_one_connection_too_many_wait_for_its_turn(void **state)
{
    int hanging[HTTP_LISTENER_CONNECTIONS];
    char answer[ANSWER_BYTES];
    for (size_t i = 0; i < HTTP_LISTENER_CONNECTIONS; i++)
        hanging[i] = plain_client_connect(http_listener_port(*state));
    usleep(200000);
    _cleanup_(closep) int waiting = plain_client_connect(http_listener_port(*state));
    assert_true(plain_client_send(waiting, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_false(plain_client_is_closed_within(waiting, 300));
    close(hanging[0]);
    assert_true(plain_client_read_all(waiting, answer, sizeof answer));
    assert_true(has_status(answer, 200));
    for (size_t i = 1; i < HTTP_LISTENER_CONNECTIONS; i++)
        close(hanging[i]);
}

static void refuses_an_address_in_use(void **state)
{
    struct error error;
    char address[32];
    struct http_listener *second = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%u", http_listener_port(*state));
    assert_false(http_listener_start(address, routes, NULL, &error, &second));
    assert_int_equal(error.code, ERROR_IO);
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_and_closes, start, stop),
        cmocka_unit_test_setup_teardown(passes_status_and_content_type_on, start, stop),
        cmocka_unit_test_setup_teardown(answers_head_without_a_body, start, stop),
        cmocka_unit_test_setup_teardown(refuses_other_methods_and_says_which_it_takes, start, stop),
        cmocka_unit_test_setup_teardown(does_not_know_other_paths, start, stop),
        cmocka_unit_test_setup_teardown(says_when_an_answer_is_too_large, start, stop),
        cmocka_unit_test_setup_teardown(takes_the_largest_header_and_not_one_byte_more, start, stop),
        cmocka_unit_test_setup_teardown(serves_others_while_all_but_one_connection_hang, start, stop),
        cmocka_unit_test_setup_teardown(lets_one_connection_too_many_wait_for_its_turn, start, stop),
        cmocka_unit_test_setup_teardown(refuses_an_address_in_use, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
