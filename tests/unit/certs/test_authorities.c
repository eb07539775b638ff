#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void prepare(struct authorities *authorities, time_t now)
{
    struct error error;
    assert_true(authorities_prepare(authorities, KEY_ECDSA_P256, now, 365 * FIXTURE_DAY, &error));
}

static void promote(struct authorities *authorities, time_t now)
{
    struct error error;
    assert_true(authorities_promote(authorities, now, now + 7 * FIXTURE_DAY, &error));
}

static void rotates_in_steps_without_a_gap(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    X509 *first = authorities.current.certificate;
    X509_up_ref(first);
    prepare(&authorities, FIXTURE_NOW);
    assert_ptr_equal(authorities.current.certificate, first);
    assert_true(authorities_contain(&authorities, authorities.next.certificate));
    X509 *second = authorities.next.certificate;
    promote(&authorities, FIXTURE_NOW);
    assert_ptr_equal(authorities.current.certificate, second);
    assert_null(authorities.next.certificate);
    assert_true(authorities_contain(&authorities, first));
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    assert_true(authorities_make_bundle(&authorities, &error, &bundle));
    assert_int_equal(sk_X509_num(bundle), 2);
    assert_int_equal(authorities_drop(&authorities, FIXTURE_NOW + 7 * FIXTURE_DAY - 1), 0);
    assert_int_equal(authorities_drop(&authorities, FIXTURE_NOW + 7 * FIXTURE_DAY), 1);
    assert_false(authorities_contain(&authorities, first));
    X509_free(first);
    authorities_done(&authorities);
}

static void is_verified_by_every_older_bundle(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(certificate_list_freep) certificate_list *first =
        certs_fixture_list(authorities.current.certificate);
    for (int i = 0; i < 3; i++) {
        prepare(&authorities, FIXTURE_NOW);
        promote(&authorities, FIXTURE_NOW);
        struct leaf leaf = certs_fixture_leaf(&authorities, FIXTURE_NOW);
        _cleanup_(certificate_list_freep) certificate_list *own =
            certs_fixture_list(authorities.current.certificate);
        assert_int_equal(sk_X509_num(leaf.chain), 2 + i);
        assert_true(certificate_verify(leaf.chain, first, FIXTURE_HOST, FIXTURE_NOW, &error));
        assert_true(certificate_verify(leaf.chain, own, FIXTURE_HOST, FIXTURE_NOW, &error));
        leaf_done(&leaf);
    }
    authorities_done(&authorities);
}

static void bounds_the_cross_certificates(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    for (int i = 0; i < AUTHORITIES_CROSS_MAXIMUM; i++) {
        prepare(&authorities, FIXTURE_NOW);
        promote(&authorities, FIXTURE_NOW);
    }
    assert_int_equal(sk_X509_num(authorities.cross), AUTHORITIES_CROSS_MAXIMUM);
    prepare(&authorities, FIXTURE_NOW);
    promote(&authorities, FIXTURE_NOW);
    assert_int_equal(sk_X509_num(authorities.cross), AUTHORITIES_CROSS_MAXIMUM);
    authorities_done(&authorities);
}

static void leaves_out_cross_certificates_that_are_about_to_end(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    time_t later = FIXTURE_NOW + 300 * FIXTURE_DAY, end = FIXTURE_NOW + 365 * FIXTURE_DAY;
    prepare(&authorities, later);
    promote(&authorities, later);
    struct leaf during = certs_fixture_leaf(&authorities, end - FIXTURE_CROSS_LIFE_S - 1);
    struct leaf after = certs_fixture_leaf(&authorities, end - FIXTURE_CROSS_LIFE_S);
    assert_int_equal(sk_X509_num(during.chain), 2);
    assert_int_equal(sk_X509_num(after.chain), 1);
    leaf_done(&during);
    leaf_done(&after);
    authorities_done(&authorities);
}

static void renews_before_a_cross_certificate_ends(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    time_t later = FIXTURE_NOW + 300 * FIXTURE_DAY, end = FIXTURE_NOW + 365 * FIXTURE_DAY;
    time_t renewed_after = 7 * FIXTURE_DAY * 2 / 3;
    prepare(&authorities, later);
    promote(&authorities, later);
    struct leaf early = certs_fixture_leaf(&authorities, end - FIXTURE_CROSS_LIFE_S - renewed_after);
    struct leaf late = certs_fixture_leaf(&authorities, end - FIXTURE_CROSS_LIFE_S - renewed_after + 1);
    assert_int_equal(early.renewal, end - FIXTURE_CROSS_LIFE_S);
    assert_int_equal(late.renewal, end - FIXTURE_CROSS_LIFE_S);
    struct leaf last = certs_fixture_leaf(&authorities, late.renewal);
    assert_int_equal(last.renewal, late.renewal + renewed_after);
    leaf_done(&early);
    leaf_done(&late);
    leaf_done(&last);
    authorities_done(&authorities);
}

static void is_renewed_in_time_and_when_the_clock_goes_back(void **state)
{
    (void) state;
    struct leaf none = {0};
    struct authorities authorities = certs_fixture_authorities();
    time_t later = FIXTURE_NOW + FIXTURE_DAY;
    struct leaf leaf = certs_fixture_leaf(&authorities, later);
    assert_true(leaf_is_due(&none, 0));
    assert_false(leaf_is_due(&leaf, later));
    assert_false(leaf_is_due(&leaf, leaf.renewal - 1));
    assert_true(leaf_is_due(&leaf, leaf.renewal));
    assert_false(leaf_is_due(&leaf, later - ISSUE_BACKDATE_S));
    assert_true(leaf_is_due(&leaf, later - ISSUE_BACKDATE_S - 1));
    leaf_done(&leaf);
    authorities_done(&authorities);
}

static void replaces_an_authority_that_has_expired(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    time_t later = FIXTURE_NOW + 400 * FIXTURE_DAY;
    prepare(&authorities, later);
    assert_null(authorities.next_cross);
    promote(&authorities, later);
    assert_int_equal(sk_X509_num(authorities.cross), 0);
    assert_int_equal(authorities_drop(&authorities, later), 1);
    authorities_done(&authorities);
}

static void bounds_the_retired(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    for (int i = 0; i < AUTHORITIES_RETIRED_MAXIMUM; i++) {
        prepare(&authorities, FIXTURE_NOW);
        promote(&authorities, FIXTURE_NOW);
    }
    prepare(&authorities, FIXTURE_NOW);
    X509 *current = authorities.current.certificate, *next = authorities.next.certificate;
    assert_false(authorities_promote(&authorities, FIXTURE_NOW, FIXTURE_NOW + 1, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_ptr_equal(authorities.current.certificate, current);
    assert_ptr_equal(authorities.next.certificate, next);
    authorities_drop(&authorities, FIXTURE_NOW + 7 * FIXTURE_DAY);
    assert_true(authorities_promote(&authorities, FIXTURE_NOW, FIXTURE_NOW + 1, &error));
    authorities_done(&authorities);
}

static void refuses_steps_out_of_order(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    assert_false(authorities_promote(&authorities, FIXTURE_NOW, FIXTURE_NOW + 1, &error));
    assert_int_equal(error.code, ERROR_FAILED_PRECONDITION);
    prepare(&authorities, FIXTURE_NOW);
    assert_false(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, FIXTURE_DAY, &error));
    assert_int_equal(error.code, ERROR_ALREADY_EXISTS);
    authorities_done(&authorities);
}

static void keeps_an_authority_that_only_others_know(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities(), other = certs_fixture_authorities();
    X509 *foreign = other.current.certificate;
    assert_true(authorities_retire(&authorities, foreign, FIXTURE_NOW + 10, &error));
    assert_true(authorities_retire(&authorities, foreign, FIXTURE_NOW + 99, &error));
    assert_true(authorities_retire(&authorities, authorities.current.certificate, FIXTURE_NOW, &error));
    assert_int_equal(authorities.retired_count, 1);
    assert_int_equal(authorities.retired[0].until, FIXTURE_NOW + 10);
    authorities_done(&authorities);
    authorities_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotates_in_steps_without_a_gap),
        cmocka_unit_test(is_verified_by_every_older_bundle),
        cmocka_unit_test(bounds_the_cross_certificates),
        cmocka_unit_test(leaves_out_cross_certificates_that_are_about_to_end),
        cmocka_unit_test(renews_before_a_cross_certificate_ends),
        cmocka_unit_test(is_renewed_in_time_and_when_the_clock_goes_back),
        cmocka_unit_test(replaces_an_authority_that_has_expired),
        cmocka_unit_test(bounds_the_retired),
        cmocka_unit_test(refuses_steps_out_of_order),
        cmocka_unit_test(keeps_an_authority_that_only_others_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
