#include "common/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#define SHA256_BYTES 32

static bool set_openssl_error(struct error *error)
{
    unsigned long code = ERR_peek_last_error();
    bool is_memory = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return is_memory ? error_set_no_memory(error) : error_set(error, ERROR_INTERNAL, "no SHA-256 in OpenSSL");
}

bool digest_sha256_hex(const void *data, size_t length, struct error *error,
                       char hex[static DIGEST_SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_BYTES];
    if (EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return set_openssl_error(error);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 0xF];
    }
    hex[DIGEST_SHA256_HEX_BYTES - 1] = '\0';
    return true;
}
