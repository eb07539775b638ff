/* A server in the test's own process, with one worker thread, on a free port of 127.0.0.1. */
#pragma once

#include "tests/support/temporary.h"
#include "tests/support/tls_client.h"
#include "webhook/server/certificate_files.h"
#include "webhook/server/server.h"

struct server_fixture {
    struct temporary directory;
    char certificate_path[TEMPORARY_PATH_BYTES], key_path[TEMPORARY_PATH_BYTES];
    char authority_path[TEMPORARY_PATH_BYTES], configuration_path[TEMPORARY_PATH_BYTES];
    struct configuration_sources sources;
    struct configuration_store *configurations;
    struct certificate_files *certificate_files;
    struct certificate_source certificates;
    struct injector_metrics metrics;
    struct readiness readiness;
    struct server_options options;
    struct server *server;
};

/* Makes all parts but the server; tests may change `options` before server_fixture_start. */
void server_fixture_init(struct server_fixture *fixture, const char *configuration);
void server_fixture_start(struct server_fixture *fixture);
/* Stops the server at once when it runs, and cleans up. */
void server_fixture_done(struct server_fixture *fixture);

/* Connects, posts `body`, reads the answer and disconnects. Returns the status. */
unsigned server_fixture_post(struct server_fixture *fixture, const struct test_certificate *client,
                             const char *path, const char *body, char *answer, size_t size);

/* Whether the metrics have this whole line. */
bool server_fixture_shows_metric(struct server_fixture *fixture, const char *line);

/* The same, after waiting for it for at most 5 seconds: some are counted after the answer has left. */
bool server_fixture_comes_to_show(struct server_fixture *fixture, const char *line);

/* An AdmissionReview of a sandbox pod that is to be created in `namespace`. */
#define REVIEW_IN(namespace)                                                                                 \
    "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"uid-1\","   \
    "\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},\"resource\":{\"group\":\"\","            \
    "\"version\":\"v1\",\"resource\":\"pods\"},\"name\":\"pod-1\",\"namespace\":\"" namespace "\","          \
                                                                                              "\"operation"  \
                                                                                              "\":"          \
                                                                                              "\"CREATE\","  \
                                                                                              "\"object\":{" \
                                                                                              "\"apiVersion" \
                                                                                              "\":\"v1\","   \
                                                                                              "\"kind\":"    \
                                                                                              "\"Pod\","     \
                                                                                              "\"metadata\"" \
                                                                                              ":{"           \
                                                                                              "\"name\":"    \
                                                                                              "\"pod-1\","   \
                                                                                              "\"labels\":{" \
                                                                                              "\"openshell." \
                                                                                              "ai/"          \
                                                                                              "managed-"     \
                                                                                              "by\":"        \
                                                                                              "\"openshell"  \
                                                                                              "\","          \
                                                                                              "\"openshell." \
                                                                                              "ai/"          \
                                                                                              "sandbox-"     \
                                                                                              "id\":\"id-"   \
                                                                                              "1\","         \
                                                                                              "\"openshell." \
                                                                                              "ai/"          \
                                                                                              "sandbox-"     \
                                                                                              "name\":"      \
                                                                                              "\"name-1\","  \
                                                                                              "\"openshell." \
                                                                                              "ai/"          \
                                                                                              "sandbox-"     \
                                                                                              "workspace\":" \
                                                                                              "\"default\"}" \
                                                                                              "},\"spec\":{" \
                                                                                              "\"restartPol" \
                                                                                              "icy\":"       \
                                                                                              "\"Never\","   \
                                                                                              "\"automountS" \
                                                                                              "erviceAccoun" \
                                                                                              "tToken\":"    \
                                                                                              "false,"       \
                                                                                              "\"containers" \
                                                                                              "\":[{"        \
                                                                                              "\"name\":"    \
                                                                                              "\"agent\","   \
                                                                                              "\"image\":"   \
                                                                                              "\"image\","   \
                                                                                              "\"command\":" \
                                                                                              "[\"/bin/"     \
                                                                                              "sh\"]}]}}}}"

#define CONFIGURATION_HEAD "apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
#define CONFIGURATION_WITH_UID                                                                               \
    CONFIGURATION_HEAD "gateway: {endpoint: https://gateway:8080}\nsandbox: {uid: 2000}\n"
#define CONFIGURATION_WITHOUT_UID CONFIGURATION_HEAD "gateway: {endpoint: https://gateway:8080}\n"
