#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void adds_the_forms_of_a_service(void **state)
{
    (void) state;
    struct error error;
    struct certificate_names names = {0};
    assert_true(certificate_names_add_service(&names, "injector", "openshell", "cluster.local", &error));
    assert_int_equal(names.count, 4);
    assert_string_equal(names.items[0], "injector.openshell.svc");
    assert_string_equal(names.items[1], "injector.openshell.svc.cluster.local");
    assert_string_equal(names.items[2], "injector.openshell");
    assert_string_equal(names.items[3], "injector");
    assert_true(certificate_names_add_service(&names, "injector", "openshell", "cluster.local", &error));
    assert_int_equal(names.count, 4);
    certificate_names_done(&names);
}

static void refuses_names_that_are_none(void **state)
{
    (void) state;
    static const char *const wrong[] = {"",      ".",   "a..b", "A.example.com", "a b", "1.2.3.4.5.6.", "*",
                                        "*.*.a", "::g", "-a"};
    struct error error;
    struct certificate_names names = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(certificate_names_add(&names, wrong[i], &error));
        assert_int_equal(error.code, ERROR_INVALID);
    }
    assert_false(certificate_names_add_service(&names, "a.b", "openshell", "cluster.local", &error));
    assert_false(certificate_names_add_service(&names, "a", "", "cluster.local", &error));
    assert_false(certificate_names_add_service(&names, "a", "b", "", &error));
    assert_int_equal(names.count, 0);
}

static void bounds_their_number_and_length(void **state)
{
    (void) state;
    struct error error;
    struct certificate_names names = {0};
    char name[CERTIFICATE_NAME_BYTES + 2];
    for (int i = 0; i < CERTIFICATE_NAMES_MAXIMUM; i++) {
        snprintf(name, sizeof name, "n%d.example.com", i);
        assert_true(certificate_names_add(&names, name, &error));
    }
    assert_false(certificate_names_add(&names, "one-more.example.com", &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    certificate_names_done(&names);
    for (int i = 0; i < CERTIFICATE_NAME_BYTES + 1; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[CERTIFICATE_NAME_BYTES] = '\0';
    assert_true(certificate_names_add(&names, name, &error));
    memcpy(name + CERTIFICATE_NAME_BYTES - 1, "aa", 3);
    assert_false(certificate_names_add(&names, name, &error));
    certificate_names_done(&names);
}

static void come_back_from_a_certificate(void **state)
{
    (void) state;
    static const char *const given[] = {"injector.openshell.svc", "*.example.com", "192.0.2.7",
                                        "2001:db8::1"};
    struct error error;
    struct leaf leaf = {0};
    struct certificate_names names = {0}, read = {0};
    struct authorities authorities = certs_fixture_authorities();
    const struct rotation_policy policy = certs_fixture_policy();
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_true(certificate_names_add(&names, given[i], &error));
    const struct leaf_plan plan = {.signer = &authorities.current, .names = &names, .policy = &policy};
    assert_true(leaf_issue(&plan, FIXTURE_NOW, &error, &leaf));
    assert_true(certificate_names_read(sk_X509_value(leaf.chain, 0), &error, &read));
    assert_int_equal(read.count, names.count);
    for (size_t i = 0; i < read.count; i++)
        assert_string_equal(read.items[i], given[i]);
    certificate_names_done(&read);
    assert_true(certificate_names_read(authorities.current.certificate, &error, &read));
    assert_int_equal(read.count, 0);
    certificate_names_done(&names);
    leaf_done(&leaf);
    authorities_done(&authorities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_the_forms_of_a_service),
        cmocka_unit_test(refuses_names_that_are_none),
        cmocka_unit_test(bounds_their_number_and_length),
        cmocka_unit_test(come_back_from_a_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
