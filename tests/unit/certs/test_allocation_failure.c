#include "certs/authorities_document.h"
#include "certs/webhook_bundles.h"
#include "kubernetes/secret.h"
#include "tests/support/allocation.h"
#include "tests/unit/certs/certs_fixture.h"

#include <openssl/err.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A step of OpenSSL makes thousands of allocations; one in so many is made to fail, from another start in
 * each step, which keeps the test at seconds. */
#define STRIDE 31

static bool make_authorities(struct authorities *authorities)
{
    struct error error;
    return authorities_create(KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error, authorities) &&
           authorities_prepare(authorities, KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error) &&
           authorities_promote(authorities, FIXTURE_NOW, FIXTURE_NOW + 60, &error);
}

static bool make_and_rotate(void *context)
{
    (void) context;
    struct authorities authorities = {0};
    bool is_made = make_authorities(&authorities);
    authorities_done(&authorities);
    ERR_clear_error();
    return is_made;
}

static bool print_and_parse(void *context)
{
    const struct authorities *authorities = context;
    struct error error;
    struct authorities read = {0};
    _cleanup_(secret_freep) char *text = NULL;
    bool is_done = authorities_document_print(authorities, &error, &text) &&
                   authorities_document_parse(text, strlen(text), &error, &read);
    authorities_done(&read);
    ERR_clear_error();
    return is_done;
}

static bool issue_and_verify(void *context)
{
    const struct authorities *authorities = context;
    struct error error;
    struct leaf leaf = {0};
    struct certificate_names names = {0};
    const struct rotation_policy policy = certs_fixture_policy();
    const struct leaf_plan plan = {
        .signer = &authorities->current, .cross = authorities->cross, .names = &names, .policy = &policy};
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    bool is_done = certificate_names_add(&names, FIXTURE_HOST, &error) &&
                   leaf_issue(&plan, FIXTURE_NOW, &error, &leaf) &&
                   authorities_make_bundle(authorities, &error, &bundle) &&
                   certificate_verify(leaf.chain, bundle, FIXTURE_HOST, FIXTURE_NOW, &error);
    certificate_names_done(&names);
    leaf_done(&leaf);
    ERR_clear_error();
    return is_done;
}

static bool copy_and_change(void *context)
{
    struct error error;
    struct authorities copy = {0};
    bool is_done = authorities_copy(context, &error, &copy) &&
                   authorities_prepare(&copy, KEY_ED25519, FIXTURE_NOW, FIXTURE_DAY, &error) &&
                   authorities_promote(&copy, FIXTURE_NOW, FIXTURE_NOW + 60, &error);
    authorities_done(&copy);
    ERR_clear_error();
    return is_done;
}

static void survives(bool (*step)(void *context), void *context)
{
    /* Libraries set themselves up in the first run. */
    assert_true(step(context));
    size_t number = 1, failed = 0, runs = 0;
    do {
        allocation_fail_at(number, runs % 2);
        bool is_done = step(context);
        failed = allocation_stop();
        assert_true(is_done || failed);
        number += STRIDE;
        runs++;
    } while (failed);
    assert_true(runs > 5);
    assert_true(step(context));
}

static void survives_making_and_rotating(void **state)
{
    (void) state;
    survives(make_and_rotate, NULL);
}

static void survives_everything_done_with_authorities(void **state)
{
    (void) state;
    struct authorities authorities = {0};
    assert_true(make_authorities(&authorities));
    survives(print_and_parse, &authorities);
    survives(issue_and_verify, &authorities);
    survives(copy_and_change, &authorities);
    authorities_done(&authorities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_making_and_rotating),
        cmocka_unit_test(survives_everything_done_with_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
