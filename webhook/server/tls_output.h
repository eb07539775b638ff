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

/* Nothing is held, for a connection that begins. */
void tls_output_init(struct tls_output *output, int descriptor);

/* Holds the next record back until there is another: to be called only when one is sure to follow. */
void tls_output_hold_next(struct tls_output *output);

/* For GnuTLS' push function: like writev on the descriptor. */
ssize_t tls_output_push(struct tls_output *output, const giovec_t *pieces, int count);
