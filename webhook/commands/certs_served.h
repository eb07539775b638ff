/* The certificates that a TLS server presents, whoever signed them. Not for: trusting it, and not for talking
 * to it.
 */
#pragma once

#include "certs/certificate.h"

/* Longest time until the handshake is done. */
#define CERTS_SERVED_TIMEOUT_MS 10000L

/* Makes a handshake with the server at `address` ("HOST:PORT"; an IPv6 address in brackets), asking for
 * `host`. ERROR_INVALID for an address of another form, ERROR_UNAVAILABLE when there is no handshake. The
 * caller owns `*chain`. */
bool certs_served_read(const char *address, const char *host, struct error *error,
                       certificate_list **chain) _warn_unused_result_;
