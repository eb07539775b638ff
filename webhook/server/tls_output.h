/* The way of TLS records into a socket. libmicrohttpd makes two records of an answer, header and body; sent
 * one by one they cost two system calls, two packets and two wake-ups of the client. The first can be held
 * back to leave together with the second.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

/* Longest record that is held back; a longer one is sent at once. A header with its record's own bytes fits.
 */
#define TLS_OUTPUT_HELD_BYTES 1024

struct tls_output {
    int descriptor; /* not owned */
    bool holds_next;
    size_t length; /* of what is held */
    unsigned char held[TLS_OUTPUT_HELD_BYTES];
};

/* What the session sends goes through `output` from now on, which must stay where it is as long as the
 * session.
 */
void tls_output_attach(struct tls_output *output, gnutls_session_t session, int descriptor);

/* Holds the next record back until there is another: to be called only when one is sure to follow. */
void tls_output_hold_next(struct tls_output *output);

/* GnuTLS' push function; `context` is the struct tls_output. Like writev on its descriptor. */
ssize_t tls_output_push(gnutls_transport_ptr_t context, const giovec_t *pieces, int count);
