#include "tests/support/certificates.h"
#include "webhook/server/serving_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *chain, const char *key, time_t now, struct error *error,
                  struct serving_certificate **certificate)
{
    return serving_certificate_parse(chain, strlen(chain), key, strlen(key), now, error, certificate);
}

static void takes_a_certificate_with_its_key(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    time_t now = time(NULL);
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = NULL;
    test_certificate_make(&(struct test_certificate_options){.not_before = now - 100, .not_after = now + 100},
                          &made);
    assert_true(parse(made.certificate, made.key, now, &error, &certificate));
    assert_int_equal(certificate->chain_length, 1);
    assert_int_equal(certificate->not_before, now - 100);
    assert_int_equal(certificate->not_after, now + 100);
}

static void is_valid_as_long_as_its_whole_chain(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate authority, leaf;
    time_t now = time(NULL);
    char chain[2 * CERTIFICATE_TEXT_BYTES];
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = NULL;
    test_certificate_make(
        &(struct test_certificate_options){
            .common_name = "authority", .is_authority = true, .not_before = now - 10, .not_after = now + 10},
        &authority);
    test_certificate_make(&(struct test_certificate_options){.issuer = &authority}, &leaf);
    snprintf(chain, sizeof chain, "%s%s", leaf.certificate, authority.certificate);
    assert_true(parse(chain, leaf.key, now, &error, &certificate));
    assert_int_equal(certificate->chain_length, 2);
    assert_int_equal(certificate->not_before, now - 10);
    assert_int_equal(certificate->not_after, now + 10);
}

static void refuses_a_key_of_another_certificate(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate one, other;
    struct serving_certificate *certificate = NULL;
    test_certificate_make(&(struct test_certificate_options){0}, &one);
    test_certificate_make(&(struct test_certificate_options){0}, &other);
    assert_false(parse(one.certificate, other.key, time(NULL), &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, "the key does not belong to the certificate");
    assert_null(certificate);
}

static void refuses_one_that_expired_or_is_not_valid_yet(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    struct serving_certificate *certificate = NULL;
    time_t now = time(NULL);
    test_certificate_make(&(struct test_certificate_options){.not_before = now - 5, .not_after = now + 5},
                          &made);
    assert_false(parse(made.certificate, made.key, now + 6, &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "expired at 20"));
    assert_false(parse(made.certificate, made.key, now - 6, &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "not valid before 20"));
    assert_null(certificate);
}

static void is_valid_to_the_second(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    time_t now = time(NULL);
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = NULL;
    test_certificate_make(&(struct test_certificate_options){.not_before = now - 5, .not_after = now + 5},
                          &made);
    assert_true(parse(made.certificate, made.key, now, &error, &certificate));
    assert_true(serving_certificate_check_time(certificate, now - 5, &error));
    assert_false(serving_certificate_check_time(certificate, now - 6, &error));
    assert_true(serving_certificate_check_time(certificate, now + 5, &error));
    assert_false(serving_certificate_check_time(certificate, now + 6, &error));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
}

static void refuses_what_is_no_pem(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    struct serving_certificate *certificate = NULL;
    char cut[CERTIFICATE_TEXT_BYTES];
    test_certificate_make(&(struct test_certificate_options){0}, &made);
    snprintf(cut, sizeof cut, "%.200s", made.certificate);
    const char *const wrong[] = {"", "no certificate", cut, made.key};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(parse(wrong[i], made.key, time(NULL), &error, &certificate));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_int_equal(strncmp(error.message, "certificate: ", 13), 0);
    }
    assert_false(parse(made.certificate, made.certificate, time(NULL), &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_int_equal(strncmp(error.message, "key: ", 5), 0);
}

/* A leaf with `length` - 1 authorities above it, as one text. */
static void make_chain(size_t length, char *text, size_t size, struct test_certificate *leaf)
{
    struct test_certificate made[SERVING_CERTIFICATE_CHAIN + 1];
    text[0] = '\0';
    for (size_t i = length; i-- > 0;) {
        char name[32];
        snprintf(name, sizeof name, "level-%zu", i);
        test_certificate_make(
            &(struct test_certificate_options){
                .common_name = name, .issuer = i + 1 < length ? &made[i + 1] : NULL, .is_authority = i > 0},
            &made[i]);
    }
    for (size_t i = 0; i < length; i++)
        strncat(text, made[i].certificate, size - strlen(text) - 1);
    *leaf = made[0];
}

static void takes_the_longest_chain_and_none_longer(void **state)
{
    (void) state;
    static char text[(SERVING_CERTIFICATE_CHAIN + 1) * CERTIFICATE_TEXT_BYTES];
    struct error error;
    struct test_certificate leaf;
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = NULL;
    struct serving_certificate *none = NULL;
    make_chain(SERVING_CERTIFICATE_CHAIN, text, sizeof text, &leaf);
    assert_true(parse(text, leaf.key, time(NULL), &error, &certificate));
    make_chain(SERVING_CERTIFICATE_CHAIN + 1, text, sizeof text, &leaf);
    assert_false(parse(text, leaf.key, time(NULL), &error, &none));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

static void refuses_a_chain_out_of_order(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate authority, leaf;
    char chain[2 * CERTIFICATE_TEXT_BYTES];
    struct serving_certificate *certificate = NULL;
    test_certificate_make(
        &(struct test_certificate_options){.common_name = "authority", .is_authority = true}, &authority);
    test_certificate_make(&(struct test_certificate_options){.issuer = &authority}, &leaf);
    snprintf(chain, sizeof chain, "%s%s", authority.certificate, leaf.certificate);
    assert_false(parse(chain, leaf.key, time(NULL), &error, &certificate));
    assert_int_equal(error.code, ERROR_INVALID);
}

static void lives_until_the_last_reference_is_gone(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate made;
    struct serving_certificate *certificate = NULL;
    test_certificate_make(&(struct test_certificate_options){0}, &made);
    assert_true(parse(made.certificate, made.key, time(NULL), &error, &certificate));
    assert_ptr_equal(serving_certificate_reference(certificate), certificate);
    serving_certificate_release(certificate);
    assert_int_equal(certificate->chain_length, 1);
    serving_certificate_release(certificate);
    serving_certificate_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_certificate_with_its_key),
        cmocka_unit_test(is_valid_as_long_as_its_whole_chain),
        cmocka_unit_test(refuses_a_key_of_another_certificate),
        cmocka_unit_test(refuses_one_that_expired_or_is_not_valid_yet),
        cmocka_unit_test(is_valid_to_the_second),
        cmocka_unit_test(refuses_what_is_no_pem),
        cmocka_unit_test(takes_the_longest_chain_and_none_longer),
        cmocka_unit_test(refuses_a_chain_out_of_order),
        cmocka_unit_test(lives_until_the_last_reference_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
