#include "certs/certificate.h"

#include "certs/bio.h"
#include "certs/openssl_failure.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* "36500 days", with room to spare. */
#define DURATION_BYTES 40

/* ASN1_TIME_to_tm's calendar in UTC. */
static bool read_time(const ASN1_TIME *time, time_t *moment)
{
    struct tm calendar = {0};
    if (!time || ASN1_TIME_to_tm(time, &calendar) != 1)
        return false;
    *moment = timegm(&calendar);
    return true;
}

void certificate_list_free(certificate_list *list)
{
    sk_X509_pop_free(list, X509_free);
}

bool certificate_list_add(certificate_list *list, X509 *certificate, struct error *error)
{
    if (X509_add_cert(list, certificate, X509_ADD_FLAG_UP_REF) != 1)
        return openssl_set_failure(error, ERROR_NO_MEMORY, "certificate list");
    return true;
}

bool certificate_list_contains(const certificate_list *list, const X509 *certificate)
{
    for (int i = 0; list && i < sk_X509_num(list); i++)
        if (X509_cmp(sk_X509_value(list, i), certificate) == 0)
            return true;
    return false;
}

/* Reads the content of one PEM block. */
static bool add_block(certificate_list *list, const char *name, const unsigned char *data, long length,
                      struct error *error)
{
    int number = sk_X509_num(list) + 1;
    if (strcmp(name, PEM_STRING_X509) != 0)
        return error_set(error, ERROR_INVALID, "certificate %d: a block of another kind: %.40s", number,
                         name);
    if (number > CERTIFICATE_LIST_MAXIMUM)
        return error_set(error, ERROR_TOO_LARGE, "more than %d certificates", CERTIFICATE_LIST_MAXIMUM);
    const unsigned char *end = data;
    _cleanup_(X509_freep) X509 *certificate = d2i_X509(NULL, &end, length);
    if (!certificate) {
        openssl_set_failure(error, ERROR_INVALID, "not readable as X.509");
        return error_prefix(error, "certificate %d", number);
    }
    if (end != data + length)
        return error_set(error, ERROR_INVALID, "certificate %d: bytes behind its end", number);
    return certificate_list_add(list, certificate, error);
}

/* Reads blocks until none begins any more. */
static bool add_blocks(certificate_list *list, BIO *bio, struct error *error)
{
    while (bio_has_more_pem(bio)) {
        char *name = NULL, *header = NULL;
        unsigned char *data = NULL;
        long length = 0;
        if (PEM_read_bio(bio, &name, &header, &data, &length) != 1) {
            openssl_set_failure(error, ERROR_INVALID, "a PEM block that is cut off or damaged");
            return error_prefix(error, "certificate %d", sk_X509_num(list) + 1);
        }
        bool is_added = add_block(list, name, data, length, error);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t) length);
        if (!is_added)
            return false;
    }
    return true;
}

bool certificate_list_parse(const char *pem, size_t length, struct error *error, certificate_list **result)
{
    if (length > CERTIFICATE_PEM_BYTES)
        return error_set(error, ERROR_TOO_LARGE, "larger than %u bytes", CERTIFICATE_PEM_BYTES);
    _cleanup_(certificate_list_freep) certificate_list *list = sk_X509_new_null();
    _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(pem, (int) length);
    if (!list || !bio)
        return error_set_no_memory(error);
    if (!add_blocks(list, bio, error))
        return false;
    if (sk_X509_num(list) == 0)
        return error_set(error, ERROR_INVALID, "no certificate in PEM");
    *result = take_pointer(&list);
    return true;
}

bool certificate_parse(const char *pem, size_t length, struct error *error, X509 **certificate)
{
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    if (!certificate_list_parse(pem, length, error, &list))
        return false;
    if (sk_X509_num(list) != 1)
        return error_set(error, ERROR_INVALID, "%d certificates where one belongs", sk_X509_num(list));
    *certificate = sk_X509_pop(list);
    return true;
}

bool certificate_append_pem(X509 *certificate, struct error *error, struct buffer *pem)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    if (!bio)
        return error_set_no_memory(error);
    if (PEM_write_bio_X509(bio, certificate) != 1)
        return openssl_set_failure(error, ERROR_NO_MEMORY, "cannot write a certificate as PEM");
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    buffer_append(pem, text, (size_t) length);
    return buffer_check(pem, error);
}

bool certificate_list_append_pem(const certificate_list *list, struct error *error, struct buffer *pem)
{
    for (int i = 0; list && i < sk_X509_num(list); i++)
        if (!certificate_append_pem(sk_X509_value(list, i), error, pem))
            return false;
    return true;
}

bool certificate_read_validity(const X509 *certificate, struct error *error, time_t *not_before,
                               time_t *not_after)
{
    time_t start = 0, end = 0;
    if (!read_time(X509_get0_notBefore(certificate), &start) ||
        !read_time(X509_get0_notAfter(certificate), &end))
        return openssl_set_failure(error, ERROR_INVALID, "certificate: its dates cannot be read");
    *not_before = start;
    *not_after = end;
    return true;
}

/* "6 days", "23 hours", "1 minute": in the largest unit that it fills, rounded down; at least a second. */
static void format_duration(time_t duration_s, char text[static DURATION_BYTES])
{
    static const struct {
        const char *name;
        time_t length_s;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    size_t unit = 0;
    while (duration_s < units[unit].length_s)
        unit++;
    long long count = duration_s / units[unit].length_s;
    snprintf(text, DURATION_BYTES, "%lld %s%s", count, units[unit].name, count == 1 ? "" : "s");
}

bool certificate_check_time(const X509 *certificate, time_t now, time_t margin_s, const char *what,
                            struct error *error)
{
    time_t start = 0, end = 0;
    if (!certificate_read_validity(certificate, error, &start, &end))
        return false;
    if (now < start)
        return error_set(error, ERROR_FAILED_PRECONDITION, "%s is not valid yet", what);
    if (now >= end)
        return error_set(error, ERROR_FAILED_PRECONDITION, "%s has expired", what);
    if (end - now >= margin_s)
        return true;
    char left[DURATION_BYTES];
    format_duration(end - now, left);
    return error_set(error, ERROR_FAILED_PRECONDITION, "%s expires in %s", what, left);
}

bool certificate_read_fingerprint(const X509 *certificate, struct error *error,
                                  char hex[static CERTIFICATE_FINGERPRINT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        return openssl_set_failure(error, ERROR_INTERNAL, "cannot make the certificate's SHA-256");
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * length] = '\0';
    return true;
}

bool certificate_check_key(const X509 *certificate, const EVP_PKEY *key, struct error *error)
{
    if (X509_check_private_key(certificate, key) == 1)
        return true;
    ERR_clear_error();
    return error_set(error, ERROR_INVALID, "the key does not belong to the certificate");
}

bool certificate_check_authority(X509 *certificate, struct error *error)
{
    if (X509_check_ca(certificate) != 1 || !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
        return error_set(error, ERROR_INVALID, "the certificate may not sign others");
    if (X509_self_signed(certificate, 1) == 1)
        return true;
    ERR_clear_error();
    return error_set(error, ERROR_INVALID, "the certificate is not signed by itself");
}

static bool prepare(X509_STORE_CTX *context, X509_STORE *store, const certificate_list *chain,
                    const certificate_list *roots, const char *host, time_t now)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_get0_param(store);
    for (int i = 0; roots && i < sk_X509_num(roots); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(roots, i)) != 1)
            return false;
    X509_VERIFY_PARAM_set_time(parameters, now);
    return X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER) == 1 &&
           (!host || X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1) &&
           X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0),
                               (certificate_list *) (uintptr_t) chain);
}

bool certificate_verify(const certificate_list *chain, const certificate_list *roots, const char *host,
                        time_t now, struct error *error)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool is_prepared = store && context && prepare(context, store, chain, roots, host, now);
    bool is_verified = is_prepared && X509_verify_cert(context) == 1;
    if (!is_prepared)
        openssl_set_failure(error, ERROR_NO_MEMORY, "cannot verify a certificate");
    else if (!is_verified)
        error_set(error, ERROR_FAILED_PRECONDITION, "%s",
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    ERR_clear_error();
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return is_verified;
}
