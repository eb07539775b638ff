#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(bool is_done, const struct error *error)
{
    if (!is_done)
        fail_msg("%s", error->message);
}

struct authorities certs_fixture_authorities(void)
{
    struct error error;
    struct authorities authorities = {0};
    expect(authorities_create(KEY_ECDSA_P256, FIXTURE_NOW, 365 * FIXTURE_DAY, &error, &authorities), &error);
    return authorities;
}

struct rotation_policy certs_fixture_policy(void)
{
    return (struct rotation_policy){.algorithm = KEY_ECDSA_P256,
                                    .authority_life_s = 365 * FIXTURE_DAY,
                                    .leaf_life_s = 7 * FIXTURE_DAY,
                                    .propagation_s = 10};
}

struct leaf certs_fixture_leaf(const struct authorities *authorities, time_t now)
{
    struct error error;
    struct leaf leaf = {0};
    struct certificate_names names = {0};
    const struct rotation_policy policy = certs_fixture_policy();
    expect(certificate_names_add(&names, FIXTURE_HOST, &error), &error);
    const struct leaf_plan plan = {.signer = &authorities->current,
                                   .cross = authorities->cross,
                                   .cross_life_s = FIXTURE_CROSS_LIFE_S,
                                   .names = &names,
                                   .policy = &policy};
    expect(leaf_issue(&plan, now, &error, &leaf), &error);
    certificate_names_done(&names);
    return leaf;
}

certificate_list *certs_fixture_list(X509 *certificate)
{
    struct error error;
    certificate_list *list = sk_X509_new_null();
    assert_non_null(list);
    expect(certificate_list_add(list, certificate, &error), &error);
    return list;
}

char *certs_fixture_pem(X509 *certificate)
{
    struct error error;
    char *text = NULL;
    struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    expect(certificate_append_pem(certificate, &error, &pem), &error);
    expect(buffer_take(&pem, &error, &text), &error);
    return text;
}
