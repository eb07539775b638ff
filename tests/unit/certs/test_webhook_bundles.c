#include "certs/webhook_bundles.h"
#include "common/base64.h"
#include "common/json.h"
#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct webhook_service service = {.namespace_name = "openshell", .name = "injector"};

static char *encode(const char *pem)
{
    struct error error;
    char *text = NULL;
    struct buffer encoded = BUFFER_INIT(2 * CERTIFICATE_PEM_BYTES);
    base64_append(&encoded, pem, strlen(pem));
    assert_true(buffer_take(&encoded, &error, &text));
    return text;
}

/* Decodes the base64 of `pem`. */
static bool decode(const char *pem, struct error *error, certificate_list **list)
{
    _cleanup_(freep) char *encoded = encode(pem);
    return webhook_bundle_decode(encoded, error, list);
}

static void expect_undecoded(const char *encoded, enum error_code code, const char *message)
{
    struct error error;
    certificate_list *list = NULL;
    assert_false(webhook_bundle_decode(encoded, &error, &list));
    assert_int_equal(error.code, code);
    assert_string_equal(error.message, message);
    assert_null(list);
}

static void decodes_every_certificate_in_its_order(void **state)
{
    (void) state;
    struct error error;
    struct authorities first = certs_fixture_authorities(), second = certs_fixture_authorities();
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    assert_true(certificate_append_pem(first.current.certificate, &error, &pem));
    buffer_append_string(&pem, "text between\n");
    assert_true(certificate_append_pem(second.current.certificate, &error, &pem));
    assert_true(decode(buffer_string(&pem), &error, &list));
    assert_int_equal(sk_X509_num(list), 2);
    assert_int_equal(X509_cmp(sk_X509_value(list, 0), first.current.certificate), 0);
    assert_int_equal(X509_cmp(sk_X509_value(list, 1), second.current.certificate), 0);
    authorities_done(&first);
    authorities_done(&second);
}

static void says_why_a_bundle_cannot_be_decoded(void **state)
{
    (void) state;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(freep) char *encoded = encode(pem);
    expect_undecoded("", ERROR_INVALID, "no certificate in PEM");
    expect_undecoded("bm90aGluZw==", ERROR_INVALID, "no certificate in PEM");
    expect_undecoded("bm90aGluZw", ERROR_INVALID, "base64: 10 characters, not a multiple of 4");
    expect_undecoded("bm90aGlu\nw==", ERROR_INVALID, "base64: character 9 is not of the alphabet");
    /* PEM as it is, which is no base64: its header's first dash. */
    pem[strlen(pem) / 4 * 4] = '\0';
    expect_undecoded(pem, ERROR_INVALID, "base64: character 1 is not of the alphabet");
    /* Cut off at the end of a group. */
    encoded[strlen(encoded) / 8 * 4] = '\0';
    struct error error;
    certificate_list *list = NULL;
    assert_false(webhook_bundle_decode(encoded, &error, &list));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_int_equal(strncmp(error.message, "certificate 1: ", strlen("certificate 1: ")), 0);
    assert_null(list);
    authorities_done(&authorities);
}

static void decodes_a_bundle_of_the_largest_size_and_not_one_byte_more(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES + 1);
    certificate_list *list = NULL;
    assert_true(certificate_append_pem(authorities.current.certificate, &error, &pem));
    while (pem.length < CERTIFICATE_PEM_BYTES)
        buffer_append_character(&pem, '\n');
    assert_true(decode(buffer_string(&pem), &error, &list));
    assert_int_equal(sk_X509_num(list), 1);
    certificate_list_free(list);
    list = NULL;
    buffer_append_character(&pem, '\n');
    assert_false(decode(buffer_string(&pem), &error, &list));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_null(list);
    authorities_done(&authorities);
}

static void decodes_as_many_certificates_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    certificate_list *list = NULL;
    for (int i = 0; i < CERTIFICATE_LIST_MAXIMUM; i++)
        assert_true(certificate_append_pem(authorities.current.certificate, &error, &pem));
    assert_true(decode(buffer_string(&pem), &error, &list));
    assert_int_equal(sk_X509_num(list), CERTIFICATE_LIST_MAXIMUM);
    certificate_list_free(list);
    list = NULL;
    assert_true(certificate_append_pem(authorities.current.certificate, &error, &pem));
    assert_false(decode(buffer_string(&pem), &error, &list));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_string_equal(error.message, "more than 32 certificates");
    assert_null(list);
    authorities_done(&authorities);
}

static cJSON *make_webhook(const char *name, const char *service_name, const char *bundle)
{
    cJSON *webhook = cJSON_CreateObject();
    cJSON_AddStringToObject(webhook, "name", name);
    cJSON *client = cJSON_AddObjectToObject(webhook, "clientConfig");
    cJSON *reference = cJSON_AddObjectToObject(client, "service");
    cJSON_AddStringToObject(reference, "namespace", "openshell");
    cJSON_AddStringToObject(reference, "name", service_name);
    if (bundle)
        cJSON_AddStringToObject(client, "caBundle", bundle);
    return webhook;
}

/* Ours without a bundle, another's, ours with `bundle`. */
static cJSON *make_object(const char *bundle)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *webhooks = cJSON_AddArrayToObject(object, "webhooks");
    cJSON_AddItemToArray(webhooks, make_webhook("first", "injector", NULL));
    cJSON_AddItemToArray(webhooks, make_webhook("foreign", "other", "Zm9yZWlnbg=="));
    cJSON_AddItemToArray(webhooks, make_webhook("second", "injector", bundle));
    return object;
}

static void patches_ours_alone_and_tests_first(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *object = make_object("b2xk");
    _cleanup_(cJSON_Deletep) cJSON *operations = NULL;
    _cleanup_(freep) char *text = NULL;
    assert_true(webhook_bundles_plan(object, &service, "new", 3, &error, &operations));
    assert_true(json_print(operations, false, &error, &text));
    assert_string_equal(
        text, "[{\"op\":\"test\",\"path\":\"/webhooks/0/clientConfig\",\"value\":{\"service\":{\"namespace\":"
              "\"openshell\",\"name\":\"injector\"}}},"
              "{\"op\":\"test\",\"path\":\"/webhooks/0/name\",\"value\":\"first\"},"
              "{\"op\":\"add\",\"path\":\"/webhooks/0/clientConfig/caBundle\",\"value\":\"bmV3\"},"
              "{\"op\":\"test\",\"path\":\"/webhooks/2/clientConfig/caBundle\",\"value\":\"b2xk\"},"
              "{\"op\":\"test\",\"path\":\"/webhooks/2/name\",\"value\":\"second\"},"
              "{\"op\":\"replace\",\"path\":\"/webhooks/2/clientConfig/caBundle\",\"value\":\"bmV3\"}]");
}

static void has_nothing_to_do_when_all_is_as_it_must_be(void **state)
{
    (void) state;
    struct error error;
    cJSON *operations = NULL;
    _cleanup_(cJSON_Deletep) cJSON *object = make_object("bmV3");
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(object, "webhooks"), 0);
    assert_true(webhook_bundles_plan(object, &service, "new", 3, &error, &operations));
    assert_null(operations);
    assert_true(webhook_bundles_plan(NULL, &service, "new", 3, &error, &operations));
    assert_null(operations);
}

static void never_empties_a_bundle(void **state)
{
    (void) state;
    struct error error;
    cJSON *operations = NULL;
    _cleanup_(cJSON_Deletep) cJSON *object = make_object("b2xk");
    assert_false(webhook_bundles_plan(object, &service, "", 0, &error, &operations));
    assert_int_equal(error.code, ERROR_INVALID);
}

static void tells_what_is_installed(void **state)
{
    (void) state;
    struct error error;
    struct webhook_bundles bundles = {0};
    struct authorities authorities = certs_fixture_authorities(), other = certs_fixture_authorities();
    struct leaf leaf = certs_fixture_leaf(&authorities, FIXTURE_NOW);
    _cleanup_(freep) char *pem = certs_fixture_pem(authorities.current.certificate);
    _cleanup_(freep) char *encoded = encode(pem);
    _cleanup_(cJSON_Deletep) cJSON *object = make_object(encoded);
    assert_true(webhook_bundles_read(object, &service, &error, &bundles));
    assert_int_equal(bundles.count, 2);
    assert_false(webhook_bundles_hold(&bundles, authorities.current.certificate));
    assert_false(webhook_bundles_check(&bundles, leaf.chain, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_non_null(strstr(error.message, "empty"));
    webhook_bundles_done(&bundles);
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(object, "webhooks"), 0);
    assert_true(webhook_bundles_read(object, &service, &error, &bundles));
    assert_int_equal(bundles.count, 1);
    assert_true(webhook_bundles_hold(&bundles, authorities.current.certificate));
    assert_false(webhook_bundles_hold(&bundles, other.current.certificate));
    assert_true(webhook_bundles_check(&bundles, leaf.chain, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_false(webhook_bundles_check(&bundles, leaf.chain, FIXTURE_HOST, leaf.not_after + 1, &error));
    webhook_bundles_done(&bundles);
    assert_false(webhook_bundles_check(&bundles, leaf.chain, FIXTURE_HOST, FIXTURE_NOW, &error));
    assert_false(webhook_bundles_hold(&bundles, authorities.current.certificate));
    leaf_done(&leaf);
    authorities_done(&authorities);
    authorities_done(&other);
}

static void takes_rubbish_for_none(void **state)
{
    (void) state;
    static const char *const rubbish[] = {"", "!!", "aGVsbG8=", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"};
    struct error error;
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        struct webhook_bundles bundles = {0};
        _cleanup_(cJSON_Deletep) cJSON *object = make_object(rubbish[i]);
        assert_true(webhook_bundles_read(object, &service, &error, &bundles));
        assert_int_equal(bundles.count, 2);
        assert_null(bundles.items[1]);
        webhook_bundles_done(&bundles);
    }
}

static void bounds_the_webhooks(void **state)
{
    (void) state;
    struct error error;
    struct webhook_bundles bundles = {0};
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    cJSON *webhooks = cJSON_AddArrayToObject(object, "webhooks");
    for (int i = 0; i < WEBHOOK_BUNDLES_MAXIMUM; i++)
        cJSON_AddItemToArray(webhooks, make_webhook("one", "injector", NULL));
    assert_true(webhook_bundles_read(object, &service, &error, &bundles));
    assert_int_equal(bundles.count, WEBHOOK_BUNDLES_MAXIMUM);
    webhook_bundles_done(&bundles);
    cJSON_AddItemToArray(webhooks, make_webhook("more", "injector", NULL));
    assert_false(webhook_bundles_read(object, &service, &error, &bundles));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_certificate_in_its_order),
        cmocka_unit_test(says_why_a_bundle_cannot_be_decoded),
        cmocka_unit_test(decodes_a_bundle_of_the_largest_size_and_not_one_byte_more),
        cmocka_unit_test(decodes_as_many_certificates_as_allowed_and_not_one_more),
        cmocka_unit_test(patches_ours_alone_and_tests_first),
        cmocka_unit_test(has_nothing_to_do_when_all_is_as_it_must_be),
        cmocka_unit_test(never_empties_a_bundle),
        cmocka_unit_test(tells_what_is_installed),
        cmocka_unit_test(takes_rubbish_for_none),
        cmocka_unit_test(bounds_the_webhooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
