/* OpenSSL's streams over memory. Internal to certs/.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <openssl/bio.h>

/* BIO_free returns a value, which a cleanup function must not. */
__attribute__((unused)) static inline void BIO_freep(BIO **bio)
{
    BIO_free(*bio);
}

/* A copy of what a memory stream holds, as a string; the caller frees it. */
bool bio_take_text(BIO *bio, struct error *error, char **text) _warn_unused_result_;

/* Whether what is left of the stream holds the beginning of another PEM block, whole or not. */
bool bio_has_more_pem(BIO *bio);
