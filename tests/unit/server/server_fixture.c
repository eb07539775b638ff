#include "tests/unit/server/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define METRICS_BYTES 65536

static void make_certificate(struct server_fixture *fixture)
{
    struct error error;
    struct test_certificate made;
    test_certificate_make(&(struct test_certificate_options){0}, &made);
    temporary_write(&fixture->directory, "tls.crt", made.certificate);
    temporary_write(&fixture->directory, "tls.key", made.key);
    temporary_name(&fixture->directory, "tls.crt", fixture->certificate_path);
    temporary_name(&fixture->directory, "tls.key", fixture->key_path);
    assert_true(certificate_files_new(fixture->certificate_path, fixture->key_path, &error,
                                      &fixture->certificate_files));
    fixture->certificates = certificate_files_source(fixture->certificate_files);
}

void server_fixture_init(struct server_fixture *fixture, const char *configuration)
{
    struct error error;
    memset(fixture, 0, sizeof *fixture);
    temporary_make(&fixture->directory);
    temporary_name(&fixture->directory, "ca.crt", fixture->authority_path);
    temporary_write(&fixture->directory, "config.yaml", configuration);
    fixture->sources.file = temporary_name(&fixture->directory, "config.yaml", fixture->configuration_path);
    assert_true(configuration_store_new(&fixture->sources, &error, &fixture->configurations));
    make_certificate(fixture);
    assert_true(injector_metrics_init(&fixture->metrics, &error));
    fixture->options = (struct server_options){
        .address = "127.0.0.1:0",
        .threads = 1,
        .limits = {.connections = 32,
                   .header_ms = 5000,
                   .request_ms = 20000,
                   .idle_ms = 20000,
                   .memory_bytes = 16384},
        .certificates = &fixture->certificates,
        .configurations = fixture->configurations,
        .metrics = &fixture->metrics,
        .readiness = &fixture->readiness,
    };
}

void server_fixture_start(struct server_fixture *fixture)
{
    struct error error;
    assert_true(server_start(&fixture->options, &error, &fixture->server));
}

void server_fixture_done(struct server_fixture *fixture)
{
    server_stop(fixture->server, 0);
    certificate_files_free(fixture->certificate_files);
    injector_metrics_done(&fixture->metrics);
    configuration_store_free(fixture->configurations);
    temporary_remove(&fixture->directory);
}

unsigned server_fixture_post(struct server_fixture *fixture, const struct test_certificate *client,
                             const char *path, const char *body, char *answer, size_t size)
{
    struct tls_client connection;
    assert_true(tls_client_connect(&connection, server_port(fixture->server), client));
    assert_true(tls_client_post(&connection, path, body));
    unsigned status = tls_client_read_answer(&connection, answer, size);
    tls_client_done(&connection);
    return status;
}

bool server_fixture_shows_metric(struct server_fixture *fixture, const char *line)
{
    struct error error;
    struct buffer text = BUFFER_INIT(METRICS_BYTES);
    assert_true(prometheus_print(fixture->metrics.registry, &error, &text));
    const char *found = strstr(buffer_string(&text), line);
    bool is_shown = found && found[strlen(line)] == '\n';
    buffer_done(&text);
    return is_shown;
}

bool server_fixture_comes_to_show(struct server_fixture *fixture, const char *line)
{
    for (int i = 0; i < 500; i++) {
        if (server_fixture_shows_metric(fixture, line))
            return true;
        usleep(10000);
    }
    return false;
}
