#include "common/digest.h"

#include "common/cleanup.h"

#include <pthread.h>

static EVP_MD *sha256;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

const EVP_MD *digest_sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    return sha256 ? sha256 : EVP_sha256();
}

void digest_print_hex(const unsigned char digest[static DIGEST_SHA256_BYTES],
                      char hex[static DIGEST_SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SHA256_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 0xF];
    }
    hex[DIGEST_SHA256_HEX_BYTES - 1] = '\0';
}

bool digest_sha256_hex_of_pieces(const struct digest_piece *pieces, size_t count, struct error *error,
                                 char hex[static DIGEST_SHA256_HEX_BYTES])
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    /* Every provider of OpenSSL has SHA-256, and updating and finishing it cannot fail: what is left is
     * memory. OpenSSL's own error codes would not tell, since recording one needs memory too. */
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_hashed = context && EVP_DigestInit_ex(context, digest_sha256(), NULL) == 1;
    for (size_t i = 0; is_hashed && i < count; i++)
        is_hashed = EVP_DigestUpdate(context, pieces[i].data, pieces[i].length) == 1;
    if (!is_hashed || EVP_DigestFinal_ex(context, digest, NULL) != 1)
        return error_set_no_memory(error);
    digest_print_hex(digest, hex);
    return true;
}

bool digest_sha256_hex(const void *data, size_t length, struct error *error,
                       char hex[static DIGEST_SHA256_HEX_BYTES])
{
    const struct digest_piece piece = {.data = data, .length = length};
    return digest_sha256_hex_of_pieces(&piece, 1, error, hex);
}
