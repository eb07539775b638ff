#include "common/log.h"
#include "tests/unit/server/server_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER_BYTES 65536

static struct server_fixture fixture;
static struct test_certificate authority;
static struct client_authentication *clients;
static char answer[ANSWER_BYTES];
static const char *const names[] = {"api-server", "client.example", "spiffe://example/client"};

static void start_with_names(size_t name_count)
{
    struct error error;
    server_fixture_init(&fixture, CONFIGURATION_WITH_UID);
    test_certificate_make(
        &(struct test_certificate_options){.common_name = "authority", .is_authority = true}, &authority);
    temporary_write(&fixture.directory, "ca.crt", authority.certificate);
    assert_true(client_authentication_new(fixture.authority_path, names, name_count, &error, &clients));
    fixture.options.clients = clients;
    server_fixture_start(&fixture);
}

static int set_up_any_name(void **state)
{
    (void) state;
    start_with_names(0);
    return 0;
}

static int set_up_names(void **state)
{
    (void) state;
    start_with_names(sizeof names / sizeof *names);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    server_fixture_done(&fixture);
    client_authentication_free(clients);
    return 0;
}

/* The status that a client with such a certificate gets. */
static unsigned ask_as(const struct test_certificate_options *options)
{
    struct test_certificate certificate;
    test_certificate_make(options, &certificate);
    return server_fixture_post(&fixture, &certificate, "/mutate", REVIEW_IN("one"), answer, sizeof answer);
}

static void serves_a_client_of_the_authority(void **state)
{
    (void) state;
    assert_int_equal(ask_as(&(struct test_certificate_options){.issuer = &authority}), 200);
}

static void refuses_a_client_without_a_certificate(void **state)
{
    (void) state;
    assert_int_equal(server_fixture_post(&fixture, NULL, "/mutate", REVIEW_IN("one"), answer, sizeof answer),
                     403);
    assert_non_null(strstr(answer, "a client certificate is required"));
    assert_null(strstr(answer, "allowed\":true"));
}

static void refuses_a_client_of_another_authority(void **state)
{
    (void) state;
    struct test_certificate other;
    test_certificate_make(
        &(struct test_certificate_options){.common_name = "authority", .is_authority = true}, &other);
    assert_int_equal(ask_as(&(struct test_certificate_options){.issuer = &other}), 403);
    assert_non_null(strstr(answer, "not from the configured authority"));
    assert_int_equal(ask_as(&(struct test_certificate_options){0}), 403);
}

static void refuses_a_client_whose_certificate_expired(void **state)
{
    (void) state;
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .not_after = time(NULL) - 1}), 403);
    assert_non_null(strstr(answer, "has expired"));
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .not_before = time(NULL) + 60}), 403);
}

static void refuses_a_certificate_for_servers(void **state)
{
    (void) state;
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .is_for_servers_only = true}), 403);
    assert_non_null(strstr(answer, "not for TLS clients"));
}

static void finds_an_allowed_name_in_subject_and_alternatives(void **state)
{
    (void) state;
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .common_name = "api-server"}), 200);
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .dns_name = "client.example"}), 200);
    assert_int_equal(
        ask_as(&(struct test_certificate_options){.issuer = &authority, .uri = "spiffe://example/client"}),
        200);
}

static void refuses_any_other_name(void **state)
{
    (void) state;
    static const char *const others[] = {"api-serve", "api-server2", "API-SERVER", "*"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(
            ask_as(&(struct test_certificate_options){.issuer = &authority, .common_name = others[i]}), 403);
        assert_non_null(strstr(answer, "none of the allowed names"));
        assert_int_equal(
            ask_as(&(struct test_certificate_options){.issuer = &authority, .dns_name = others[i]}), 403);
    }
}

static void answers_health_without_a_certificate(void **state)
{
    (void) state;
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    struct tls_client client;
    assert_true(tls_client_connect(&client, server_port(fixture.server), NULL));
    assert_true(tls_client_send(&client, request, sizeof request - 1));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 200);
    tls_client_done(&client);
}

static void asks_again_on_open_connections_after_a_reload(void **state)
{
    (void) state;
    struct error error;
    struct tls_client client;
    struct test_certificate certificate, other;
    test_certificate_make(&(struct test_certificate_options){.issuer = &authority}, &certificate);
    assert_true(tls_client_connect(&client, server_port(fixture.server), &certificate));
    assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("one")));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 200);
    test_certificate_make(&(struct test_certificate_options){.common_name = "other", .is_authority = true},
                          &other);
    temporary_write(&fixture.directory, "ca.crt", other.certificate);
    assert_true(client_authentication_reload(clients, &error));
    assert_true(tls_client_post(&client, "/mutate", REVIEW_IN("one")));
    assert_int_equal(tls_client_read_answer(&client, answer, sizeof answer), 403);
    tls_client_done(&client);
}

static void tells_when_the_last_authority_expires(void **state)
{
    (void) state;
    struct error error;
    char both[2 * sizeof authority.certificate];
    struct test_certificate later;
    time_t end = time(NULL) + 86400;
    assert_in_range(client_authentication_expiry(clients), time(NULL) + 3500, time(NULL) + 3700);
    test_certificate_make(&(struct test_certificate_options){.is_authority = true, .not_after = end}, &later);
    snprintf(both, sizeof both, "%s%s", later.certificate, authority.certificate);
    temporary_write(&fixture.directory, "ca.crt", both);
    assert_true(client_authentication_reload(clients, &error));
    assert_int_equal(client_authentication_expiry(clients), end);
}

static void keeps_the_authority_when_the_file_is_bad(void **state)
{
    (void) state;
    struct error error;
    temporary_write(&fixture.directory, "ca.crt", "nonsense");
    assert_false(client_authentication_reload(clients, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, fixture.authority_path));
    assert_int_equal(ask_as(&(struct test_certificate_options){.issuer = &authority}), 200);
}

#define CLIENT_TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    log_set_descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(serves_a_client_of_the_authority, set_up_any_name),
        CLIENT_TEST(refuses_a_client_without_a_certificate, set_up_any_name),
        CLIENT_TEST(refuses_a_client_of_another_authority, set_up_any_name),
        CLIENT_TEST(refuses_a_client_whose_certificate_expired, set_up_any_name),
        CLIENT_TEST(refuses_a_certificate_for_servers, set_up_any_name),
        CLIENT_TEST(finds_an_allowed_name_in_subject_and_alternatives, set_up_names),
        CLIENT_TEST(refuses_any_other_name, set_up_names),
        CLIENT_TEST(answers_health_without_a_certificate, set_up_names),
        CLIENT_TEST(asks_again_on_open_connections_after_a_reload, set_up_any_name),
        CLIENT_TEST(tells_when_the_last_authority_expires, set_up_any_name),
        CLIENT_TEST(keeps_the_authority_when_the_file_is_bad, set_up_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
