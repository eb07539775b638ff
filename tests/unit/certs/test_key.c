#include "kubernetes/secret.h"
#include "tests/unit/certs/certs_fixture.h"
#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const enum key_algorithm algorithms[] = {KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_ED25519, KEY_RSA_3072,
                                                KEY_RSA_4096};

static void comes_back_from_pem_for_every_algorithm(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        struct error error;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *read = NULL;
        _cleanup_(secret_freep) char *pem = NULL;
        assert_true(key_generate(algorithms[i], &error, &key));
        assert_true(key_print_pem(key, &error, &pem));
        assert_int_equal(strncmp(pem, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
        assert_true(key_parse_pem(pem, strlen(pem), &error, &read));
        assert_int_equal(EVP_PKEY_eq(key, read), 1);
    }
}

static void knows_every_algorithm_by_its_name(void **state)
{
    (void) state;
    struct error error;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        enum key_algorithm algorithm = KEY_RSA_4096;
        assert_true(key_algorithm_parse(key_algorithm_name(algorithms[i]), &error, &algorithm));
        assert_int_equal(algorithm, algorithms[i]);
    }
    enum key_algorithm algorithm;
    assert_false(key_algorithm_parse("rsa-1024", &error, &algorithm));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "ecdsa-p256"));
}

/* Writes a key of any kind as PEM, encrypted with `password` unless that is NULL. */
static char *print_any(EVP_PKEY *key, const char *password)
{
    assert_non_null(key);
    BIO *bio = BIO_new(BIO_s_mem());
    int length = password ? (int) strlen(password) : 0;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_128_cbc() : NULL, password,
                                                   length, NULL, NULL),
                     1);
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t) size);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return pem;
}

static void expect_refused(const char *pem, size_t length, enum error_code code, const char *part)
{
    struct error error;
    EVP_PKEY *key = NULL;
    assert_false(key_parse_pem(pem, length, &error, &key));
    assert_null(key);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

static void refuses_keys_of_other_kinds_and_sizes(void **state)
{
    (void) state;
    const char *weak[] = {
        print_any(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) KEY_RSA_BITS_MINIMUM - 8), NULL),
        print_any(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), NULL),
        print_any(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL),
    };
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        expect_refused(weak[i], strlen(weak[i]), ERROR_INVALID, "not served");
        free((char *) (uintptr_t) weak[i]);
    }
}

static void accepts_the_smallest_rsa_key(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *pem =
        print_any(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) KEY_RSA_BITS_MINIMUM), NULL);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    assert_true(key_parse_pem(pem, strlen(pem), &error, &key));
}

static void refuses_an_encrypted_key_without_asking(void **state)
{
    (void) state;
    _cleanup_(freep) char *pem = print_any(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "secret");
    expect_refused(pem, strlen(pem), ERROR_INVALID, "encrypted");
}

static void refuses_what_is_no_key(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(freep) char *certificate = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(secret_freep) char *pem = NULL;
    struct error error;
    assert_true(key_print_pem(authorities.current.key, &error, &pem));
    expect_refused("", 0, ERROR_INVALID, "no private key");
    expect_refused(certificate, strlen(certificate), ERROR_INVALID, "no private key");
    for (size_t length = 0; length + 2 < strlen(pem); length += 7)
        expect_refused(pem, length, ERROR_INVALID, "no private key");
    authorities_done(&authorities);
}

static void refuses_two_keys(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(secret_freep) char *pem = NULL;
    _cleanup_(buffer_done) struct buffer twice = BUFFER_INIT(KEY_PEM_BYTES);
    assert_true(key_generate(KEY_ECDSA_P256, &error, &key));
    assert_true(key_print_pem(key, &error, &pem));
    buffer_append_string(&twice, pem);
    buffer_append_string(&twice, pem);
    expect_refused(buffer_string(&twice), twice.length, ERROR_INVALID, "follows");
}

static void bounds_the_text(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *read = NULL;
    _cleanup_(secret_freep) char *pem = NULL;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(2 * KEY_PEM_BYTES);
    assert_true(key_generate(KEY_ECDSA_P256, &error, &key));
    assert_true(key_print_pem(key, &error, &pem));
    buffer_append_string(&text, pem);
    while (text.length < KEY_PEM_BYTES)
        buffer_append_character(&text, '\n');
    assert_true(key_parse_pem(buffer_string(&text), KEY_PEM_BYTES, &error, &read));
    buffer_append_character(&text, '\n');
    expect_refused(buffer_string(&text), KEY_PEM_BYTES + 1, ERROR_TOO_LARGE, "larger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_from_pem_for_every_algorithm),
        cmocka_unit_test(knows_every_algorithm_by_its_name),
        cmocka_unit_test(refuses_keys_of_other_kinds_and_sizes),
        cmocka_unit_test(accepts_the_smallest_rsa_key),
        cmocka_unit_test(refuses_an_encrypted_key_without_asking),
        cmocka_unit_test(refuses_what_is_no_key),
        cmocka_unit_test(refuses_two_keys),
        cmocka_unit_test(bounds_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
