#include "tests/unit/kubernetes/fault_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *take_text(BIO *text)
{
    char *data = NULL;
    long length = BIO_get_mem_data(text, &data);
    char *copy = strndup(data, (size_t) length);
    assert_non_null(copy);
    BIO_free(text);
    return copy;
}

static void add_names(X509 *certificate, const char *name)
{
    char names[256];
    snprintf(names, sizeof names, "DNS:%s,IP:127.0.0.1", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct fault_certificate fault_certificate_make(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    add_names(certificate, name);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);

    BIO *certificate_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(certificate_text, certificate), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return (struct fault_certificate){.certificate = take_text(certificate_text), .key = take_text(key_text)};
}

void fault_certificate_done(struct fault_certificate *certificate)
{
    free(certificate->certificate);
    free(certificate->key);
}
