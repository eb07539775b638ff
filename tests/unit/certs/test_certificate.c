#include "tests/unit/certs/certs_fixture.h"
#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct authorities authorities;

static int set_up(void **state)
{
    (void) state;
    authorities = certs_fixture_authorities();
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    authorities_done(&authorities);
    return 0;
}

static void expect_refused(const char *pem, size_t length, enum error_code code, const char *part)
{
    struct error error;
    certificate_list *list = NULL;
    assert_false(certificate_list_parse(pem, length, &error, &list));
    assert_null(list);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

/* The certificate with its DER changed by `change`, as PEM. */
static char *changed_pem(void (*change)(unsigned char *der, int length), int extra)
{
    unsigned char *der = NULL;
    int length = i2d_X509(authorities.current.certificate, &der);
    assert_true(length > 0);
    unsigned char *copy = calloc(1, (size_t) length + (size_t) extra);
    memcpy(copy, der, (size_t) length);
    if (change)
        change(copy, length);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, "CERTIFICATE", "", copy, length + extra) > 0);
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t) size);
    BIO_free(bio);
    free(copy);
    OPENSSL_free(der);
    return pem;
}

static void reads_a_list_with_text_between(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    buffer_append_format(&text, "# first\n%s# second\n%s# end\n", pem, pem);
    assert_true(certificate_list_parse(buffer_string(&text), text.length, &error, &list));
    assert_int_equal(sk_X509_num(list), 2);
    assert_true(certificate_list_contains(list, authorities.current.certificate));
}

static void refuses_what_is_no_certificate(void **state)
{
    (void) state;
    expect_refused("", 0, ERROR_INVALID, "no certificate");
    expect_refused("hello", 5, ERROR_INVALID, "no certificate");
    static const char key[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    expect_refused(key, sizeof key - 1, ERROR_INVALID, "another kind: PRIVATE KEY");
}

static void refuses_a_certificate_cut_off_anywhere(void **state)
{
    (void) state;
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    size_t marker = strlen("-----BEGIN");
    for (size_t length = marker; length + 2 < strlen(pem); length += 3)
        expect_refused(pem, length, ERROR_INVALID, "certificate 1");
}

static void break_length(unsigned char *der, int length)
{
    (void) length;
    der[1] = 0x84;
}

static void nest_deeply(unsigned char *der, int length)
{
    for (int i = 0; i + 1 < length; i += 2) {
        der[i] = 0x30;
        der[i + 1] = 0x80;
    }
}

static void refuses_hostile_der(void **state)
{
    (void) state;
    void (*const changes[])(unsigned char *, int) = {break_length, nest_deeply};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        _cleanup_(freep) char *pem = changed_pem(changes[i], 0);
        expect_refused(pem, strlen(pem), ERROR_INVALID, "certificate 1: not readable");
    }
    _cleanup_(freep) char *longer = changed_pem(NULL, 5);
    expect_refused(longer, strlen(longer), ERROR_INVALID, "bytes behind its end");
}

static void spoil_signature(unsigned char *der, int length)
{
    der[length - 1] ^= 1;
}

static void refuses_an_authority_with_a_spoilt_signature(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *pem = changed_pem(spoil_signature, 0);
    _cleanup_(X509_freep) X509 *certificate = NULL;
    assert_true(certificate_parse(pem, strlen(pem), &error, &certificate));
    assert_false(certificate_check_authority(certificate, &error));
    assert_int_equal(error.code, ERROR_INVALID);
}

static void bounds_the_number_and_the_text(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(2 * CERTIFICATE_PEM_BYTES);
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    for (int i = 0; i < CERTIFICATE_LIST_MAXIMUM; i++)
        buffer_append_string(&text, pem);
    assert_true(certificate_list_parse(buffer_string(&text), text.length, &error, &list));
    while (text.length < CERTIFICATE_PEM_BYTES)
        buffer_append_character(&text, '\n');
    certificate_list_free(take_pointer(&list));
    assert_true(certificate_list_parse(buffer_string(&text), CERTIFICATE_PEM_BYTES, &error, &list));
    buffer_append_character(&text, '\n');
    expect_refused(buffer_string(&text), CERTIFICATE_PEM_BYTES + 1, ERROR_TOO_LARGE, "larger");
    buffer_clear(&text);
    for (int i = 0; i <= CERTIFICATE_LIST_MAXIMUM; i++)
        buffer_append_string(&text, pem);
    expect_refused(buffer_string(&text), text.length, ERROR_TOO_LARGE, "more than 32");
}

static void takes_exactly_one(void **state)
{
    (void) state;
    struct error error;
    X509 *certificate = NULL;
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    buffer_append_format(&text, "%s%s", pem, pem);
    assert_false(certificate_parse(buffer_string(&text), text.length, &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
}

static void tells_a_key_that_belongs_to_another(void **state)
{
    (void) state;
    struct error error;
    struct authorities other = certs_fixture_authorities();
    assert_true(certificate_check_key(authorities.current.certificate, authorities.current.key, &error));
    assert_false(certificate_check_key(authorities.current.certificate, other.current.key, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    authorities_done(&other);
}

static void verifies_as_a_client_would(void **state)
{
    (void) state;
    struct error error;
    struct authorities other = certs_fixture_authorities();
    struct leaf leaf = certs_fixture_leaf(&authorities, FIXTURE_NOW);
    _cleanup_(certificate_list_freep) certificate_list *roots =
        certs_fixture_list(authorities.current.certificate);
    _cleanup_(certificate_list_freep) certificate_list *others =
        certs_fixture_list(other.current.certificate);
    assert_true(certificate_verify(leaf.chain, roots, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_true(certificate_verify(leaf.chain, roots, NULL, leaf.not_after - 1, &error));
    assert_false(certificate_verify(leaf.chain, others, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
    assert_false(certificate_verify(leaf.chain, NULL, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_false(certificate_verify(leaf.chain, roots, "other.openshell.svc", FIXTURE_NOW, &error));
    assert_false(certificate_verify(leaf.chain, roots, FIXTURE_HOST, leaf.not_after + 1, &error));
    assert_non_null(strstr(error.message, "expired"));
    leaf_done(&leaf);
    authorities_done(&other);
}

static void has_the_fingerprint_of_its_bytes(void **state)
{
    (void) state;
    struct error error;
    char hex[CERTIFICATE_FINGERPRINT_BYTES], again[CERTIFICATE_FINGERPRINT_BYTES];
    struct authorities other = certs_fixture_authorities();
    assert_true(certificate_read_fingerprint(authorities.current.certificate, &error, hex));
    assert_int_equal(strlen(hex), CERTIFICATE_FINGERPRINT_BYTES - 1);
    assert_true(certificate_read_fingerprint(other.current.certificate, &error, again));
    assert_string_not_equal(hex, again);
    authorities_done(&other);
}

static void time_is_checked_to_the_second(void **state)
{
    (void) state;
    struct error error;
    time_t start = 0, end = 0;
    const X509 *certificate = authorities.current.certificate;
    assert_true(certificate_read_validity(certificate, &error, &start, &end));
    assert_true(certificate_check_time(certificate, start, 0, "it", &error));
    assert_false(certificate_check_time(certificate, start - 1, 0, "it", &error));
    assert_string_equal(error.message, "it is not valid yet");
    assert_true(certificate_check_time(certificate, end - 1, 0, "it", &error));
    assert_false(certificate_check_time(certificate, end, 0, "it", &error));
    assert_string_equal(error.message, "it has expired");
    assert_true(certificate_check_time(certificate, end - 2 * FIXTURE_DAY, 2 * FIXTURE_DAY, "it", &error));
    assert_false(
        certificate_check_time(certificate, end - 2 * FIXTURE_DAY + 1, 2 * FIXTURE_DAY, "it", &error));
    assert_string_equal(error.message, "it expires in 1 day");
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
}

static void says_how_much_time_is_left_in_the_largest_unit_that_it_fills(void **state)
{
    (void) state;
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    static const struct {
        time_t left_s;
        const char *message;
    } cases[] = {
        {7 * DAY - 1, "it expires in 6 days"},
        {2 * DAY, "it expires in 2 days"},
        {2 * DAY - 1, "it expires in 1 day"},
        {DAY, "it expires in 1 day"},
        {DAY - 1, "it expires in 23 hours"},
        {2 * HOUR, "it expires in 2 hours"},
        {2 * HOUR - 1, "it expires in 1 hour"},
        {HOUR, "it expires in 1 hour"},
        {HOUR - 1, "it expires in 59 minutes"},
        {MINUTE, "it expires in 1 minute"},
        {MINUTE - 1, "it expires in 59 seconds"},
        {1, "it expires in 1 second"},
        {0, "it has expired"},
    };
    struct error error;
    time_t start = 0, end = 0;
    const X509 *certificate = authorities.current.certificate;
    assert_true(certificate_read_validity(certificate, &error, &start, &end));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(certificate_check_time(certificate, end - cases[i].left_s, 7 * DAY, "it", &error));
        assert_string_equal(error.message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_list_with_text_between),
        cmocka_unit_test(refuses_what_is_no_certificate),
        cmocka_unit_test(refuses_a_certificate_cut_off_anywhere),
        cmocka_unit_test(refuses_hostile_der),
        cmocka_unit_test(refuses_an_authority_with_a_spoilt_signature),
        cmocka_unit_test(bounds_the_number_and_the_text),
        cmocka_unit_test(takes_exactly_one),
        cmocka_unit_test(tells_a_key_that_belongs_to_another),
        cmocka_unit_test(verifies_as_a_client_would),
        cmocka_unit_test(has_the_fingerprint_of_its_bytes),
        cmocka_unit_test(time_is_checked_to_the_second),
        cmocka_unit_test(says_how_much_time_is_left_in_the_largest_unit_that_it_fills),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
