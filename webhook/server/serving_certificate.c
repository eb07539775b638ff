#include "webhook/server/serving_certificate.h"

#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

#define KEY_ID_BYTES 32

/* A GnuTLS failure in our terms. */
static bool set_failure(struct error *error, int failure, const char *what)
{
    if (failure == GNUTLS_E_MEMORY_ERROR)
        return error_set_no_memory(error);
    if (failure == GNUTLS_E_SHORT_MEMORY_BUFFER)
        return error_set(error, ERROR_TOO_LARGE, "%s: more than %d certificates", what,
                         SERVING_CERTIFICATE_CHAIN);
    return error_set(error, ERROR_INVALID, "%s: %s", what, gnutls_strerror(failure));
}

static bool import_chain(struct serving_certificate *certificate, const char *pem, size_t length,
                         struct error *error)
{
    gnutls_datum_t text = {.data = (unsigned char *) (uintptr_t) pem, .size = (unsigned) length};
    unsigned count = SERVING_CERTIFICATE_CHAIN;
    int failure = gnutls_pcert_list_import_x509_raw(certificate->chain, &count, &text, GNUTLS_X509_FMT_PEM,
                                                    GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED |
                                                        GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (failure < 0)
        return set_failure(error, failure, "certificate");
    certificate->chain_length = count;
    return true;
}

static bool import_key(struct serving_certificate *certificate, const char *pem, size_t length,
                       struct error *error)
{
    gnutls_datum_t text = {.data = (unsigned char *) (uintptr_t) pem, .size = (unsigned) length};
    int failure = gnutls_privkey_init(&certificate->key);
    if (failure == 0)
        failure = gnutls_privkey_import_x509_raw(certificate->key, &text, GNUTLS_X509_FMT_PEM, NULL,
                                                 GNUTLS_PKCS_PLAIN);
    if (failure < 0)
        return set_failure(error, failure, "key");
    return true;
}

static int read_key_ids(const struct serving_certificate *certificate, gnutls_pubkey_t public_key,
                        unsigned char of_key[KEY_ID_BYTES], unsigned char of_certificate[KEY_ID_BYTES])
{
    size_t key_size = KEY_ID_BYTES, certificate_size = KEY_ID_BYTES;
    int failure = gnutls_pubkey_import_privkey(public_key, certificate->key, 0, 0);
    if (failure == 0)
        failure = gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size);
    if (failure == 0)
        failure = gnutls_pubkey_get_key_id(certificate->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256,
                                           of_certificate, &certificate_size);
    return failure;
}

static bool check_key_matches(const struct serving_certificate *certificate, struct error *error)
{
    unsigned char of_key[KEY_ID_BYTES], of_certificate[KEY_ID_BYTES];
    gnutls_pubkey_t public_key = NULL;
    int failure = gnutls_pubkey_init(&public_key);
    if (failure == 0)
        failure = read_key_ids(certificate, public_key, of_key, of_certificate);
    gnutls_pubkey_deinit(public_key);
    if (failure < 0)
        return set_failure(error, failure, "key");
    if (memcmp(of_key, of_certificate, sizeof of_key) != 0)
        return error_set(error, ERROR_INVALID, "the key does not belong to the certificate");
    return true;
}

/* A chain is valid as long as all of it is. */
static bool read_validity(struct serving_certificate *certificate, struct error *error)
{
    for (unsigned i = 0; i < certificate->chain_length; i++) {
        gnutls_x509_crt_t crt = NULL;
        int failure = gnutls_pcert_export_x509(&certificate->chain[i], &crt);
        if (failure < 0)
            return set_failure(error, failure, "certificate");
        time_t start = gnutls_x509_crt_get_activation_time(crt);
        time_t end = gnutls_x509_crt_get_expiration_time(crt);
        gnutls_x509_crt_deinit(crt);
        if (start == (time_t) -1 || end == (time_t) -1)
            return error_set(error, ERROR_INVALID, "certificate: its validity cannot be read");
        if (i == 0 || start > certificate->not_before)
            certificate->not_before = start;
        if (i == 0 || end < certificate->not_after)
            certificate->not_after = end;
    }
    return true;
}

bool serving_certificate_check_time(const struct serving_certificate *certificate, time_t now,
                                    struct error *error)
{
    char text[32];
    struct tm calendar;
    if (now < certificate->not_before) {
        strftime(text, sizeof text, "%FT%TZ", gmtime_r(&certificate->not_before, &calendar));
        return error_set(error, ERROR_FAILED_PRECONDITION, "the certificate is not valid before %s", text);
    }
    if (now > certificate->not_after) {
        strftime(text, sizeof text, "%FT%TZ", gmtime_r(&certificate->not_after, &calendar));
        return error_set(error, ERROR_FAILED_PRECONDITION, "the certificate expired at %s", text);
    }
    return true;
}

bool serving_certificate_parse(const char *chain_pem, size_t chain_length, const char *key_pem,
                               size_t key_length, time_t now, struct error *error,
                               struct serving_certificate **result)
{
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate =
        calloc(1, sizeof *certificate);
    if (!certificate)
        return error_set_no_memory(error);
    atomic_init(&certificate->references, 1);
    if (!import_chain(certificate, chain_pem, chain_length, error) ||
        !import_key(certificate, key_pem, key_length, error) || !check_key_matches(certificate, error) ||
        !read_validity(certificate, error))
        return false;
    if (!serving_certificate_check_time(certificate, now, error)) {
        error->code = ERROR_INVALID;
        return false;
    }
    *result = take_pointer(&certificate);
    return true;
}

struct serving_certificate *serving_certificate_reference(struct serving_certificate *certificate)
{
    atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
    return certificate;
}

void serving_certificate_release(struct serving_certificate *certificate)
{
    if (!certificate || atomic_fetch_sub_explicit(&certificate->references, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < certificate->chain_length; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    if (certificate->key)
        gnutls_privkey_deinit(certificate->key);
    free(certificate);
}
