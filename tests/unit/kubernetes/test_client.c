#include "kubernetes/client.h"

#include "kubernetes/clock.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void sends_method_path_query_body_and_headers(void **state)
{
    (void) state;
    struct script script = {0};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_configuration *configuration = configuration_for(server);
    configuration->token.data = strdup("secret-token\n");
    configuration->token.length = strlen("secret-token\n");
    const struct kubernetes_client_options options = {.user_agent = "tester/1"};
    struct kubernetes_client *client = NULL;
    struct error error;
    assert_true(kubernetes_client_new(configuration, &options, &error, &client));
    const struct kubernetes_request request = {.method = "PATCH",
                                               .path = "/api/v1/namespaces/a",
                                               .query = "dryRun=All",
                                               .body = "{}",
                                               .body_length = 2,
                                               .content_type = "application/merge-patch+json"};
    assert_true(kubernetes_client_request_json(client, &request, NULL, &error, NULL));
    assert_string_equal(script.last.method, "PATCH");
    assert_string_equal(script.last.target, "/api/v1/namespaces/a?dryRun=All");
    assert_string_equal(script.last.content_type, "application/merge-patch+json");
    assert_string_equal(script.last.authorization, "Bearer secret-token");
    assert_string_equal(script.last.user_agent, "tester/1");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void parses_the_answer(void **state)
{
    (void) state;
    struct script script = {.status = 201, .body = "{\"metadata\":{\"name\":\"a\"}}"};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_request request = {.method = "GET", .path = "/x"};
    struct error error;
    cJSON *value = NULL;
    assert_true(kubernetes_client_request_json(client, &request, NULL, &error, &value));
    assert_non_null(cJSON_GetObjectItem(value, "metadata"));
    cJSON_Delete(value);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void keeps_one_connection_for_many_requests(void **state)
{
    (void) state;
    struct script script = {0};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    char body[4097];
    for (int i = 0; i < 20; i++)
        assert_true(client_get(client, "/x", NULL, &error, body));
    assert_int_equal(fault_server_requests(server), 20);
    assert_int_equal(fault_server_connections(server), 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void each_failing_status_becomes_its_code_with_the_server_s_message(void **state)
{
    (void) state;
    const struct {
        int status;
        const char *reason;
        enum error_code code;
    } cases[] = {
        {400, "BadRequest", ERROR_INVALID},
        {401, "Unauthorized", ERROR_PERMISSION_DENIED},
        {403, "Forbidden", ERROR_PERMISSION_DENIED},
        {404, "NotFound", ERROR_NOT_FOUND},
        {409, "AlreadyExists", ERROR_ALREADY_EXISTS},
        {409, "Conflict", ERROR_CONFLICT},
        {410, "Expired", ERROR_GONE},
        {422, "Invalid", ERROR_INVALID},
        {429, "TooManyRequests", ERROR_UNAVAILABLE},
        {500, "InternalError", ERROR_UNAVAILABLE},
        {503, "ServiceUnavailable", ERROR_UNAVAILABLE},
        {504, "Timeout", ERROR_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], message[256], body[4097];
        snprintf(text, sizeof text, "{\"kind\":\"Status\",\"message\":\"it was so\",\"reason\":\"%s\"}",
                 cases[i].reason);
        snprintf(message, sizeof message, "GET /x: %d %s: it was so", cases[i].status, cases[i].reason);
        struct script script = {.status = cases[i].status, .body = text};
        struct fault_server *server = fault_server_start(play_script, &script, NULL);
        struct kubernetes_client *client = client_for(server, NULL);
        struct kubernetes_answer answer;
        const struct kubernetes_call call = {.is_single_attempt = true, .answer = &answer};
        struct error error;
        assert_false(client_get(client, "/x", &call, &error, body));
        assert_int_equal(error.code, cases[i].code);
        assert_string_equal(error.message, message);
        assert_int_equal(answer.status, cases[i].status);
        assert_string_equal(answer.reason, cases[i].reason);
        assert_int_equal(answer.attempts, 1);
        kubernetes_client_free(client);
        fault_server_stop(server);
    }
}

static void does_not_follow_redirects(void **state)
{
    (void) state;
    struct script script = {.status = 302, .headers = "Location: /elsewhere\r\n", .body = ""};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    char body[4097];
    assert_false(client_get(client, "/x", NULL, &error, body));
    assert_int_equal(error.code, ERROR_INTERNAL);
    assert_int_equal(fault_server_requests(server), 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void ends_at_the_time_limit(void **state)
{
    (void) state;
    struct script script = {.delay_ms = 60000};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_call call = {.time_limit_ms = 100};
    struct error error;
    char body[4097];
    uint64_t started_ns = clock_now_ns();
    assert_false(client_get(client, "/x", &call, &error, body));
    assert_int_equal(error.code, ERROR_TIMEOUT);
    assert_in_range(milliseconds_since(started_ns), 100, 5000);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

/* One byte at a time, without end. */
static bool drip(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    (void) context;
    (void) request;
    if (!fault_begin_chunked(connection))
        return false;
    while (fault_wait(connection, 10) && fault_chunk(connection, " "))
        ;
    return false;
}

static void ends_at_the_time_limit_when_the_body_never_does(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(drip, NULL, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_call call = {.time_limit_ms = 200};
    struct error error;
    char body[4097];
    assert_false(client_get(client, "/x", &call, &error, body));
    assert_int_equal(error.code, ERROR_TIMEOUT);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void *cancel_soon(void *argument)
{
    cancellation_sleep(NULL, 50);
    cancellation_request(argument);
    return NULL;
}

static void ends_at_once_when_cancelled(void **state)
{
    (void) state;
    struct script slow = {.delay_ms = 60000};
    struct script busy = {.status = 429, .headers = "Retry-After: 20\r\n"};
    struct script *scripts[] = {&slow, &busy};
    for (size_t i = 0; i < 2; i++) {
        struct fault_server *server = fault_server_start(play_script, scripts[i], NULL);
        struct kubernetes_client *client = client_for(server, NULL);
        struct cancellation cancellation;
        struct error error;
        char body[4097];
        pthread_t thread;
        assert_true(cancellation_init(&cancellation, &error));
        const struct kubernetes_call call = {.cancellation = &cancellation};
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancellation), 0);
        uint64_t started_ns = clock_now_ns();
        assert_false(client_get(client, "/x", &call, &error, body));
        assert_int_equal(error.code, ERROR_CANCELLED);
        assert_true(milliseconds_since(started_ns) < 5000);
        pthread_join(thread, NULL);
        cancellation_done(&cancellation);
        kubernetes_client_free(client);
        fault_server_stop(server);
    }
}

static void takes_an_answer_at_the_limit_and_not_one_past_it(void **state)
{
    (void) state;
    const struct kubernetes_request request = {.method = "GET", .path = "/x", .is_idempotent = true};
    struct script script = {.status = 200, .body = "[12345678]"};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct error error;
    cJSON *value = NULL;
    struct kubernetes_client *client =
        client_for(server, &(struct kubernetes_client_options){.response_bytes = 10});
    assert_true(kubernetes_client_request_json(client, &request, NULL, &error, &value));
    cJSON_Delete(value);
    kubernetes_client_free(client);
    client = client_for(server, &(struct kubernetes_client_options){.response_bytes = 9});
    assert_false(kubernetes_client_request_json(client, &request, NULL, &error, &value));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_string_equal(error.message, "GET /x: answer: more than 9 bytes");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void refuses_an_answer_that_is_no_json(void **state)
{
    (void) state;
    struct script script = {.status = 200, .body = "<html>"};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_request request = {.method = "GET", .path = "/x"};
    struct error error;
    cJSON *value = NULL;
    assert_false(kubernetes_client_request_json(client, &request, NULL, &error, &value));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_null(value);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

struct observed {
    pthread_mutex_t mutex;
    unsigned count;
    char verb[32];
    char resource[64];
    long status;
    enum error_code code;
    uint64_t duration_ns;
};

static void observe(void *context, const struct kubernetes_observation *observation)
{
    struct observed *observed = context;
    pthread_mutex_lock(&observed->mutex);
    observed->count++;
    snprintf(observed->verb, sizeof observed->verb, "%s", observation->verb);
    snprintf(observed->resource, sizeof observed->resource, "%s", observation->resource);
    observed->status = observation->status;
    observed->code = observation->code;
    observed->duration_ns = observation->duration_ns;
    pthread_mutex_unlock(&observed->mutex);
}

static void each_attempt_is_observed(void **state)
{
    (void) state;
    struct script script = {.status = 500, .failures = 1, .delay_ms = 5};
    struct observed observed = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct fault_server *server = fault_server_start(play_script, &script, NULL);
    struct kubernetes_client *client = client_for(
        server, &(struct kubernetes_client_options){.observe = observe, .observe_context = &observed});
    struct error error;
    char body[4097];
    assert_true(client_get(client, "/x", NULL, &error, body));
    assert_int_equal(observed.count, 2);
    assert_string_equal(observed.verb, "get");
    assert_string_equal(observed.resource, "");
    assert_int_equal(observed.status, 200);
    assert_int_equal(observed.code, ERROR_NONE);
    assert_true(observed.duration_ns >= 5 * NANOSECONDS_PER_MILLISECOND);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static bool echo(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    (void) context;
    char body[128];
    snprintf(body, sizeof body, "{\"path\":\"%.64s\"}", request->target);
    return fault_answer(connection, 200, "", body);
}

static void *ask_many_times(void *argument)
{
    for (int i = 0; i < 100; i++) {
        char path[64], expected[128], body[4097];
        struct error error;
        snprintf(path, sizeof path, "/%lx/%d", (unsigned long) pthread_self(), i);
        snprintf(expected, sizeof expected, "{\"path\":\"%s\"}", path);
        if (!client_get(argument, path, NULL, &error, body) || strcmp(body, expected) != 0)
            return argument;
    }
    return NULL;
}

static void many_threads_share_a_client(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(echo, NULL, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many_times, client), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(fault_server_requests(server), 800);
    assert_true(fault_server_connections(server) <= 8);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_method_path_query_body_and_headers),
        cmocka_unit_test(parses_the_answer),
        cmocka_unit_test(keeps_one_connection_for_many_requests),
        cmocka_unit_test(each_failing_status_becomes_its_code_with_the_server_s_message),
        cmocka_unit_test(does_not_follow_redirects),
        cmocka_unit_test(ends_at_the_time_limit),
        cmocka_unit_test(ends_at_the_time_limit_when_the_body_never_does),
        cmocka_unit_test(ends_at_once_when_cancelled),
        cmocka_unit_test(takes_an_answer_at_the_limit_and_not_one_past_it),
        cmocka_unit_test(refuses_an_answer_that_is_no_json),
        cmocka_unit_test(each_attempt_is_observed),
        cmocka_unit_test(many_threads_share_a_client),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
