/* A certificate chain with its key, as TLS handshakes use it: checked once, then unchangeable and shared by
 * reference. A handshake and the connection after it hold a reference, so a newer certificate can take its
 * place at any moment.
 *
 * Not for: where certificates come from (webhook/server/certificate_source.h).
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <gnutls/abstract.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* Most certificates of a chain, and the largest PEM text of a chain or key. */
#define SERVING_CERTIFICATE_CHAIN 8
#define SERVING_CERTIFICATE_BYTES (256u * 1024)

struct serving_certificate {
    atomic_uint references;
    gnutls_pcert_st chain[SERVING_CERTIFICATE_CHAIN]; /* the server's own first */
    unsigned chain_length;
    gnutls_privkey_t key;
    time_t not_before; /* of the whole chain: the latest start and the earliest end */
    time_t not_after;
};

/* Reads a PEM chain and its unencrypted PEM key, as they are valid at `now`. ERROR_INVALID when one cannot be
 * read, the key is not the first certificate's, or some certificate has expired or is not valid yet;
 * ERROR_TOO_LARGE for a longer chain; ERROR_NO_MEMORY. The messages never hold key material. The caller owns
 * one reference. */
bool serving_certificate_parse(const char *chain_pem, size_t chain_length, const char *key_pem,
                               size_t key_length, time_t now, struct error *error,
                               struct serving_certificate **certificate) _warn_unused_result_;

/* One more reference; returns `certificate`. */
struct serving_certificate *serving_certificate_reference(struct serving_certificate *certificate);

/* One reference less; the last one frees. Accepts NULL. */
void serving_certificate_release(struct serving_certificate *certificate);
DEFINE_POINTER_CLEANUP(struct serving_certificate *, serving_certificate_release)

/* ERROR_FAILED_PRECONDITION when it is not valid at `now`. */
bool serving_certificate_check_time(const struct serving_certificate *certificate, time_t now,
                                    struct error *error) _warn_unused_result_;
