/* Clients for a fault server. Everything fails the test rather than return an error.
 */
#pragma once

#include "kubernetes/client.h"
#include "tests/unit/kubernetes/fault_server.h"

/* curl_global_init and SIGPIPE, as a program's main does; a cmocka group setup. */
int client_fixture_setup(void **state);
int client_fixture_teardown(void **state);

/* A configuration for plain HTTP to the server, without credentials; owned by the caller. */
struct kubernetes_configuration *configuration_for(const struct fault_server *server);

/* A client of the server; `options` may be NULL. */
struct kubernetes_client *client_for(const struct fault_server *server,
                                     const struct kubernetes_client_options *options);

/* A client with this configuration, which it takes over. */
struct kubernetes_client *client_with(struct kubernetes_configuration *configuration);

/* A GET of `path` with `call`; the body stays in `body` (at most 4 KiB). */
bool client_get(struct kubernetes_client *client, const char *path, const struct kubernetes_call *call,
                struct error *error, char body[4097]);

/* What a server does with each request, and what it saw; the context of play_script. */
struct script {
    int status;          /* 0: 200 */
    const char *headers; /* NULL: none */
    const char *body;    /* of an answer with `status`; NULL: {} */
    unsigned failures;   /* the first so many requests get `status`, later ones 200 {}; 0: all get it */
    unsigned delay_ms;   /* before the answer */
    struct fault_request last;
};

/* A handler for fault_server_start. */
bool play_script(void *context, const struct fault_request *request, struct fault_connection *connection);

uint64_t milliseconds_since(uint64_t started_ns);

/* Waits until `is_true(context)` holds, at most 10 seconds; false when it never did. */
bool eventually(bool (*is_true)(void *context), void *context);
