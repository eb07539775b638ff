/* SHA-256, and the hex text that configuration, patch and audit digests are compared by.
 *
 * Not for: signatures and certificates (certs/), which use OpenSSL themselves.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <openssl/evp.h>
#include <stddef.h>

#define DIGEST_SHA256_BYTES 32

/* 64 lower-case hex digits and the terminating NUL. */
#define DIGEST_SHA256_HEX_BYTES 65

/* Writes the SHA-256 of `length` bytes as hex. `data` may be NULL when `length` is 0. Fails with
 * ERROR_NO_MEMORY only. */
bool digest_sha256_hex(const void *data, size_t length, struct error *error,
                       char hex[static DIGEST_SHA256_HEX_BYTES]) _warn_unused_result_;

struct digest_piece {
    const void *data;
    size_t length;
};

/* The same over pieces, as if they were one. */
bool digest_sha256_hex_of_pieces(const struct digest_piece *pieces, size_t count, struct error *error,
                                 char hex[static DIGEST_SHA256_HEX_BYTES]) _warn_unused_result_;

/* The algorithm, for who hashes piece by piece. Looked up once, which costs more than hashing a short text.
 */
const EVP_MD *digest_sha256(void);

DEFINE_POINTER_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* A digest as hex. */
void digest_print_hex(const unsigned char digest[static DIGEST_SHA256_BYTES],
                      char hex[static DIGEST_SHA256_HEX_BYTES]);
