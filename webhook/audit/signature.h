/* Ed25519 keys that sign the log, and the texts they sign (docs/auditing.md, "Signatures"). A signature binds
 * a chain, a sequence and the hash of all that stands before it.
 *
 * Not for: certificates (certs/).
 */
#pragma once

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/error.h"

#include <openssl/evp.h>
#include <stdint.h>

/* Base64 of an Ed25519 SubjectPublicKeyInfo (44 bytes) and of a signature (64 bytes), each with its NUL. */
#define AUDIT_PUBLIC_KEY_BYTES 61
#define AUDIT_SIGNATURE_BYTES 89

/* A key with its names. */
struct audit_key {
    EVP_PKEY *key;                           /* owned; private, or public alone */
    char id[DIGEST_SHA256_HEX_BYTES];        /* SHA-256 of the SubjectPublicKeyInfo, DER */
    char public_key[AUDIT_PUBLIC_KEY_BYTES]; /* that SubjectPublicKeyInfo in base64 */
};

/* What a signature says. With both key ids it is a key-rotation, else a checkpoint. */
struct audit_statement {
    const char *chain;
    uint64_t sequence;    /* of the record that holds the signature */
    const char *previous; /* hash of the record before it */
    const char *old_key_id, *new_key_id;
};

/* Reads a PEM private key from `path`. ERROR_INVALID when it is no Ed25519 key; else as file_read. The caller
 * owns `*key` (audit_key_free). */
bool audit_key_load(const char *path, struct error *error, struct audit_key **key) _warn_unused_result_;

/* The same for a PEM public key. */
bool audit_key_load_public(const char *path, struct error *error,
                           struct audit_key **key) _warn_unused_result_;

/* A public key as records hold it. */
bool audit_key_decode(const char *public_key, struct error *error,
                      struct audit_key **key) _warn_unused_result_;

/* Accepts NULL. */
void audit_key_free(struct audit_key *key);
DEFINE_POINTER_CLEANUP(struct audit_key *, audit_key_free)

bool audit_key_sign(const struct audit_key *key, const struct audit_statement *statement, struct error *error,
                    char signature[static AUDIT_SIGNATURE_BYTES]) _warn_unused_result_;

/* ERROR_INVALID when the signature is none of this key on this statement; ERROR_NO_MEMORY. */
bool audit_key_verify(const struct audit_key *key, const struct audit_statement *statement,
                      const char *signature, struct error *error) _warn_unused_result_;
