#include "tests/support/tls_client.h"

#include "tests/support/plain_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

static gnutls_datum_t as_datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *) (uintptr_t) text, .size = (unsigned) strlen(text)};
}

bool tls_client_connect(struct tls_client *client, uint16_t port, const struct test_certificate *certificate)
{
    assert_int_equal(gnutls_certificate_allocate_credentials(&client->credentials), 0);
    if (certificate) {
        gnutls_datum_t chain = as_datum(certificate->certificate), key = as_datum(certificate->key);
        assert_int_equal(
            gnutls_certificate_set_x509_key_mem(client->credentials, &chain, &key, GNUTLS_X509_FMT_PEM), 0);
    }
    int on = 1;
    client->descriptor = plain_client_connect(port);
    assert_int_equal(setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_set_default_priority(client->session), 0);
    assert_int_equal(gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials), 0);
    gnutls_transport_set_int(client->session, client->descriptor);
    gnutls_handshake_set_timeout(client->session, PATIENCE_MS);
    gnutls_record_set_timeout(client->session, PATIENCE_MS);
    int result;
    do {
        result = gnutls_handshake(client->session);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    return result == 0;
}

void tls_client_done(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    close(client->descriptor);
}

bool tls_client_send(struct tls_client *client, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = gnutls_record_send(client->session, text, length);
        if (sent == GNUTLS_E_INTERRUPTED || sent == GNUTLS_E_AGAIN)
            continue;
        if (sent < 0)
            return false;
        text += sent;
        length -= (size_t) sent;
    }
    return true;
}

bool tls_client_post(struct tls_client *client, const char *path, const char *body)
{
    char header[256];
    int length = snprintf(header, sizeof header,
                          "POST %s HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          path, strlen(body));
    return tls_client_send(client, header, (size_t) length) && tls_client_send(client, body, strlen(body));
}

/* Whether `answer` is a header with all of the body that it announces. */
static bool is_complete(const char *answer, size_t used)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strstr(answer, "Content-Length: ");
    return end && length && used >= (size_t) (end + 4 - answer) + strtoul(length + 16, NULL, 10);
}

unsigned tls_client_read_answer(struct tls_client *client, char *answer, size_t size)
{
    size_t used = 0;
    answer[0] = '\0';
    while (!is_complete(answer, used)) {
        ssize_t length = gnutls_record_recv(client->session, answer + used, size - 1 - used);
        if (length == GNUTLS_E_AGAIN || length == GNUTLS_E_INTERRUPTED)
            continue;
        if (length <= 0)
            return 0;
        used += (size_t) length;
        answer[used] = '\0';
    }
    static const char start[] = "HTTP/1.1 ";
    if (strncmp(answer, start, sizeof start - 1) != 0)
        return 0;
    return (unsigned) strtoul(answer + sizeof start - 1, NULL, 10);
}
