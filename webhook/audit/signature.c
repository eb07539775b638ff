#include "webhook/audit/signature.h"

#include "certs/key.h"
#include "common/base64.h"
#include "common/file.h"
#include "kubernetes/secret.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define ED25519_SPKI_BYTES 44
#define ED25519_SIGNATURE_BYTES 64

/* Longest text that is signed. */
#define STATEMENT_BYTES 512

/* What a signature is for stands in front, so that none can be taken for another. */
#define CHECKPOINT_DOMAIN "openshell-injector audit checkpoint v1\n"
#define ROTATION_DOMAIN "openshell-injector audit key-rotation v1\n"

DEFINE_POINTER_CLEANUP(BIO *, BIO_free_all)

static bool set_no_key(struct error *error)
{
    return error_set(error, ERROR_INVALID, "must be an Ed25519 key");
}

/* Takes the key over. */
static bool make_key(EVP_PKEY *pkey, struct error *error, struct audit_key **result)
{
    _cleanup_(audit_key_freep) struct audit_key *key = calloc(1, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return error_set_no_memory(error);
    }
    key->key = pkey;
    if (!EVP_PKEY_is_a(pkey, "ED25519"))
        return set_no_key(error);
    unsigned char der[ED25519_SPKI_BYTES], *at = der;
    if (i2d_PUBKEY(pkey, NULL) != ED25519_SPKI_BYTES || i2d_PUBKEY(pkey, &at) != ED25519_SPKI_BYTES)
        return error_set_no_memory(error);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(AUDIT_PUBLIC_KEY_BYTES);
    base64_append(&text, der, sizeof der);
    if (!buffer_check(&text, error) || !digest_sha256_hex(der, sizeof der, error, key->id))
        return false;
    memcpy(key->public_key, buffer_string(&text), text.length + 1);
    *result = take_pointer(&key);
    return true;
}

bool audit_key_load(const char *path, struct error *error, struct audit_key **key)
{
    _cleanup_(secret_freep) char *pem = NULL;
    size_t length;
    EVP_PKEY *pkey = NULL;
    if (!file_read(path, KEY_PEM_BYTES, error, &pem, &length))
        return false;
    if (!key_parse_pem(pem, length, error, &pkey) || !make_key(pkey, error, key))
        return error_prefix(error, "\"%s\"", path);
    return true;
}

bool audit_key_load_public(const char *path, struct error *error, struct audit_key **key)
{
    _cleanup_(freep) char *pem = NULL;
    size_t length;
    if (!file_read(path, KEY_PEM_BYTES, error, &pem, &length))
        return false;
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, (int) length);
    if (!bio)
        return error_set_no_memory(error);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    if (!pkey)
        return error_set(error, ERROR_INVALID, "\"%s\": no public key in PEM", path);
    return make_key(pkey, error, key) || error_prefix(error, "\"%s\"", path);
}

bool audit_key_decode(const char *public_key, struct error *error, struct audit_key **key)
{
    _cleanup_(buffer_done) struct buffer der = BUFFER_INIT(ED25519_SPKI_BYTES);
    if (!base64_decode(public_key, strlen(public_key), error, &der))
        return false;
    const unsigned char *at = (const unsigned char *) der.data;
    EVP_PKEY *pkey = der.length ? d2i_PUBKEY(NULL, &at, (long) der.length) : NULL;
    return pkey ? make_key(pkey, error, key) : set_no_key(error);
}

void audit_key_free(struct audit_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

/* The signed text. */
static bool append_statement(const struct audit_statement *statement, struct buffer *text,
                             struct error *error)
{
    bool is_rotation = statement->new_key_id != NULL;
    buffer_append_format(text, "%s%s\n%llu\n%s\n", is_rotation ? ROTATION_DOMAIN : CHECKPOINT_DOMAIN,
                         statement->chain, (unsigned long long) statement->sequence, statement->previous);
    if (is_rotation)
        buffer_append_format(text, "%s\n%s\n", statement->old_key_id, statement->new_key_id);
    return buffer_check(text, error);
}

bool audit_key_sign(const struct audit_key *key, const struct audit_statement *statement, struct error *error,
                    char signature[static AUDIT_SIGNATURE_BYTES])
{
    unsigned char bytes[ED25519_SIGNATURE_BYTES];
    size_t length = sizeof bytes;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(STATEMENT_BYTES);
    _cleanup_(buffer_done) struct buffer base64 = BUFFER_INIT(AUDIT_SIGNATURE_BYTES);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!append_statement(statement, &text, error))
        return false;
    if (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) != 1 ||
        EVP_DigestSign(context, bytes, &length, (const unsigned char *) text.data, text.length) != 1)
        return error_set_no_memory(error);
    base64_append(&base64, bytes, length);
    if (!buffer_check(&base64, error))
        return false;
    memcpy(signature, buffer_string(&base64), base64.length + 1);
    return true;
}

bool audit_key_verify(const struct audit_key *key, const struct audit_statement *statement,
                      const char *signature, struct error *error)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(STATEMENT_BYTES);
    _cleanup_(buffer_done) struct buffer bytes = BUFFER_INIT(ED25519_SIGNATURE_BYTES);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!base64_decode(signature, strlen(signature), error, &bytes))
        return error_prefix(error, "signature");
    if (!append_statement(statement, &text, error))
        return false;
    if (!context || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) != 1)
        return error_set_no_memory(error);
    if (EVP_DigestVerify(context, (const unsigned char *) bytes.data, bytes.length,
                         (const unsigned char *) text.data, text.length) == 1)
        return true;
    return error_set(error, ERROR_INVALID, "the signature is not one of key %s on this", key->id);
}
