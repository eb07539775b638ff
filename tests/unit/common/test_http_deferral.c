/* What requests see that are answered in the round after they arrived. */
#include "common/http_answer.h"
#include "common/listening_socket.h"
#include "tests/support/plain_client.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES 4096
#define CLIENTS 5
#define MANY_CLIENTS 17
#define DEFERRED "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
#define BLOCKING "POST /block HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
#define PLAIN "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

/* A server that defers requests for /later, and answers with how many were together; one for /block keeps
 * the thread until it gets permission. */
static struct {
    int listening;
    uint16_t port;
    struct http_worker *worker;
    sem_t permission;
    atomic_bool is_blocked, blocks_deferred;     /* the latter: in `deferred`, too */
    atomic_size_t blocks_at;                     /* while so many are deferred, in `finish`; 0: never */
    struct http_connection *asked[MANY_CLIENTS]; /* deferred in this round, in their order */
    size_t asked_count;
    atomic_int deferrals, rounds, together; /* the last: in the newest round */
    atomic_int misplaced;                   /* not in their order */
    char text[32];
} server;

/* Where a request is. */
static char is_new, is_deferred, is_blocking, is_plain;

static bool on_begin(void *context, struct http_connection *connection, const char *method, const char *path)
{
    (void) context, (void) method;
    connection->state = strcmp(path, "/later") == 0   ? &is_new
                        : strcmp(path, "/block") == 0 ? &is_blocking
                                                      : &is_plain;
    return true;
}

static bool on_body(void *context, struct http_connection *connection, const char *data, size_t length)
{
    (void) context, (void) connection, (void) data, (void) length;
    return true;
}

static void wait_for_permission(void)
{
    atomic_store(&server.is_blocked, true);
    sem_wait(&server.permission);
}

static bool on_finish(void *context, struct http_connection *connection)
{
    (void) context;
    if (connection->state == &is_new) {
        atomic_fetch_add(&server.deferrals, 1);
        server.asked[server.asked_count++] = connection;
        http_connection_defer(connection);
        if (server.asked_count == atomic_load(&server.blocks_at))
            wait_for_permission();
        return true;
    }
    if (connection->state == &is_blocking)
        wait_for_permission();
    /* Nobody asks again before `deferred` was called. */
    bool is_early = connection->state == &is_new;
    snprintf(server.text, sizeof server.text, "%d\n", is_early ? -1 : atomic_load(&server.together));
    return http_answer_send(connection, &(struct http_answer){.status = 200,
                                                              .content_type = "text/plain",
                                                              .body = server.text,
                                                              .length = strlen(server.text),
                                                              .is_copied = true});
}

static void on_deferred(void *context, struct http_connection *first)
{
    (void) context;
    int count = 0;
    size_t place = 0;
    for (struct http_connection *connection = first; connection; connection = connection->next_deferred) {
        connection->state = &is_deferred;
        count++;
        /* Those that ended meanwhile are not there; the others are in their order. */
        while (place < server.asked_count && server.asked[place] != connection)
            place++;
        atomic_fetch_add(&server.misplaced, place++ >= server.asked_count);
    }
    atomic_store(&server.together, count);
    atomic_fetch_add(&server.rounds, 1);
    server.asked_count = 0;
    if (atomic_load(&server.blocks_deferred))
        wait_for_permission();
}

static const struct http_service service = {
    .begin = on_begin, .body = on_body, .finish = on_finish, .deferred = on_deferred};

static int start(void **state)
{
    struct error error;
    (void) state;
    memset(&server, 0, sizeof server);
    sem_init(&server.permission, 0, 0);
    if (!listening_socket_open("127.0.0.1:0", &error, &server.listening))
        return -1;
    server.port = listening_socket_port(server.listening);
    const struct http_worker_options options = {
        .thread_name = "test",
        .listening_descriptor = server.listening,
        .limits = {.connections = 2 * MANY_CLIENTS,
                   .header_ms = 10000,
                   .request_ms = 10000,
                   .idle_ms = 10000,
                   .memory_bytes = 16384},
        .service = &service,
    };
    return http_worker_start(&options, &error, &server.worker) ? 0 : -1;
}

static int stop(void **state)
{
    (void) state;
    http_worker_free(server.worker);
    close(server.listening);
    sem_destroy(&server.permission);
    return atomic_load(&server.misplaced) == 0 ? 0 : -1;
}

/* An answer says how many requests were deferred in the round before it. */
static void await_answer(int client, int together)
{
    char answer[ANSWER_BYTES], end[32];
    snprintf(end, sizeof end, "\r\n\r\n%d\n", together);
    assert_true(plain_client_read_until(client, end, answer, sizeof answer));
}

/* Keeps the thread until `permission` is posted, so that what arrives meanwhile is there together. The
 * caller closes the client. */
static void await_blocked(void)
{
    for (int i = 0; i < 1000 && !atomic_load(&server.is_blocked); i++)
        usleep(10000);
    assert_true(atomic_load(&server.is_blocked));
    atomic_store(&server.is_blocked, false);
}

static int block(void)
{
    int client = plain_client_connect(server.port);
    assert_true(plain_client_send(client, BLOCKING));
    await_blocked();
    return client;
}

static void reset(int client)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(client);
}

static void connect_many(size_t count, int *clients)
{
    for (size_t i = 0; i < count; i++) {
        clients[i] = plain_client_connect(server.port);
        /* Accepted, and known to the thread. */
        assert_true(plain_client_send(clients[i], PLAIN));
        await_answer(clients[i], 0);
    }
}

static void connect_clients(int clients[static CLIENTS])
{
    connect_many(CLIENTS, clients);
}

static void asks_again_when_the_round_is_over(void **state)
{
    (void) state;
    _cleanup_(closep) int client = plain_client_connect(server.port);
    for (int i = 1; i <= 3; i++) {
        assert_true(plain_client_send(client, DEFERRED));
        await_answer(client, 1);
        assert_int_equal(atomic_load(&server.deferrals), i);
        assert_int_equal(atomic_load(&server.rounds), i);
    }
    assert_true(plain_client_send(client, PLAIN));
    await_answer(client, 1);
    assert_int_equal(atomic_load(&server.rounds), 3);
}

static void tells_once_of_what_arrived_together(void **state)
{
    (void) state;
    int clients[CLIENTS];
    connect_clients(clients);
    int blocking = block();
    for (int i = 0; i < CLIENTS; i++)
        assert_true(plain_client_send(clients[i], DEFERRED));
    sem_post(&server.permission);
    for (int i = 0; i < CLIENTS; i++) {
        await_answer(clients[i], CLIENTS);
        close(clients[i]);
    }
    close(blocking);
    assert_int_equal(atomic_load(&server.rounds), 1);
}

/* `first` requests are there at once, and another arrives while they are looked at. Returns how many rounds
 * it took to answer them all. */
static int send_one_behind(size_t first)
{
    int clients[MANY_CLIENTS];
    connect_many(first + 1, clients);
    int blocking = block();
    atomic_store(&server.blocks_at, first);
    for (size_t i = 0; i < first; i++)
        assert_true(plain_client_send(clients[i], DEFERRED));
    sem_post(&server.permission);
    await_blocked();
    assert_true(plain_client_send(clients[first], DEFERRED));
    sem_post(&server.permission);
    char answer[ANSWER_BYTES];
    assert_true(plain_client_read_until(clients[first], "\r\n\r\n", answer, sizeof answer));
    int rounds = atomic_load(&server.rounds);
    for (size_t i = 0; i <= first; i++)
        close(clients[i]);
    close(blocking);
    return rounds;
}

/* What comes while several are there is gathered; nobody waits for a second one, or for one more than many.
 */
static void gathers_what_arrives_meanwhile(void **state)
{
    (void) state;
    assert_int_equal(send_one_behind(4), 1);
}

static void does_not_gather_for_few(void **state)
{
    (void) state;
    assert_int_equal(send_one_behind(3), 2);
}

static void gathers_up_to_its_limit(void **state)
{
    (void) state;
    assert_int_equal(send_one_behind(15), 1);
}

static void does_not_gather_past_its_limit(void **state)
{
    (void) state;
    assert_int_equal(send_one_behind(16), 2);
}

/* Clients that reset their connections, and so end their requests at any moment of the round. */
static void leaves_out_what_ended_in_the_round(void **state)
{
    (void) state;
    int clients[CLIENTS];
    connect_clients(clients);
    int blocking = block();
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(plain_client_send(clients[i], DEFERRED));
        if (i % 2 == 0)
            reset(clients[i]);
    }
    sem_post(&server.permission);
    for (int i = 1; i < CLIENTS; i += 2) {
        char answer[ANSWER_BYTES];
        assert_true(plain_client_read_until(clients[i], "\n", answer, sizeof answer));
        close(clients[i]);
    }
    close(blocking);
}

/* Requests of all clients are deferred, and `deferred` has not returned yet. The caller closes the client. */
static int stop_between_rounds(int clients[static CLIENTS])
{
    connect_clients(clients);
    int blocking = block();
    atomic_store(&server.blocks_deferred, true);
    for (int i = 0; i < CLIENTS; i++)
        assert_true(plain_client_send(clients[i], DEFERRED));
    sem_post(&server.permission);
    await_blocked();
    atomic_store(&server.blocks_deferred, false);
    return blocking;
}

static void survives_requests_that_end_between_the_rounds(void **state)
{
    (void) state;
    int clients[CLIENTS];
    int blocking = stop_between_rounds(clients);
    for (int i = 0; i < CLIENTS - 1; i++)
        reset(clients[i]);
    sem_post(&server.permission);
    await_answer(clients[CLIENTS - 1], CLIENTS);
    close(clients[CLIENTS - 1]);
    close(blocking);
}

static void *post_permission_later(void *context)
{
    (void) context;
    usleep(100000);
    sem_post(&server.permission);
    return NULL;
}

static void ends_between_the_rounds(void **state)
{
    (void) state;
    int clients[CLIENTS];
    pthread_t thread;
    int blocking = stop_between_rounds(clients);
    assert_int_equal(pthread_create(&thread, NULL, post_permission_later, NULL), 0);
    assert_int_equal(http_worker_free(take_pointer(&server.worker)), CLIENTS);
    pthread_join(thread, NULL);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    close(blocking);
}

#define DEFERRAL_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRAL_TEST(asks_again_when_the_round_is_over),
        DEFERRAL_TEST(tells_once_of_what_arrived_together),
        DEFERRAL_TEST(gathers_what_arrives_meanwhile),
        DEFERRAL_TEST(does_not_gather_for_few),
        DEFERRAL_TEST(gathers_up_to_its_limit),
        DEFERRAL_TEST(does_not_gather_past_its_limit),
        DEFERRAL_TEST(leaves_out_what_ended_in_the_round),
        DEFERRAL_TEST(survives_requests_that_end_between_the_rounds),
        DEFERRAL_TEST(ends_between_the_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
