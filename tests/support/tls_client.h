/* A TLS client for tests of the server on 127.0.0.1. It checks no server certificate but tells which it got.
 */
#pragma once

#include "tests/support/certificates.h"

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_client {
    int descriptor;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* Connects and shakes hands; `certificate` NULL: presents none. False when the server refuses the handshake.
 * Either way the caller owes tls_client_done. */
bool tls_client_connect(struct tls_client *client, uint16_t port, const struct test_certificate *certificate);
void tls_client_done(struct tls_client *client);

/* Sends all of the text; false when the server has closed the connection. */
bool tls_client_send(struct tls_client *client, const char *text, size_t length);

/* Sends a POST of `body` as JSON. */
bool tls_client_post(struct tls_client *client, const char *path, const char *body);

/* Reads one answer with a Content-Length into `answer`, terminated. Returns its status, 0 when none came
 * within 10 seconds. */
unsigned tls_client_read_answer(struct tls_client *client, char *answer, size_t size);
