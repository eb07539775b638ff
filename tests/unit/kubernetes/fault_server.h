/* An HTTP server on 127.0.0.1 that a test writes byte by byte, to answer as no healthy API server would. One
 * thread per connection. Not for: production, or for standing in where a real API server can be had.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_SERVER_CONNECTIONS 64
#define FAULT_REQUEST_BYTES (256 * 1024)

struct fault_request {
    unsigned number;     /* of the server, from 1 */
    unsigned connection; /* from 1 */
    char method[16];
    char target[8192]; /* path and query, as sent */
    char authorization[512];
    char content_type[128];
    char accept[128];
    char user_agent[128];
    const char *body; /* never NULL */
};

struct fault_connection;

/* Answers one request; false closes the connection. Runs on many threads. */
typedef bool fault_handler(void *context, const struct fault_request *request,
                           struct fault_connection *connection);

/* PEM texts; NULL in fault_server_start: plain HTTP. */
struct fault_certificate {
    char *certificate;
    char *key;
    const char
        *client_authority; /* clients must show a certificate of this authority; NULL: none is asked for */
};

struct fault_server;

/* Fails the test when it cannot start. */
struct fault_server *fault_server_start(fault_handler *handler, void *context,
                                        const struct fault_certificate *certificate);
/* Closes all connections and waits for the handlers. */
void fault_server_stop(struct fault_server *server);

uint16_t fault_server_port(const struct fault_server *server);
unsigned fault_server_requests(struct fault_server *server);
unsigned fault_server_connections(struct fault_server *server);

/* Closes all connections that are open now; new ones are served. */
void fault_server_drop_connections(struct fault_server *server);

/* Sends bytes as they are; false when the peer is gone. */
bool fault_send(struct fault_connection *connection, const char *text);

/* Sends a complete answer; `headers` are lines with CRLF, or "". */
bool fault_answer(struct fault_connection *connection, int status, const char *headers, const char *body);

/* Sends a Status object; true. */
bool fault_status(struct fault_connection *connection, int status, const char *reason, const char *message);

/* Begins a chunked answer, and sends one chunk of it. */
bool fault_begin_chunked(struct fault_connection *connection);
bool fault_chunk(struct fault_connection *connection, const char *text);

/* Waits; false as soon as the peer closes the connection or the server stops. */
bool fault_wait(struct fault_connection *connection, unsigned milliseconds);

/* Makes the close a reset (RST). */
void fault_reset(struct fault_connection *connection);

/* The value of a query parameter, decoded; "" when it is absent. */
void fault_query(const struct fault_request *request, const char *name, char *value, size_t size);

/* A self-signed certificate for the DNS name `name` and the address 127.0.0.1. Freed by
 * fault_certificate_done. */
struct fault_certificate fault_certificate_make(const char *name);
void fault_certificate_done(struct fault_certificate *certificate);
