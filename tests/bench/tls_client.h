/* One TLS connection to a server on this machine, as the API server makes it: verified against a CA file,
 * kept alive, HTTP/1.1. Always with TLS 1.3 and the same cipher, so that every server does the same
 * cryptography. Not for: anything but the benchmarks.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <openssl/ssl.h>
#include <stdint.h>

struct tls_client {
    SSL *session; /* owned */
    int descriptor;
};

/* Settings for all connections. The caller frees `*settings` (SSL_CTX_free). */
bool tls_client_settings(const char *authority_file, struct error *error,
                         SSL_CTX **settings) _warn_unused_result_;

/* Connects to 127.0.0.1 and completes the handshake; ERROR_UNAVAILABLE while nobody listens. The caller calls
 * tls_client_done. */
bool tls_client_connect(SSL_CTX *settings, uint16_t port, struct error *error,
                        struct tls_client *client) _warn_unused_result_;

/* From now on reading does not wait. */
bool tls_client_set_nonblocking(struct tls_client *client, struct error *error) _warn_unused_result_;

bool tls_client_write(struct tls_client *client, const char *data, size_t length,
                      struct error *error) _warn_unused_result_;

/* Reads what is there, at most `size` bytes; `*length` is 0 when nothing is there yet (non-blocking). The end
 * of the connection is an error. */
bool tls_client_read(struct tls_client *client, char *data, size_t size, struct error *error,
                     size_t *length) _warn_unused_result_;

/* Accepts a zeroed struct. */
void tls_client_done(struct tls_client *client);

DEFINE_POINTER_CLEANUP(SSL_CTX *, SSL_CTX_free)
