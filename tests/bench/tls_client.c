#include "tests/bench/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

/* What a Go client, and so the API server, asks for first on a processor with AES instructions. */
#define CIPHER_SUITE "TLS_AES_128_GCM_SHA256"

static bool set_tls_error(struct error *error, enum error_code code, const char *what)
{
    char reason[160] = "the connection ended";
    unsigned long number = ERR_get_error();
    if (number)
        ERR_error_string_n(number, reason, sizeof reason);
    ERR_clear_error();
    return error_set(error, code, "%s: %s", what, reason);
}

bool tls_client_settings(const char *authority_file, struct error *error, SSL_CTX **settings)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (!made)
        return set_tls_error(error, ERROR_NO_MEMORY, "TLS settings");
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(made, 1);
    if (!SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(made, CIPHER_SUITE) ||
        !SSL_CTX_load_verify_locations(made, authority_file, NULL)) {
        SSL_CTX_free(made);
        return set_tls_error(error, ERROR_INVALID, authority_file);
    }
    *settings = made;
    return true;
}

static bool connect_loopback(uint16_t port, struct error *error, int *descriptor)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int enabled = 1;
    _cleanup_(closep) int opened = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (opened < 0 || setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled) < 0)
        return error_set_errno(error, ERROR_IO, errno, "socket");
    if (connect(opened, (const struct sockaddr *) &address, sizeof address) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "connect to port %u", port);
    *descriptor = take_descriptor(&opened);
    return true;
}

bool tls_client_connect(SSL_CTX *settings, uint16_t port, struct error *error, struct tls_client *client)
{
    struct tls_client made = {.descriptor = -1};
    if (!connect_loopback(port, error, &made.descriptor))
        return false;
    made.session = SSL_new(settings);
    if (!made.session || !SSL_set_fd(made.session, made.descriptor) ||
        !SSL_set1_host(made.session, "localhost") || SSL_connect(made.session) != 1) {
        set_tls_error(error, ERROR_IO, "TLS handshake");
        tls_client_done(&made);
        return false;
    }
    *client = made;
    return true;
}

bool tls_client_set_nonblocking(struct tls_client *client, struct error *error)
{
    if (fcntl(client->descriptor, F_SETFL, O_NONBLOCK) < 0)
        return error_set_errno(error, ERROR_IO, errno, "fcntl");
    return true;
}

/* A request is smaller than the socket's buffer, which is empty when one is sent, so it always fits. */
bool tls_client_write(struct tls_client *client, const char *data, size_t length, struct error *error)
{
    if (length > INT_MAX || SSL_write(client->session, data, (int) length) != (int) length)
        return set_tls_error(error, ERROR_IO, "TLS write");
    return true;
}

bool tls_client_read(struct tls_client *client, char *data, size_t size, struct error *error, size_t *length)
{
    int received = SSL_read(client->session, data, size < INT_MAX ? (int) size : INT_MAX);
    if (received > 0) {
        *length = (size_t) received;
        return true;
    }
    if (SSL_get_error(client->session, received) != SSL_ERROR_WANT_READ)
        return set_tls_error(error, ERROR_IO, "TLS read");
    *length = 0;
    return true;
}

void tls_client_done(struct tls_client *client)
{
    if (client->session) {
        SSL_free(client->session);
        close(client->descriptor);
    }
    *client = (struct tls_client){.descriptor = -1};
}
