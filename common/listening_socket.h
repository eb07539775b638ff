/* Listening TCP sockets from addresses as people write them: "127.0.0.1:8443", "[::1]:8443", ":8443".
 * Not for: Unix sockets, and not for accepting.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

/* Connections that may wait to be accepted. */
#define LISTENING_SOCKET_BACKLOG 512

/* Opens a non-blocking, close-on-exec socket that listens at `address`: ADDRESS:PORT, where ADDRESS is a
 * numeric IPv4 address or an IPv6 address in brackets, or nothing for every address of both families, and
 * PORT is 0 (any free one) to 65535. ERROR_INVALID when it is no such address, ERROR_IO when the system
 * refuses. The caller closes `*descriptor`. */
bool listening_socket_open(const char *address, struct error *error, int *descriptor) _warn_unused_result_;

/* The port that the socket is bound to; 0 when the system does not tell. */
uint16_t listening_socket_port(int descriptor);
