#include "tests/support/plain_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

int plain_client_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(connect(descriptor, (const struct sockaddr *) &address, sizeof address), 0);
    return descriptor;
}

bool plain_client_send(int descriptor, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t sent = send(descriptor, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        text += sent;
        length -= (size_t) sent;
    }
    return true;
}

/* Positive: bytes read; 0: closed or reset; -1: nothing in time. */
static ssize_t read_some(int descriptor, char *text, size_t size, int limit_ms)
{
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    if (poll(&wait, 1, limit_ms) <= 0)
        return -1;
    ssize_t length = recv(descriptor, text, size, 0);
    return length < 0 ? 0 : length;
}

bool plain_client_read_all(int descriptor, char *text, size_t size)
{
    size_t used = 0;
    ssize_t length = 1;
    while (length > 0 && used + 1 < size) {
        length = read_some(descriptor, text + used, size - 1 - used, PATIENCE_MS);
        used += length > 0 ? (size_t) length : 0;
    }
    text[used] = '\0';
    return length == 0;
}

bool plain_client_read_until(int descriptor, const char *end, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    while (!strstr(text, end) && used + 1 < size) {
        ssize_t length = read_some(descriptor, text + used, size - 1 - used, PATIENCE_MS);
        if (length <= 0)
            return false;
        used += (size_t) length;
        text[used] = '\0';
    }
    return strstr(text, end) != NULL;
}

bool plain_client_is_closed_within(int descriptor, int milliseconds)
{
    char byte;
    return read_some(descriptor, &byte, 1, milliseconds) == 0;
}
