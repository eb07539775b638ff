#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum rotation_step plan(const struct authorities *authorities, uint64_t published_s,
                               uint64_t retired_s, time_t now)
{
    struct error error;
    enum rotation_step step = ROTATION_NONE;
    const struct rotation_policy policy = certs_fixture_policy();
    const struct rotation_sightings sightings = {.next_published_s = published_s,
                                                 .retired_seen_s = retired_s};
    assert_true(rotation_plan(authorities, &policy, &sightings, now, &error, &step));
    return step;
}

static void prepares_in_the_last_third(void **state)
{
    (void) state;
    struct error error;
    time_t start = 0, end = 0;
    struct authorities authorities = certs_fixture_authorities();
    assert_true(certificate_read_validity(authorities.current.certificate, &error, &start, &end));
    time_t third = (end - start) / 3;
    assert_int_equal(plan(&authorities, 0, 0, FIXTURE_NOW), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, 0, end - third), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, 0, end - third + 1), ROTATION_PREPARE);
    assert_int_equal(plan(&authorities, 0, 0, end + FIXTURE_DAY), ROTATION_PREPARE);
    authorities_done(&authorities);
}

static void prepares_when_the_current_one_is_not_valid_yet(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    time_t start = FIXTURE_NOW - ISSUE_BACKDATE_S;
    assert_int_equal(plan(&authorities, 0, 0, start), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, 0, start - 1), ROTATION_PREPARE);
    authorities_done(&authorities);
}

static void promotes_once_it_was_published_long_enough(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error));
    assert_int_equal(plan(&authorities, 0, 0, FIXTURE_NOW), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 9, 0, FIXTURE_NOW), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 10, 0, FIXTURE_NOW), ROTATION_PROMOTE);
    authorities_done(&authorities);
}

static void promotes_unpublished_before_the_current_one_ends(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    time_t end = FIXTURE_NOW + 365 * FIXTURE_DAY;
    assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error));
    assert_int_equal(plan(&authorities, 0, 0, end - 7 * FIXTURE_DAY), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, 0, end - 7 * FIXTURE_DAY + 1), ROTATION_PROMOTE);
    authorities_done(&authorities);
}

static void drops_by_the_clock_and_by_what_was_seen(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    const struct rotation_policy policy = certs_fixture_policy();
    time_t until = rotation_retired_until(&policy, FIXTURE_NOW);
    assert_int_equal(until, FIXTURE_NOW + 7 * FIXTURE_DAY + ISSUE_BACKDATE_S);
    assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error));
    assert_true(authorities_promote(&authorities, FIXTURE_NOW, until, &error));
    assert_int_equal(plan(&authorities, 0, ROTATION_RETIRED_S, until - 1), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, ROTATION_RETIRED_S - 1, until), ROTATION_NONE);
    assert_int_equal(plan(&authorities, 0, ROTATION_RETIRED_S, until), ROTATION_DROP);
    authorities_done(&authorities);
}

static void drops_before_it_promotes(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    const struct rotation_policy policy = certs_fixture_policy();
    time_t until = rotation_retired_until(&policy, FIXTURE_NOW), life = 365 * FIXTURE_DAY;
    for (int i = 0; i < AUTHORITIES_RETIRED_MAXIMUM; i++) {
        assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, life, &error));
        assert_true(authorities_promote(&authorities, FIXTURE_NOW, until, &error));
    }
    assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, life, &error));
    /* There is no room for one more yet. */
    assert_int_equal(plan(&authorities, 10, ROTATION_RETIRED_S, until - 1), ROTATION_PROMOTE);
    assert_false(authorities_promote(&authorities, until - 1, until, &error));
    assert_int_equal(plan(&authorities, 10, ROTATION_RETIRED_S, until), ROTATION_DROP);
    assert_int_equal(authorities_drop(&authorities, until), AUTHORITIES_RETIRED_MAXIMUM);
    assert_int_equal(plan(&authorities, 10, ROTATION_RETIRED_S, until), ROTATION_PROMOTE);
    assert_true(authorities_promote(&authorities, until, until, &error));
    authorities_done(&authorities);
}

static void renews_at_two_thirds_with_jitter(void **state)
{
    (void) state;
    time_t end = FIXTURE_NOW + 900;
    assert_int_equal(rotation_renewal(FIXTURE_NOW, end, 0), FIXTURE_NOW + 600);
    for (uint32_t random = 0; random < 1000; random++) {
        time_t renewal = rotation_renewal(FIXTURE_NOW, end, random);
        assert_true(renewal <= FIXTURE_NOW + 600 && renewal >= FIXTURE_NOW + 510);
    }
    assert_int_equal(rotation_renewal(FIXTURE_NOW, FIXTURE_NOW + 1, UINT32_MAX), FIXTURE_NOW);
}

static void refuses_lives_that_are_too_short(void **state)
{
    (void) state;
    struct error error;
    struct rotation_policy policy = {.leaf_life_s = ROTATION_LEAF_LIFE_MINIMUM_S,
                                     .authority_life_s = ROTATION_LEAF_LIFE_MINIMUM_S * ROTATION_LIFE_FACTOR};
    assert_true(rotation_policy_check(&policy, &error));
    policy.authority_life_s--;
    assert_false(rotation_policy_check(&policy, &error));
    policy.authority_life_s++;
    policy.leaf_life_s--;
    assert_false(rotation_policy_check(&policy, &error));
    assert_int_equal(error.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares_in_the_last_third),
        cmocka_unit_test(prepares_when_the_current_one_is_not_valid_yet),
        cmocka_unit_test(promotes_once_it_was_published_long_enough),
        cmocka_unit_test(promotes_unpublished_before_the_current_one_ends),
        cmocka_unit_test(drops_by_the_clock_and_by_what_was_seen),
        cmocka_unit_test(drops_before_it_promotes),
        cmocka_unit_test(renews_at_two_thirds_with_jitter),
        cmocka_unit_test(refuses_lives_that_are_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
