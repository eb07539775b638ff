#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void signs_and_verifies_with_every_pair_of_algorithms(void **state)
{
    (void) state;
    static const enum key_algorithm algorithms[] = {KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_ED25519,
                                                    KEY_RSA_3072};
    struct error error;
    struct certificate_names names = {0};
    assert_true(certificate_names_add(&names, FIXTURE_HOST, &error));
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        struct authority authority = {0};
        assert_true(issue_authority(algorithms[i], FIXTURE_NOW, FIXTURE_DAY, &error, &authority));
        _cleanup_(certificate_list_freep) certificate_list *roots = certs_fixture_list(authority.certificate);
        for (size_t j = 0; j < sizeof algorithms / sizeof *algorithms; j++) {
            _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
            _cleanup_(X509_freep) X509 *leaf = NULL;
            assert_true(key_generate(algorithms[j], &error, &key));
            assert_true(issue_server(&authority, key, &names, FIXTURE_NOW, 3600, &error, &leaf));
            _cleanup_(certificate_list_freep) certificate_list *chain = certs_fixture_list(leaf);
            assert_true(certificate_verify(chain, roots, FIXTURE_HOST, FIXTURE_NOW, &error));
        }
        authority_done(&authority);
    }
    certificate_names_done(&names);
}

static void is_backdated_within_its_authority(void **state)
{
    (void) state;
    struct error error;
    time_t start = 0, end = 0;
    struct authorities authorities = certs_fixture_authorities();
    assert_true(certificate_read_validity(authorities.current.certificate, &error, &start, &end));
    assert_int_equal(start, FIXTURE_NOW - ISSUE_BACKDATE_S);
    assert_int_equal(end, FIXTURE_NOW + 365 * FIXTURE_DAY);
    struct leaf late = certs_fixture_leaf(&authorities, end - 1);
    assert_int_equal(late.not_after, end);
    assert_true(certificate_read_validity(sk_X509_value(late.chain, 0), &error, &start, &end));
    assert_int_equal(start, end - 1 - ISSUE_BACKDATE_S);
    struct leaf early = certs_fixture_leaf(&authorities, FIXTURE_NOW - 100);
    assert_true(certificate_read_validity(sk_X509_value(early.chain, 0), &error, &start, &end));
    assert_int_equal(start, FIXTURE_NOW - ISSUE_BACKDATE_S);
    leaf_done(&early);
    leaf_done(&late);
    authorities_done(&authorities);
}

static void does_not_sign_outside_the_authoritys_life(void **state)
{
    (void) state;
    static const time_t moments[] = {FIXTURE_NOW - ISSUE_BACKDATE_S - 1, FIXTURE_NOW + 365 * FIXTURE_DAY};
    struct error error;
    struct certificate_names names = {0};
    struct authorities authorities = certs_fixture_authorities();
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        X509 *certificate = NULL;
        assert_false(issue_server(&authorities.current, authorities.current.key, &names, moments[i], 3600,
                                  &error, &certificate));
        assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
        assert_null(certificate);
    }
    authorities_done(&authorities);
}

static void reaches_past_2050(void **state)
{
    (void) state;
    struct error error;
    time_t start = 0, end = 0, life = 100 * 365 * FIXTURE_DAY;
    struct authority authority = {0};
    assert_true(issue_authority(KEY_ECDSA_P256, FIXTURE_NOW, life, &error, &authority));
    assert_true(certificate_read_validity(authority.certificate, &error, &start, &end));
    assert_int_equal(end, FIXTURE_NOW + life);
    authority_done(&authority);
}

static void gives_every_certificate_another_serial_and_every_authority_another_name(void **state)
{
    (void) state;
    struct authorities first = certs_fixture_authorities(), second = certs_fixture_authorities();
    X509 *one = first.current.certificate, *other = second.current.certificate;
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(one), X509_get0_serialNumber(other)), 0);
    assert_int_not_equal(X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(other)), 0);
    assert_true(issue_is_own_authority(one));
    authorities_done(&first);
    authorities_done(&second);
}

static void tells_its_own_authorities_from_what_they_sign(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    struct leaf leaf = certs_fixture_leaf(&authorities, FIXTURE_NOW);
    assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, FIXTURE_DAY, &error));
    assert_false(issue_is_own_authority(sk_X509_value(leaf.chain, 0)));
    assert_false(issue_is_own_authority(authorities.next_cross));
    assert_true(issue_is_own_authority(authorities.next.certificate));
    leaf_done(&leaf);
    authorities_done(&authorities);
}

static void makes_clients_that_are_no_servers(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(X509_freep) X509 *client = NULL;
    assert_true(issue_client(&authorities.current, authorities.current.key, "kube-apiserver", FIXTURE_NOW,
                             3600, &error, &client));
    _cleanup_(certificate_list_freep) certificate_list *chain = certs_fixture_list(client);
    _cleanup_(certificate_list_freep) certificate_list *roots =
        certs_fixture_list(authorities.current.certificate);
    assert_false(certificate_verify(chain, roots, NULL, FIXTURE_NOW, &error));
    char name[66];
    memset(name, 'a', 65);
    name[64] = '\0';
    X509_free(take_pointer(&client));
    assert_true(issue_client(&authorities.current, authorities.current.key, name, FIXTURE_NOW, 3600, &error,
                             &client));
    name[64] = 'a';
    name[65] = '\0';
    X509 *longer = NULL;
    assert_false(issue_client(&authorities.current, authorities.current.key, name, FIXTURE_NOW, 3600, &error,
                              &longer));
    assert_int_equal(error.code, ERROR_INVALID);
    authorities_done(&authorities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies_with_every_pair_of_algorithms),
        cmocka_unit_test(is_backdated_within_its_authority),
        cmocka_unit_test(does_not_sign_outside_the_authoritys_life),
        cmocka_unit_test(reaches_past_2050),
        cmocka_unit_test(gives_every_certificate_another_serial_and_every_authority_another_name),
        cmocka_unit_test(tells_its_own_authorities_from_what_they_sign),
        cmocka_unit_test(makes_clients_that_are_no_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
