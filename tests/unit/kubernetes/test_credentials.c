#include "kubernetes/client.h"

#include "tests/support/temporary.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_credentials.XXXXXX";

static int set_up(void **state)
{
    return mkdtemp(directory) ? client_fixture_setup(state) : -1;
}

static int tear_down(void **state)
{
    return temporary_remove_tree(directory) + client_fixture_teardown(state);
}

/* Puts a new file in place of the old, as a mounted Secret does. */
static char *replace_file(const char *name, const char *text)
{
    char *path = NULL, fresh[300];
    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    snprintf(fresh, sizeof fresh, "%s/fresh", directory);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
    return path;
}

static void set_data(struct kubernetes_material *material, const char *text)
{
    material->data = strdup(text);
    material->length = strlen(text);
}

/* Answers with the Authorization header it got. */
static bool show_authorization(void *context, const struct fault_request *request,
                               struct fault_connection *connection)
{
    (void) context;
    return fault_answer(connection, 200, "", request->authorization);
}

static void expect_authorization(struct kubernetes_client *client, const char *expected)
{
    struct error error;
    char body[4097];
    if (!client_get(client, "/", NULL, &error, body))
        fail_msg("%s", error.message);
    assert_string_equal(body, expected);
}

static void a_token_file_is_read_again_when_it_changes(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    struct kubernetes_configuration *configuration = configuration_for(server);
    configuration->token.path = replace_file("token", "first\n");
    struct kubernetes_client *client = client_with(configuration);
    expect_authorization(client, "Bearer first");
    free(replace_file("token", "other\n"));
    expect_authorization(client, "Bearer other");
    assert_int_equal(fault_server_connections(server), 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void the_last_token_stays_in_use_while_the_file_is_gone(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    struct kubernetes_configuration *configuration = configuration_for(server);
    char *path = replace_file("token", "first");
    configuration->token.path = strdup(path);
    struct kubernetes_client *client = client_with(configuration);
    assert_int_equal(remove(path), 0);
    expect_authorization(client, "Bearer first");
    /* A directory can be looked at but not read. */
    assert_int_equal(mkdir(path, 0700), 0);
    expect_authorization(client, "Bearer first");
    assert_int_equal(rmdir(path), 0);
    free(path);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void without_a_token_none_is_sent(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    expect_authorization(client, "");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void a_token_that_cannot_stand_in_a_header_is_refused_without_showing_it(void **state)
{
    (void) state;
    const char *tokens[] = {
        "", "\n", "hunter2\r\nX-Evil: 1", "hunter2 hunter2", "hunter2\x01", "hunter2\xc3\xa4"};
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct kubernetes_configuration *configuration = configuration_for(server);
        set_data(&configuration->token, tokens[i]);
        struct kubernetes_client *client = client_with(configuration);
        struct error error;
        char body[4097];
        assert_false(client_get(client, "/", NULL, &error, body));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_null(strstr(error.message, "hunter2"));
        kubernetes_client_free(client);
    }
    assert_int_equal(fault_server_requests(server), 0);
    fault_server_stop(server);
}

static void a_missing_file_is_named_when_the_client_is_made(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    struct kubernetes_configuration *configuration = configuration_for(server);
    configuration->token.path = strdup("/nowhere/token");
    struct kubernetes_client *client = NULL;
    struct error error;
    assert_false(kubernetes_client_new(configuration, NULL, &error, &client));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_string_equal(error.message, "test: \"/nowhere/token\": No such file or directory");
    fault_server_stop(server);
}

/* A configuration for https to the server. */
static struct kubernetes_configuration *https_configuration(const struct fault_server *server)
{
    struct kubernetes_configuration *configuration = configuration_for(server);
    free(configuration->server);
    assert_true(asprintf(&configuration->server, "https://127.0.0.1:%u", fault_server_port(server)) > 0);
    return configuration;
}

static bool can_ask(struct kubernetes_client *client)
{
    const struct kubernetes_call call = {.is_single_attempt = true};
    struct error error = {0};
    char body[4097];
    bool is_done = client_get(client, "/", &call, &error, body);
    assert_true(is_done || error.code == ERROR_UNAVAILABLE);
    return is_done;
}

static void only_the_configured_authority_is_trusted(void **state)
{
    (void) state;
    struct fault_certificate right = fault_certificate_make("kubernetes");
    struct fault_certificate wrong = fault_certificate_make("kubernetes");
    struct fault_server *server = fault_server_start(show_authorization, NULL, &right);
    const struct {
        const char *authority;
        bool is_insecure;
        bool is_trusted;
    } cases[] = {{right.certificate, false, true},
                 {wrong.certificate, false, false},
                 {NULL, false, false},
                 {NULL, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kubernetes_configuration *configuration = https_configuration(server);
        if (cases[i].authority)
            set_data(&configuration->authority, cases[i].authority);
        configuration->is_insecure = cases[i].is_insecure;
        struct kubernetes_client *client = client_with(configuration);
        assert_int_equal(can_ask(client), cases[i].is_trusted);
        kubernetes_client_free(client);
    }
    fault_server_stop(server);
    fault_certificate_done(&right);
    fault_certificate_done(&wrong);
}

static void the_tls_server_name_is_verified_instead_of_the_address(void **state)
{
    (void) state;
    struct fault_certificate certificate = fault_certificate_make("kubernetes.default.svc");
    struct fault_server *server = fault_server_start(show_authorization, NULL, &certificate);
    const struct {
        const char *name;
        bool is_trusted;
    } cases[] = {{"kubernetes.default.svc", true}, {"elsewhere.example", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kubernetes_configuration *configuration = https_configuration(server);
        set_data(&configuration->authority, certificate.certificate);
        configuration->tls_server_name = strdup(cases[i].name);
        struct kubernetes_client *client = client_with(configuration);
        assert_int_equal(can_ask(client), cases[i].is_trusted);
        kubernetes_client_free(client);
    }
    fault_server_stop(server);
    fault_certificate_done(&certificate);
}

static void a_changed_authority_counts_from_the_next_request_on(void **state)
{
    (void) state;
    struct fault_certificate right = fault_certificate_make("kubernetes");
    struct fault_certificate wrong = fault_certificate_make("kubernetes");
    struct fault_server *server = fault_server_start(show_authorization, NULL, &right);
    struct kubernetes_configuration *configuration = https_configuration(server);
    configuration->authority.path = replace_file("ca.crt", right.certificate);
    struct kubernetes_client *client = client_with(configuration);
    assert_true(can_ask(client));
    free(replace_file("ca.crt", wrong.certificate));
    assert_false(can_ask(client));
    free(replace_file("ca.crt", right.certificate));
    assert_true(can_ask(client));
    kubernetes_client_free(client);
    fault_server_stop(server);
    fault_certificate_done(&right);
    fault_certificate_done(&wrong);
}

static void a_client_certificate_is_shown_inline_or_from_files_that_may_change(void **state)
{
    (void) state;
    struct fault_certificate certificate = fault_certificate_make("kubernetes");
    struct fault_certificate mine = fault_certificate_make("me");
    struct fault_certificate other = fault_certificate_make("other");
    certificate.client_authority = mine.certificate;
    struct fault_server *server = fault_server_start(show_authorization, NULL, &certificate);
    const struct fault_certificate *shown[] = {&mine, &other, NULL};
    for (size_t i = 0; i < 3; i++) {
        struct kubernetes_configuration *configuration = https_configuration(server);
        set_data(&configuration->authority, certificate.certificate);
        if (shown[i]) {
            set_data(&configuration->client_certificate, shown[i]->certificate);
            set_data(&configuration->client_key, shown[i]->key);
        }
        struct kubernetes_client *client = client_with(configuration);
        assert_int_equal(can_ask(client), i == 0);
        kubernetes_client_free(client);
    }
    struct kubernetes_configuration *configuration = https_configuration(server);
    set_data(&configuration->authority, certificate.certificate);
    configuration->client_certificate.path = replace_file("client.crt", other.certificate);
    configuration->client_key.path = replace_file("client.key", other.key);
    struct kubernetes_client *client = client_with(configuration);
    assert_false(can_ask(client));
    free(replace_file("client.crt", mine.certificate));
    free(replace_file("client.key", mine.key));
    assert_true(can_ask(client));
    kubernetes_client_free(client);
    fault_server_stop(server);
    fault_certificate_done(&certificate);
    fault_certificate_done(&mine);
    fault_certificate_done(&other);
}

static bool answer_and_leave(void *context, const struct fault_request *request,
                             struct fault_connection *connection)
{
    (void) context;
    (void) request;
    fault_answer(connection, 200, "", "{}");
    return false;
}

/* Over TLS the farewell is data, which libcurl takes for a sign of life. */
static void a_create_goes_over_a_new_connection_when_the_kept_one_was_closed(void **state)
{
    (void) state;
    struct fault_certificate certificate = fault_certificate_make("kubernetes");
    struct fault_server *server = fault_server_start(answer_and_leave, NULL, &certificate);
    struct kubernetes_configuration *configuration = https_configuration(server);
    set_data(&configuration->authority, certificate.certificate);
    struct kubernetes_client *client = client_with(configuration);
    const struct kubernetes_request request = {.method = "POST", .path = "/", .body = "{}", .body_length = 2};
    struct buffer body = BUFFER_INIT(4096);
    struct error error;
    for (int i = 0; i < 3; i++) {
        if (!kubernetes_client_request(client, &request, NULL, &error, &body))
            fail_msg("%s", error.message);
        cancellation_sleep(NULL, 50);
    }
    assert_int_equal(fault_server_requests(server), 3);
    assert_int_equal(fault_server_connections(server), 3);
    buffer_done(&body);
    kubernetes_client_free(client);
    fault_server_stop(server);
    fault_certificate_done(&certificate);
}

static void an_authority_that_is_no_pem_trusts_nobody(void **state)
{
    (void) state;
    struct fault_certificate certificate = fault_certificate_make("kubernetes");
    struct fault_server *server = fault_server_start(show_authorization, NULL, &certificate);
    struct kubernetes_configuration *configuration = https_configuration(server);
    set_data(&configuration->authority, "rubbish");
    struct kubernetes_client *client = client_with(configuration);
    assert_false(can_ask(client));
    kubernetes_client_free(client);
    fault_server_stop(server);
    fault_certificate_done(&certificate);
}

static void the_proxies_of_the_environment_do_not_count(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_authorization, NULL, NULL);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct kubernetes_client *client = client_for(server, NULL);
    expect_authorization(client, "");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static bool tunnel(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    (void) context;
    if (strcmp(request->method, "CONNECT") != 0)
        return fault_answer(connection, 200, "", request->target);
    return strcmp(request->target, "api.example:8080") == 0 &&
           fault_send(connection, "HTTP/1.1 200 OK\r\nRetry-After: 9\r\n\r\n");
}

static void the_proxy_of_the_configuration_is_used(void **state)
{
    (void) state;
    struct fault_server *proxy = fault_server_start(tunnel, NULL, NULL);
    struct kubernetes_configuration *configuration = configuration_for(proxy);
    configuration->proxy_url = configuration->server;
    configuration->server = strdup("http://api.example:8080");
    struct kubernetes_client *client = client_with(configuration);
    expect_authorization(client, "/");
    kubernetes_client_free(client);
    fault_server_stop(proxy);
}

static bool show_target(void *context, const struct fault_request *request,
                        struct fault_connection *connection)
{
    (void) context;
    return fault_answer(connection, 200, "", request->target);
}

static void a_path_of_the_server_stands_before_every_request(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(show_target, NULL, NULL);
    struct kubernetes_configuration *configuration = configuration_for(server);
    char *base = configuration->server;
    assert_true(asprintf(&configuration->server, "%s/k8s/clusters/one", base) > 0);
    free(base);
    struct kubernetes_client *client = client_with(configuration);
    struct error error;
    char body[4097];
    assert_true(client_get(client, "/api/../v1", NULL, &error, body));
    assert_string_equal(body, "/k8s/clusters/one/api/../v1");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_file_is_read_again_when_it_changes),
        cmocka_unit_test(the_last_token_stays_in_use_while_the_file_is_gone),
        cmocka_unit_test(without_a_token_none_is_sent),
        cmocka_unit_test(a_token_that_cannot_stand_in_a_header_is_refused_without_showing_it),
        cmocka_unit_test(a_missing_file_is_named_when_the_client_is_made),
        cmocka_unit_test(only_the_configured_authority_is_trusted),
        cmocka_unit_test(the_tls_server_name_is_verified_instead_of_the_address),
        cmocka_unit_test(a_changed_authority_counts_from_the_next_request_on),
        cmocka_unit_test(a_client_certificate_is_shown_inline_or_from_files_that_may_change),
        cmocka_unit_test(a_create_goes_over_a_new_connection_when_the_kept_one_was_closed),
        cmocka_unit_test(an_authority_that_is_no_pem_trusts_nobody),
        cmocka_unit_test(the_proxies_of_the_environment_do_not_count),
        cmocka_unit_test(the_proxy_of_the_configuration_is_used),
        cmocka_unit_test(a_path_of_the_server_stands_before_every_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
