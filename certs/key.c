#include "certs/key.h"

#include "certs/bio.h"
#include "certs/openssl_failure.h"

#include <openssl/pem.h>
#include <string.h>

struct algorithm {
    enum key_algorithm algorithm;
    const char *name;
    const char *group; /* NULL: no elliptic curve of its own choice */
    size_t bits;       /* 0: no RSA key */
};

static const struct algorithm algorithms[] = {
    {KEY_ECDSA_P256, "ecdsa-p256", "P-256", 0}, {KEY_ECDSA_P384, "ecdsa-p384", "P-384", 0},
    {KEY_ED25519, "ed25519", NULL, 0},          {KEY_RSA_3072, "rsa-3072", NULL, 3072},
    {KEY_RSA_4096, "rsa-4096", NULL, 4096},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof *algorithms)

const char *key_algorithm_name(enum key_algorithm algorithm)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].name;
    return "unknown";
}

bool key_algorithm_parse(const char *name, struct error *error, enum key_algorithm *algorithm)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (strcmp(name, algorithms[i].name) == 0) {
            *algorithm = algorithms[i].algorithm;
            return true;
        }
    return error_set(error, ERROR_INVALID,
                     "\"%s\" is no key algorithm: use ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096",
                     name);
}

bool key_generate(enum key_algorithm algorithm, struct error *error, EVP_PKEY **key)
{
    const struct algorithm *chosen = algorithms;
    while (chosen->algorithm != algorithm)
        chosen++;
    EVP_PKEY *made = NULL;
    if (chosen->group)
        made = EVP_PKEY_Q_keygen(NULL, NULL, "EC", chosen->group);
    else if (chosen->bits)
        made = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", chosen->bits);
    else
        made = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!made)
        return openssl_set_failure(error, ERROR_INTERNAL, "cannot make a key");
    *key = made;
    return true;
}

static bool has_curve(const EVP_PKEY *key, const char *name)
{
    char group[32];
    return EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof group, NULL) == 1 &&
           strcmp(group, name) == 0;
}

static bool is_served(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= KEY_RSA_BITS_MINIMUM &&
               EVP_PKEY_get_bits(key) <= KEY_RSA_BITS_MAXIMUM;
    if (EVP_PKEY_is_a(key, "EC"))
        return has_curve(key, "prime256v1") || has_curve(key, "secp384r1");
    return EVP_PKEY_is_a(key, "ED25519");
}

/* Asked for the password of an encrypted key: there is none to give. */
static int refuse_password(char *password, int size, int is_writing, void *context)
{
    (void) is_writing;
    *(bool *) context = true;
    if (size > 0)
        *password = '\0';
    return -1;
}

bool key_parse_pem(const char *pem, size_t length, struct error *error, EVP_PKEY **key)
{
    if (length > KEY_PEM_BYTES)
        return error_set(error, ERROR_TOO_LARGE, "key: larger than %u bytes", KEY_PEM_BYTES);
    _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(pem, (int) length);
    if (!bio)
        return error_set_no_memory(error);
    bool is_encrypted = false;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *read =
        PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &is_encrypted);
    if (!read) {
        openssl_set_failure(error, ERROR_INVALID, "key: no private key in PEM");
        return is_encrypted ? error_set(error, ERROR_INVALID, "key: it is encrypted") : false;
    }
    if (!is_served(read))
        return error_set(error, ERROR_INVALID,
                         "key: of a kind or size that is not served: use ECDSA on P-256 or P-384, Ed25519, "
                         "or RSA of %d to %d bits",
                         KEY_RSA_BITS_MINIMUM, KEY_RSA_BITS_MAXIMUM);
    if (bio_has_more_pem(bio))
        return error_set(error, ERROR_INVALID, "key: something else follows the private key");
    *key = take_pointer(&read);
    return true;
}

bool key_print_pem(const EVP_PKEY *key, struct error *error, char **pem)
{
    /* Wipes what it held when it is freed. */
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio)
        return error_set_no_memory(error);
    if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return openssl_set_failure(error, ERROR_INTERNAL, "cannot write a key as PEM");
    return bio_take_text(bio, error, pem);
}

const EVP_MD *key_signature_digest(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
}
