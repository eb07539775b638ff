#include "tests/unit/kubernetes/fault_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fault_connection {
    struct fault_server *server;
    pthread_t thread;
    int descriptor;
    unsigned number;
    bool is_used;
    bool is_finished; /* the thread is at its end; guarded by the server's mutex */
    SSL *ssl;
    char input[FAULT_REQUEST_BYTES];
    size_t input_length;
};

struct fault_server {
    fault_handler *handler;
    void *context;
    SSL_CTX *tls;
    int listener;
    uint16_t port;
    pthread_t acceptor;
    atomic_bool is_stopping;
    atomic_uint requests;
    atomic_uint connections;
    pthread_mutex_t mutex; /* guards the slots */
    struct fault_connection *slots[FAULT_SERVER_CONNECTIONS];
};

static ssize_t receive(struct fault_connection *connection, char *data, size_t size)
{
    if (connection->ssl)
        return SSL_read(connection->ssl, data, (int) size);
    return recv(connection->descriptor, data, size, 0);
}

static bool send_bytes(struct fault_connection *connection, const char *data, size_t length)
{
    while (length) {
        ssize_t sent = connection->ssl ? SSL_write(connection->ssl, data, (int) length)
                                       : send(connection->descriptor, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        length -= (size_t) sent;
    }
    return true;
}

bool fault_send(struct fault_connection *connection, const char *text)
{
    return send_bytes(connection, text, strlen(text));
}

bool fault_answer(struct fault_connection *connection, int status, const char *headers, const char *body)
{
    char head[1024];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
             status, headers, strlen(body));
    return fault_send(connection, head) && fault_send(connection, body);
}

bool fault_status(struct fault_connection *connection, int status, const char *reason, const char *message)
{
    char body[1024];
    snprintf(body, sizeof body,
             "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"%s\","
             "\"reason\":\"%s\","
             "\"code\":%d}",
             message, reason, status);
    fault_answer(connection, status, "", body);
    return true;
}

bool fault_begin_chunked(struct fault_connection *connection)
{
    return fault_send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

bool fault_chunk(struct fault_connection *connection, const char *text)
{
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", strlen(text));
    return fault_send(connection, head) && fault_send(connection, text) && fault_send(connection, "\r\n");
}

bool fault_wait(struct fault_connection *connection, unsigned milliseconds)
{
    for (unsigned waited = 0; waited < milliseconds; waited += 5) {
        struct pollfd peer = {.fd = connection->descriptor, .events = POLLRDHUP};
        if (atomic_load(&connection->server->is_stopping) || poll(&peer, 1, 5) > 0)
            return false;
    }
    return true;
}

void fault_reset(struct fault_connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void fault_query(const struct fault_request *request, const char *name, char *value, size_t size)
{
    *value = '\0';
    const char *next = strchr(request->target, '?');
    size_t name_length = strlen(name);
    while (next) {
        next++;
        if (strncmp(next, name, name_length) == 0 && next[name_length] == '=') {
            size_t length = 0;
            for (next += name_length + 1; *next && *next != '&' && length < size - 1; next++) {
                char hex[3] = {next[0] == '%' ? next[1] : 0, next[0] == '%' ? next[2] : 0, 0};
                value[length++] = *next == '%' ? (char) strtol(hex, NULL, 16) : *next;
                next += *next == '%' ? 2 : 0;
            }
            value[length] = '\0';
            return;
        }
        next = strchr(next, '&');
    }
}

/* Reads until the input holds `end`; returns the place after it, or NULL when the peer is gone. */
static char *read_head(struct fault_connection *connection)
{
    for (;;) {
        connection->input[connection->input_length] = '\0';
        char *end = strstr(connection->input, "\r\n\r\n");
        if (end)
            return end + 4;
        size_t room = sizeof connection->input - 1 - connection->input_length;
        ssize_t count = room ? receive(connection, connection->input + connection->input_length, room) : 0;
        if (count <= 0)
            return NULL;
        connection->input_length += (size_t) count;
    }
}

static void copy_header(const char *head, const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    *value = '\0';
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        line += name_length + 1;
        line += strspn(line, " ");
        snprintf(value, size, "%.*s", (int) strcspn(line, "\r"), line);
        return;
    }
}

/* Reads one request; false when the peer is gone. The body stays in the input until the next call. */
static bool read_request(struct fault_connection *connection, struct fault_request *request, size_t *taken)
{
    memmove(connection->input, connection->input + *taken, connection->input_length - *taken);
    connection->input_length -= *taken;
    char *body = read_head(connection);
    if (!body)
        return false;
    char separator = body[-1];
    body[-1] = '\0';
    char length_text[32];
    sscanf(connection->input, "%15s %8191s", request->method, request->target);
    copy_header(connection->input, "Authorization", request->authorization, sizeof request->authorization);
    copy_header(connection->input, "Content-Type", request->content_type, sizeof request->content_type);
    copy_header(connection->input, "Accept", request->accept, sizeof request->accept);
    copy_header(connection->input, "User-Agent", request->user_agent, sizeof request->user_agent);
    copy_header(connection->input, "Content-Length", length_text, sizeof length_text);
    body[-1] = separator;
    size_t head_length = (size_t) (body - connection->input);
    size_t wanted = head_length + strtoul(length_text, NULL, 10);
    if (wanted >= sizeof connection->input)
        return false;
    while (connection->input_length < wanted) {
        ssize_t count = receive(connection, connection->input + connection->input_length,
                                wanted - connection->input_length);
        if (count <= 0)
            return false;
        connection->input_length += (size_t) count;
    }
    connection->input[connection->input_length] = '\0';
    request->body = body;
    *taken = wanted;
    return true;
}

static bool accept_tls(struct fault_connection *connection)
{
    if (!connection->server->tls)
        return true;
    connection->ssl = SSL_new(connection->server->tls);
    return connection->ssl && SSL_set_fd(connection->ssl, connection->descriptor) == 1 &&
           SSL_accept(connection->ssl) == 1;
}

static void *serve(void *argument)
{
    struct fault_connection *connection = argument;
    struct fault_server *server = connection->server;
    size_t taken = 0;
    bool is_open = accept_tls(connection);
    while (is_open) {
        struct fault_request request = {.connection = connection->number};
        if (!read_request(connection, &request, &taken))
            break;
        request.number = atomic_fetch_add(&server->requests, 1) + 1;
        is_open = server->handler(server->context, &request, connection);
    }
    /* A farewell as a healthy server says it; one that shall not be said needs fault_reset. */
    if (connection->ssl)
        SSL_shutdown(connection->ssl);
    pthread_mutex_lock(&server->mutex);
    SSL_free(connection->ssl);
    close(connection->descriptor);
    connection->descriptor = -1;
    connection->is_finished = true;
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

static void reap(struct fault_connection **slot)
{
    pthread_join((*slot)->thread, NULL);
    free(*slot);
    *slot = NULL;
}

/* The mutex is held. */
static struct fault_connection **find_slot(struct fault_server *server)
{
    for (size_t i = 0; i < FAULT_SERVER_CONNECTIONS; i++) {
        struct fault_connection **slot = &server->slots[i];
        if (*slot && (*slot)->is_finished)
            reap(slot);
        if (!*slot)
            return slot;
    }
    return NULL;
}

static void *accept_connections(void *argument)
{
    struct fault_server *server = argument;
    for (;;) {
        int descriptor = accept(server->listener, NULL, NULL);
        if (descriptor < 0)
            return NULL;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct fault_connection *connection = calloc(1, sizeof *connection);
        pthread_mutex_lock(&server->mutex);
        struct fault_connection **slot = find_slot(server);
        if (connection && slot) {
            connection->server = server;
            connection->descriptor = descriptor;
            connection->number = atomic_fetch_add(&server->connections, 1) + 1;
            *slot = connection;
            if (pthread_create(&connection->thread, NULL, serve, connection) != 0)
                abort();
        } else {
            close(descriptor);
            free(connection);
        }
        pthread_mutex_unlock(&server->mutex);
    }
}

static void demand_client_certificate(SSL_CTX *tls, const char *authority)
{
    BIO *text = BIO_new_mem_buf(authority, -1);
    X509 *parsed = PEM_read_bio_X509(text, NULL, NULL, NULL);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), parsed), 1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_free(parsed);
    BIO_free(text);
}

static SSL_CTX *make_tls(const struct fault_certificate *certificate)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *certificate_text = BIO_new_mem_buf(certificate->certificate, -1);
    BIO *key_text = BIO_new_mem_buf(certificate->key, -1);
    X509 *parsed = PEM_read_bio_X509(certificate_text, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    assert_non_null(tls);
    assert_int_equal(SSL_CTX_use_certificate(tls, parsed), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(parsed);
    EVP_PKEY_free(key);
    BIO_free(certificate_text);
    BIO_free(key_text);
    if (certificate->client_authority)
        demand_client_certificate(tls, certificate->client_authority);
    return tls;
}

struct fault_server *fault_server_start(fault_handler *handler, void *context,
                                        const struct fault_certificate *certificate)
{
    struct fault_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    server->handler = handler;
    server->context = context;
    server->tls = certificate ? make_tls(certificate) : NULL;
    pthread_mutex_init(&server->mutex, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(server->listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(server->listener, FAULT_SERVER_CONNECTIONS), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *) &address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->acceptor, NULL, accept_connections, server), 0);
    return server;
}

void fault_server_drop_connections(struct fault_server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < FAULT_SERVER_CONNECTIONS; i++) {
        if (server->slots[i] && !server->slots[i]->is_finished)
            shutdown(server->slots[i]->descriptor, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
}

void fault_server_stop(struct fault_server *server)
{
    atomic_store(&server->is_stopping, true);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    fault_server_drop_connections(server);
    for (size_t i = 0; i < FAULT_SERVER_CONNECTIONS; i++) {
        if (server->slots[i])
            reap(&server->slots[i]);
    }
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

uint16_t fault_server_port(const struct fault_server *server)
{
    return server->port;
}

unsigned fault_server_requests(struct fault_server *server)
{
    return atomic_load(&server->requests);
}

unsigned fault_server_connections(struct fault_server *server)
{
    return atomic_load(&server->connections);
}
