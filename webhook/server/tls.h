/* TLS for the server's connections: version and ciphers, the certificate of each handshake, session tickets,
 * the wish for a client certificate. Not for: judging that certificate (client_authentication.h).
 */
#pragma once

#include "common/http_worker.h"
#include "webhook/server/certificate_source.h"
#include "webhook/server/tls_output.h"

#include <gnutls/gnutls.h>

/* TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, nothing else. */
#define TLS_PRIORITIES                                                                                       \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:"   \
    "+CHACHA20-POLY1305:+AES-256-GCM:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

/* What all connections of a server share. */
struct tls {
    const struct certificate_source *certificates;
    gnutls_datum_t ticket_key;
    bool asks_for_client_certificate;
    struct MHD_OptionItem items[3]; /* for http_worker_options */
};

/* The part of a connection's state that belongs to TLS; the connection's `state` points to it. */
struct tls_connection {
    struct http_connection *connection;
    const struct tls *tls;
    struct tls_output output;
    /* Held while the session may use it; NULL before the handshake. */
    struct serving_certificate *certificate;
};

/* Fails without memory. `certificates` outlives it. Neither moves nor is copied afterwards. */
bool tls_init(struct tls *tls, const struct certificate_source *certificates,
              bool asks_for_client_certificate, struct error *error) _warn_unused_result_;
void tls_done(struct tls *tls);

/* Prepares a new connection before its handshake. `state` must be the first member of what
 * `connection->state` points to. False without memory. */
bool tls_connection_init(struct tls_connection *state, const struct tls *tls,
                         struct http_connection *connection) _warn_unused_result_;
/* After the session is gone. */
void tls_connection_done(struct tls_connection *state);

/* Sends what libmicrohttpd is not to know of, and ends the TLS session. Only while nothing else of an answer
 * has been sent: then the socket has room for it; where it has not, it is lost. */
void tls_send_last(struct http_connection *connection, const char *data, size_t length);

/* The session; NULL for a connection that is none. */
gnutls_session_t tls_session(struct http_connection *connection);
