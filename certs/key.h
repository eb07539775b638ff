/* Private keys: made, read from PEM, written as PEM. Their text is secret: it is wiped when freed, and no
 * message holds any of it.
 *
 * Not for: certificates (certs/certificate.h) and signing them (certs/issue.h).
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <openssl/evp.h>
#include <stddef.h>

/* Largest PEM text of one key; an RSA key of 8192 bits takes about 6500. */
#define KEY_PEM_BYTES (16u * 1024)

/* Keys that are weaker than this, or so large that a handshake would take long, are refused. */
#define KEY_RSA_BITS_MINIMUM 2048
#define KEY_RSA_BITS_MAXIMUM 8192

/* What can be made; more can be read. */
enum key_algorithm {
    KEY_ECDSA_P256,
    KEY_ECDSA_P384,
    KEY_ED25519,
    KEY_RSA_3072,
    KEY_RSA_4096,
};

/* "ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096". Never NULL. */
const char *key_algorithm_name(enum key_algorithm algorithm);

/* Reads such a name; ERROR_INVALID that lists the names otherwise. */
bool key_algorithm_parse(const char *name, struct error *error,
                         enum key_algorithm *algorithm) _warn_unused_result_;

/* The caller owns `*key` (EVP_PKEY_free). */
bool key_generate(enum key_algorithm algorithm, struct error *error, EVP_PKEY **key) _warn_unused_result_;

/* Reads the one unencrypted private key in `pem`. ERROR_INVALID: no key, more than one, cut off, encrypted,
 * or of a kind or size that is not served (ECDSA on P-256 and P-384, Ed25519, RSA of 2048 to 8192 bits).
 * ERROR_TOO_LARGE past KEY_PEM_BYTES. */
bool key_parse_pem(const char *pem, size_t length, struct error *error, EVP_PKEY **key) _warn_unused_result_;

/* The key as PKCS#8 PEM; the caller frees `*pem` with secret_free (kubernetes/secret.h). */
bool key_print_pem(const EVP_PKEY *key, struct error *error, char **pem) _warn_unused_result_;

/* The digest that goes with a signature by this key; NULL when the algorithm has its own. */
const EVP_MD *key_signature_digest(const EVP_PKEY *key);

DEFINE_POINTER_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
