#include "common/listening_socket.h"

#include "common/cleanup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The longest numeric address: an IPv6 one with a scope. */
#define HOST_BYTES 64

struct address {
    char host[HOST_BYTES]; /* "": every address */
    uint16_t port;
};

static bool parse_port(const char *text, uint16_t *port)
{
    char *end = NULL;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits])
        return false;
    unsigned long value = strtoul(text, &end, 10);
    if (value > UINT16_MAX)
        return false;
    *port = (uint16_t) value;
    return true;
}

static bool parse_address(const char *text, struct address *address)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !parse_port(colon + 1, &address->port))
        return false;
    size_t length = (size_t) (colon - text);
    bool has_brackets = length >= 2 && text[0] == '[' && colon[-1] == ']';
    if (has_brackets) {
        text++;
        length -= 2;
        if (length == 0)
            return false;
    } else if (memchr(text, ':', length)) {
        return false;
    }
    if (length >= sizeof address->host)
        return false;
    memcpy(address->host, text, length);
    address->host[length] = '\0';
    return true;
}

/* A socket of `family` bound to the address and listening, or -1 with errno. */
static int open_bound(const struct sockaddr *address, socklen_t length)
{
    _cleanup_(closep) int descriptor =
        socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor < 0)
        return -1;
    int on = 1, off = 0;
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *) (const void *) address;
    bool is_every_address =
        address->sa_family == AF_INET6 && memcmp(&ipv6->sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
    if (is_every_address && setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
        return -1;
    if (bind(descriptor, address, length) < 0 || listen(descriptor, LISTENING_SOCKET_BACKLOG) < 0)
        return -1;
    return take_descriptor(&descriptor);
}

static int open_every_address(uint16_t port)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
    int descriptor = open_bound((const struct sockaddr *) &ipv6, sizeof ipv6);
    if (descriptor >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return descriptor;
    /* A machine without IPv6. */
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    return open_bound((const struct sockaddr *) &ipv4, sizeof ipv4);
}

static bool open_host(const struct address *address, struct error *error, int *descriptor)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address->host, NULL, &hints, &found) != 0)
        return error_set(error, ERROR_INVALID, "\"%s\" is not a numeric address", address->host);
    if (found->ai_family == AF_INET6)
        ((struct sockaddr_in6 *) (void *) found->ai_addr)->sin6_port = htons(address->port);
    else
        ((struct sockaddr_in *) (void *) found->ai_addr)->sin_port = htons(address->port);
    *descriptor = open_bound(found->ai_addr, found->ai_addrlen);
    int failure = errno;
    freeaddrinfo(found);
    errno = failure;
    return true;
}

bool listening_socket_open(const char *text, struct error *error, int *descriptor)
{
    struct address address;
    int opened = -1;
    if (!parse_address(text, &address))
        return error_set(error, ERROR_INVALID,
                         "\"%s\": must be ADDRESS:PORT, such as :8443, 127.0.0.1:8443 or [::1]:8443", text);
    if (!address.host[0])
        opened = open_every_address(address.port);
    else if (!open_host(&address, error, &opened))
        return error_prefix(error, "\"%s\"", text);
    if (opened < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot listen at \"%s\"", text);
    *descriptor = opened;
    return true;
}

uint16_t listening_socket_port(int descriptor)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *) &address, &length) < 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *) (const void *) &address)->sin6_port);
    return ntohs(((const struct sockaddr_in *) (const void *) &address)->sin_port);
}
