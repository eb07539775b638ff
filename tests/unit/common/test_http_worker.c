#include "common/http_answer.h"
#include "common/http_worker.h"
#include "common/listening_socket.h"
#include "tests/support/plain_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES 4096

/* Short limits, so that tests of what happens past them are quick; far enough apart to tell them from each
 * other. Each is kept to within a tick. */
#define HEADER_MS 600
#define REQUEST_MS 1500
#define IDLE_MS 3000

/* A server that answers with the length of the body. */
struct fixture {
    int listening;
    uint16_t port;
    struct http_worker *worker;
    atomic_int opened, closed, sent, unsent;
    atomic_bool refuses_connections;
    bool suspends;
    struct http_connection *_Atomic suspended;
    size_t length;
    char text[32];
};

static bool on_opened(void *context, struct http_connection *connection)
{
    (void) connection;
    struct fixture *fixture = context;
    atomic_fetch_add(&fixture->opened, 1);
    return !atomic_load(&fixture->refuses_connections);
}

static void on_closed(void *context, struct http_connection *connection)
{
    (void) connection;
    atomic_fetch_add(&((struct fixture *) context)->closed, 1);
}

static bool on_begin(void *context, struct http_connection *connection, const char *method, const char *path)
{
    struct fixture *fixture = context;
    fixture->length = 0;
    connection->state = strcmp(path, "/slow") == 0 ? &fixture->suspended : NULL;
    if (strcmp(method, "POST") != 0)
        return http_answer_send(
            connection,
            &(struct http_answer){
                .status = 405, .content_type = "text/plain", .body = "no", .length = 2, .allow = "POST"});
    return true;
}

static bool on_body(void *context, struct http_connection *connection, const char *data, size_t length)
{
    (void) connection, (void) data;
    ((struct fixture *) context)->length += length;
    return true;
}

static bool on_finish(void *context, struct http_connection *connection)
{
    struct fixture *fixture = context;
    const void *wish = connection->state;
    connection->state = NULL;
    if (wish == &fixture->suspended) {
        http_connection_suspend(connection);
        atomic_store(&fixture->suspended, connection);
        return true;
    }
    snprintf(fixture->text, sizeof fixture->text, "%zu\n", fixture->length);
    return http_answer_send(connection, &(struct http_answer){.status = 200,
                                                              .content_type = "text/plain",
                                                              .body = fixture->text,
                                                              .length = strlen(fixture->text),
                                                              .is_copied = true});
}

static void on_completed(void *context, struct http_connection *connection, bool is_sent)
{
    (void) connection;
    struct fixture *fixture = context;
    atomic_fetch_add(is_sent ? &fixture->sent : &fixture->unsent, 1);
}

/* Answers past libmicrohttpd. */
static void on_late(void *context, struct http_connection *connection)
{
    (void) context;
    static const struct http_answer late = {
        .status = 408, .content_type = "text/plain", .body = "late", .length = 4, .is_last = true};
    struct buffer text = BUFFER_INIT(ANSWER_BYTES);
    http_answer_append(&late, &text);
    (void) !write(connection->descriptor, buffer_string(&text), text.length);
    buffer_done(&text);
}

static const struct http_service service = {.opened = on_opened,
                                            .closed = on_closed,
                                            .begin = on_begin,
                                            .body = on_body,
                                            .finish = on_finish,
                                            .late = on_late,
                                            .completed = on_completed};

static int start(void **state)
{
    static struct fixture fixture;
    struct error error;
    fixture = (struct fixture){.listening = -1};
    if (!listening_socket_open("127.0.0.1:0", &error, &fixture.listening))
        return -1;
    fixture.port = listening_socket_port(fixture.listening);
    struct http_worker_options options = {
        .thread_name = "test",
        .listening_descriptor = fixture.listening,
        .limits = {.connections = 8,
                   .header_ms = HEADER_MS,
                   .request_ms = REQUEST_MS,
                   .idle_ms = IDLE_MS,
                   .memory_bytes = 16384},
        .service = &service,
        .context = &fixture,
    };
    *state = &fixture;
    return http_worker_start(&options, &error, &fixture.worker) ? 0 : -1;
}

static int stop(void **state)
{
    struct fixture *fixture = *state;
    http_worker_free(fixture->worker);
    close(fixture->listening);
    return atomic_load(&fixture->opened) - atomic_load(&fixture->refuses_connections) ==
                   atomic_load(&fixture->closed)
               ? 0
               : -1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The worker tells of what a client sees at about the same time. */
static void await_unsent(struct fixture *fixture, int count)
{
    for (int64_t start_ms = now_ms(); atomic_load(&fixture->unsent) < count && now_ms() - start_ms < 10000;)
        usleep(5000);
    assert_int_equal(atomic_load(&fixture->unsent), count);
}

/* How long the server takes to close the connection, which must send nothing meanwhile. */
static int64_t time_to_close(int client)
{
    int64_t start_ms = now_ms();
    assert_true(plain_client_is_closed_within(client, 10000));
    return now_ms() - start_ms;
}

#define POST_START "POST / HTTP/1.1\r\nHost: a\r\n"

static void answers_one_request_after_the_other_on_a_connection(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    for (int i = 0; i < 3; i++) {
        assert_true(plain_client_send(client, POST_START "Content-Length: 5\r\n\r\nhello"));
        assert_true(plain_client_read_until(client, "\r\n\r\n5\n", answer, sizeof answer));
    }
    assert_int_equal(atomic_load(&fixture->opened), 1);
}

static void answers_pipelined_requests_in_order(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START "Content-Length: 1\r\n\r\na" POST_START
                                                     "Content-Length: 2\r\n\r\nbb" POST_START
                                                     "Content-Length: 0\r\n\r\n"));
    assert_true(plain_client_read_until(client, "\r\n\r\n0\n", answer, sizeof answer));
    const char *first = strstr(answer, "\r\n\r\n1\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "\r\n\r\n2\n"));
}

static void joins_a_chunked_body(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START "Transfer-Encoding: chunked\r\n\r\n"
                                                     "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));
    assert_true(plain_client_read_until(client, "\r\n\r\n7\n", answer, sizeof answer));
}

static void closes_a_connection_that_says_nothing_after_the_idle_limit(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_in_range(time_to_close(client), IDLE_MS - HTTP_TICK_MS, IDLE_MS + 4 * HTTP_TICK_MS);
}

static void closes_a_connection_whose_header_does_not_end(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START));
    assert_in_range(time_to_close(client), HEADER_MS - HTTP_TICK_MS, HEADER_MS + 4 * HTTP_TICK_MS);
}

/* Sends `piece` again and again; returns when the connection is closed. */
static int64_t trickle_until_closed(int client, const char *piece)
{
    int64_t start_ms = now_ms();
    while (now_ms() - start_ms < 10000) {
        if (!plain_client_send(client, piece) || plain_client_is_closed_within(client, 100))
            return now_ms() - start_ms;
    }
    return INT64_MAX;
}

static void closes_a_connection_whose_header_comes_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START));
    assert_in_range(trickle_until_closed(client, "A: b\r\n"), HEADER_MS - HTTP_TICK_MS,
                    HEADER_MS + 4 * HTTP_TICK_MS);
}

static void closes_a_connection_whose_request_line_comes_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_in_range(trickle_until_closed(client, "P"), HEADER_MS - HTTP_TICK_MS,
                    HEADER_MS + 6 * HTTP_TICK_MS);
}

static void closes_a_connection_whose_next_request_line_comes_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START "Content-Length: 1\r\n\r\na"));
    assert_true(plain_client_read_until(client, "\r\n\r\n1\n", answer, sizeof answer));
    /* What arrives counts from the second look at the idle connection. */
    assert_in_range(trickle_until_closed(client, "P"), HEADER_MS - HTTP_TICK_MS,
                    HEADER_MS + 6 * HTTP_TICK_MS);
}

/* Whatever of a request is there, its header has begun. */
static void closes_a_connection_whose_request_line_does_not_end(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, "POST /"));
    assert_in_range(time_to_close(client), HEADER_MS - HTTP_TICK_MS, HEADER_MS + 6 * HTTP_TICK_MS);
}

static void answers_a_body_that_does_not_end_and_closes(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START "Content-Length: 3\r\n\r\nab"));
    assert_true(plain_client_read_until(client, "\r\n\r\nlate", answer, sizeof answer));
    assert_string_equal(answer, "HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\n"
                                "Content-Length: 4\r\nConnection: close\r\n\r\nlate");
    assert_true(plain_client_is_closed_within(client, 4 * HTTP_TICK_MS));
    await_unsent(fixture, 1);
}

static void closes_a_connection_whose_body_comes_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, POST_START "Content-Length: 1000\r\n\r\n"));
    assert_in_range(trickle_until_closed(client, "x"), REQUEST_MS - HTTP_TICK_MS,
                    REQUEST_MS + 4 * HTTP_TICK_MS);
    await_unsent(fixture, 1);
}

static void does_not_count_time_spent_idle_against_the_next_request(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    for (int i = 0; i < 2; i++) {
        assert_true(plain_client_send(client, POST_START "Content-Length: 1\r\n\r\na"));
        assert_true(plain_client_read_until(client, "\r\n\r\n1\n", answer, sizeof answer));
        assert_false(plain_client_is_closed_within(client, REQUEST_MS + HEADER_MS));
    }
}

static void lets_connections_past_the_limit_wait(void **state)
{
    struct fixture *fixture = *state;
    int clients[8];
    char answer[ANSWER_BYTES];
    for (size_t i = 0; i < 8; i++) {
        clients[i] = plain_client_connect(fixture->port);
        assert_true(plain_client_send(clients[i], POST_START "Content-Length: 1\r\n\r\na"));
        assert_true(plain_client_read_until(clients[i], "\r\n\r\n1\n", answer, sizeof answer));
    }
    _cleanup_(closep) int waiting = plain_client_connect(fixture->port);
    assert_true(plain_client_send(waiting, POST_START "Content-Length: 1\r\n\r\na"));
    assert_false(plain_client_is_closed_within(waiting, 300));
    assert_int_equal(atomic_load(&fixture->opened), 8);
    close(clients[0]);
    assert_true(plain_client_read_until(waiting, "\r\n\r\n1\n", answer, sizeof answer));
    for (size_t i = 1; i < 8; i++)
        close(clients[i]);
}

static void closes_a_connection_that_the_service_refuses(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->refuses_connections, true);
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_is_closed_within(client, 1000));
}

static void drain_closes_idle_connections_and_finishes_requests(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int idle = plain_client_connect(fixture->port);
    _cleanup_(closep) int busy = plain_client_connect(fixture->port);
    assert_true(plain_client_send(busy, POST_START "Content-Length: 5\r\n\r\nhel"));
    usleep(100000);
    http_worker_drain(fixture->worker, 10000);
    assert_true(plain_client_is_closed_within(idle, 2000));
    assert_true(plain_client_send(busy, "lo"));
    assert_true(plain_client_read_until(busy, "\r\n\r\n5\n", answer, sizeof answer));
    assert_int_equal(http_worker_free(take_pointer(&fixture->worker)), 0);
    assert_int_equal(atomic_load(&fixture->sent), 1);
}

static void drain_answers_what_arrives_on_a_fresh_connection(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    usleep(50000);
    http_worker_drain(fixture->worker, 10000);
    usleep(200000);
    assert_true(plain_client_send(client, POST_START "Content-Length: 1\r\n\r\na"));
    assert_true(plain_client_read_until(client, "\r\n\r\n1\n", answer, sizeof answer));
}

static void drain_cuts_off_what_takes_too_long(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(closep) int busy = plain_client_connect(fixture->port);
    assert_true(plain_client_send(busy, POST_START "Content-Length: 5\r\n\r\nhel"));
    usleep(100000);
    int64_t start_ms = now_ms();
    http_worker_drain(fixture->worker, 300);
    assert_int_equal(http_worker_free(take_pointer(&fixture->worker)), 1);
    assert_in_range(now_ms() - start_ms, 250, 1200);
    assert_int_equal(atomic_load(&fixture->unsent), 1);
}

static void drain_leaves_the_listening_socket_to_its_owner(void **state)
{
    struct fixture *fixture = *state;
    http_worker_free(take_pointer(&fixture->worker));
    assert_int_equal(listening_socket_port(fixture->listening), fixture->port);
}

static struct http_connection *wait_for_suspended(struct fixture *fixture)
{
    for (int i = 0; i < 200 && !atomic_load(&fixture->suspended); i++)
        usleep(10000);
    return atomic_load(&fixture->suspended);
}

static void answers_after_a_suspension(void **state)
{
    struct fixture *fixture = *state;
    char answer[ANSWER_BYTES];
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    _cleanup_(closep) int other = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"));
    assert_non_null(wait_for_suspended(fixture));
    assert_true(plain_client_send(other, POST_START "Content-Length: 0\r\n\r\n"));
    assert_true(plain_client_read_until(other, "\r\n\r\n0\n", answer, sizeof answer));
    http_connection_resume(atomic_load(&fixture->suspended));
    assert_true(plain_client_read_until(client, "\r\n\r\n0\n", answer, sizeof answer));
}

static void *resume_later(void *context)
{
    struct fixture *fixture = context;
    usleep(700000);
    http_connection_resume(atomic_load(&fixture->suspended));
    return NULL;
}

static void end_waits_for_suspended_connections(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    _cleanup_(closep) int client = plain_client_connect(fixture->port);
    assert_true(plain_client_send(client, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"));
    assert_non_null(wait_for_suspended(fixture));
    assert_int_equal(pthread_create(&thread, NULL, resume_later, fixture), 0);
    int64_t start_ms = now_ms();
    http_worker_free(take_pointer(&fixture->worker));
    assert_in_range(now_ms() - start_ms, 500, 2000);
    pthread_join(thread, NULL);
}

#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(answers_one_request_after_the_other_on_a_connection),
        WORKER_TEST(answers_pipelined_requests_in_order),
        WORKER_TEST(joins_a_chunked_body),
        WORKER_TEST(closes_a_connection_that_says_nothing_after_the_idle_limit),
        WORKER_TEST(closes_a_connection_whose_header_does_not_end),
        WORKER_TEST(closes_a_connection_whose_header_comes_byte_by_byte),
        WORKER_TEST(closes_a_connection_whose_request_line_comes_byte_by_byte),
        WORKER_TEST(closes_a_connection_whose_next_request_line_comes_byte_by_byte),
        WORKER_TEST(closes_a_connection_whose_request_line_does_not_end),
        WORKER_TEST(answers_a_body_that_does_not_end_and_closes),
        WORKER_TEST(closes_a_connection_whose_body_comes_byte_by_byte),
        WORKER_TEST(does_not_count_time_spent_idle_against_the_next_request),
        WORKER_TEST(lets_connections_past_the_limit_wait),
        WORKER_TEST(closes_a_connection_that_the_service_refuses),
        WORKER_TEST(drain_closes_idle_connections_and_finishes_requests),
        WORKER_TEST(drain_answers_what_arrives_on_a_fresh_connection),
        WORKER_TEST(drain_cuts_off_what_takes_too_long),
        WORKER_TEST(drain_leaves_the_listening_socket_to_its_owner),
        WORKER_TEST(answers_after_a_suspension),
        WORKER_TEST(end_waits_for_suspended_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
