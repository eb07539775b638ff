#include "tests/support/certificates.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600

static gnutls_datum_t as_datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *) (uintptr_t) text, .size = (unsigned) strlen(text)};
}

static void set_usage(gnutls_x509_crt_t certificate, const struct test_certificate_options *options)
{
    if (options->is_authority) {
        assert_int_equal(gnutls_x509_crt_set_basic_constraints(certificate, 1, -1), 0);
        assert_int_equal(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_KEY_CERT_SIGN), 0);
        return;
    }
    assert_int_equal(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), 0);
    assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0), 0);
    if (!options->is_for_servers_only)
        assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0), 0);
}

static void set_names(gnutls_x509_crt_t certificate, const struct test_certificate_options *options)
{
    const char *name = options->common_name ? options->common_name : "test";
    assert_int_equal(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                                   (unsigned) strlen(name)),
                     0);
    if (options->dns_name)
        assert_int_equal(
            gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, options->dns_name,
                                                 (unsigned) strlen(options->dns_name), GNUTLS_FSAN_APPEND),
            0);
    if (options->uri)
        assert_int_equal(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_URI, options->uri,
                                                              (unsigned) strlen(options->uri),
                                                              GNUTLS_FSAN_APPEND),
                         0);
}

static void set_validity(gnutls_x509_crt_t certificate, const struct test_certificate_options *options)
{
    time_t now = time(NULL);
    time_t start = options->not_before ? options->not_before : now - HOUR;
    time_t end = options->not_after ? options->not_after : now + HOUR;
    assert_int_equal(gnutls_x509_crt_set_activation_time(certificate, start), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(certificate, end), 0);
}

static void sign(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key,
                 const struct test_certificate *issuer)
{
    gnutls_x509_crt_t issuer_certificate = certificate;
    gnutls_x509_privkey_t issuer_key = key;
    if (issuer) {
        gnutls_datum_t certificate_text = as_datum(issuer->certificate), key_text = as_datum(issuer->key);
        assert_int_equal(gnutls_x509_crt_init(&issuer_certificate), 0);
        assert_int_equal(gnutls_x509_privkey_init(&issuer_key), 0);
        assert_int_equal(gnutls_x509_crt_import(issuer_certificate, &certificate_text, GNUTLS_X509_FMT_PEM),
                         0);
        assert_int_equal(gnutls_x509_privkey_import(issuer_key, &key_text, GNUTLS_X509_FMT_PEM), 0);
    }
    assert_int_equal(gnutls_x509_crt_sign2(certificate, issuer_certificate, issuer_key, GNUTLS_DIG_SHA256, 0),
                     0);
    if (issuer) {
        gnutls_x509_crt_deinit(issuer_certificate);
        gnutls_x509_privkey_deinit(issuer_key);
    }
}

void test_certificate_make(const struct test_certificate_options *options, struct test_certificate *result)
{
    static unsigned char serial;
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
    size_t certificate_size = sizeof result->certificate, key_size = sizeof result->key;
    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    serial++;
    assert_int_equal(gnutls_x509_crt_set_version(certificate, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(certificate, &serial, sizeof serial), 0);
    assert_int_equal(gnutls_x509_crt_set_key(certificate, key), 0);
    set_names(certificate, options);
    set_validity(certificate, options);
    set_usage(certificate, options);
    sign(certificate, key, options->issuer);
    memset(result, 0, sizeof *result);
    assert_int_equal(
        gnutls_x509_crt_export(certificate, GNUTLS_X509_FMT_PEM, result->certificate, &certificate_size), 0);
    assert_int_equal(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, result->key, &key_size), 0);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
}
