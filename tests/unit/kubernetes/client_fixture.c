#include "tests/unit/kubernetes/client_fixture.h"

#include "kubernetes/clock.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int client_fixture_setup(void **state)
{
    (void) state;
    signal(SIGPIPE, SIG_IGN);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

int client_fixture_teardown(void **state)
{
    (void) state;
    curl_global_cleanup();
    return 0;
}

struct kubernetes_configuration *configuration_for(const struct fault_server *server)
{
    struct kubernetes_configuration *configuration = calloc(1, sizeof *configuration);
    assert_non_null(configuration);
    configuration->source = strdup("test");
    assert_true(asprintf(&configuration->server, "http://127.0.0.1:%u", fault_server_port(server)) > 0);
    return configuration;
}

struct kubernetes_client *client_for(const struct fault_server *server,
                                     const struct kubernetes_client_options *options)
{
    struct kubernetes_client *client = NULL;
    struct error error;
    if (!kubernetes_client_new(configuration_for(server), options, &error, &client))
        fail_msg("%s", error.message);
    return client;
}

struct kubernetes_client *client_with(struct kubernetes_configuration *configuration)
{
    struct kubernetes_client *client = NULL;
    struct error error;
    if (!kubernetes_client_new(configuration, NULL, &error, &client))
        fail_msg("%s", error.message);
    return client;
}

bool client_get(struct kubernetes_client *client, const char *path, const struct kubernetes_call *call,
                struct error *error, char body[4097])
{
    struct buffer buffer = BUFFER_INIT(4096);
    const struct kubernetes_request request = {
        .method = "GET", .path = path, .verb = "get", .is_idempotent = true};
    bool is_done = kubernetes_client_request(client, &request, call, error, &buffer);
    memcpy(body, buffer_string(&buffer), buffer.length + 1);
    buffer_done(&buffer);
    return is_done;
}

bool play_script(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    struct script *script = context;
    script->last = *request;
    if (script->delay_ms && !fault_wait(connection, script->delay_ms))
        return false;
    bool is_failing = script->status && (!script->failures || request->number <= script->failures);
    return fault_answer(connection, is_failing ? script->status : 200, script->headers ? script->headers : "",
                        is_failing && script->body ? script->body : "{}");
}

uint64_t milliseconds_since(uint64_t started_ns)
{
    return (clock_now_ns() - started_ns) / NANOSECONDS_PER_MILLISECOND;
}

bool eventually(bool (*is_true)(void *context), void *context)
{
    for (unsigned waited_ms = 0; waited_ms < 10000; waited_ms += 5) {
        if (is_true(context))
            return true;
        cancellation_sleep(NULL, 5);
    }
    return false;
}
