#include "certs/authorities_document.h"
#include "common/json.h"
#include "kubernetes/secret.h"
#include "tests/unit/certs/certs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Authorities with everything in them. */
static struct authorities make_full(void)
{
    struct error error;
    struct authorities authorities = certs_fixture_authorities();
    for (int i = 0; i < 2; i++) {
        assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, FIXTURE_DAY, &error));
        assert_true(authorities_promote(&authorities, FIXTURE_NOW, FIXTURE_NOW + 60 + i, &error));
    }
    assert_true(authorities_prepare(&authorities, KEY_ED25519, FIXTURE_NOW, FIXTURE_DAY, &error));
    return authorities;
}

static cJSON *print_tree(const struct authorities *authorities)
{
    struct error error;
    cJSON *tree = NULL;
    _cleanup_(secret_freep) char *text = NULL;
    const struct json_limits limits = {.bytes = AUTHORITIES_DOCUMENT_BYTES, .depth = 8};
    assert_true(authorities_document_print(authorities, &error, &text));
    assert_true(json_parse(text, strlen(text), &limits, &error, &tree));
    return tree;
}

static void comes_back_as_it_was(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = make_full(), read = {0};
    _cleanup_(secret_freep) char *text = NULL;
    _cleanup_(secret_freep) char *again = NULL;
    assert_true(authorities_document_print(&authorities, &error, &text));
    assert_true(authorities_document_parse(text, strlen(text), &error, &read));
    assert_int_equal(X509_cmp(read.current.certificate, authorities.current.certificate), 0);
    assert_int_equal(sk_X509_num(read.cross), 2);
    assert_int_equal(read.retired_count, 2);
    assert_int_equal(read.retired[1].until, FIXTURE_NOW + 61);
    assert_true(authorities_document_print(&read, &error, &again));
    assert_string_equal(text, again);
    authorities_done(&authorities);
    authorities_done(&read);
}

static void reads_what_has_no_next_and_no_past(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities(), read = {0};
    _cleanup_(secret_freep) char *text = NULL;
    assert_true(authorities_document_print(&authorities, &error, &text));
    assert_true(authorities_document_parse(text, strlen(text), &error, &read));
    assert_null(read.next.certificate);
    assert_int_equal(sk_X509_num(read.cross), 0);
    authorities_done(&authorities);
    authorities_done(&read);
}

/* Prints the changed tree and expects the reader to name the fault. */
static void expect_refused(cJSON *tree, const char *part)
{
    struct error error;
    struct authorities read = {0};
    _cleanup_(freep) char *text = NULL;
    assert_true(json_print(tree, false, &error, &text));
    assert_false(authorities_document_parse(text, strlen(text), &error, &read));
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_null(strstr(error.message, "PRIVATE"));
    assert_null(read.current.certificate);
    cJSON_Delete(tree);
}

static cJSON *replaced(const struct authorities *authorities, const char *member, const char *key,
                       const char *value)
{
    cJSON *tree = print_tree(authorities);
    cJSON *object = cJSON_GetObjectItemCaseSensitive(tree, member);
    cJSON_ReplaceItemInObjectCaseSensitive(object, key, cJSON_CreateString(value));
    return tree;
}

static void names_the_field_that_is_wrong(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = make_full(), other = certs_fixture_authorities();
    struct leaf leaf = certs_fixture_leaf(&authorities, FIXTURE_NOW);
    _cleanup_(secret_freep) char *foreign_key = NULL;
    _cleanup_(freep) char *foreign = certs_fixture_pem(other.current.certificate);
    _cleanup_(freep) char *end_entity = certs_fixture_pem(sk_X509_value(leaf.chain, 0));
    assert_true(key_print_pem(other.current.key, &error, &foreign_key));
    expect_refused(replaced(&authorities, "current", "key", foreign_key),
                   "current.key: the key does not belong");
    expect_refused(replaced(&authorities, "current", "key", "nothing"), "current.key: key: no private key");
    expect_refused(replaced(&authorities, "next", "key", foreign_key), "next.key: the key does not belong");
    expect_refused(replaced(&authorities, "current", "certificate", "x"),
                   "current.certificate: no certificate");
    expect_refused(replaced(&authorities, "current", "certificate", end_entity), "may not sign");
    expect_refused(replaced(&authorities, "current", "cross", foreign), "current.cross: of another key");
    expect_refused(replaced(&authorities, "next", "cross", foreign), "next.cross: of another key");
    expect_refused(replaced(&authorities, "current", "cross", ""), "current.cross: no certificate");
    leaf_done(&leaf);
    authorities_done(&authorities);
    authorities_done(&other);
}

static void refuses_other_versions_and_shapes(void **state)
{
    (void) state;
    struct authorities authorities = make_full();
    cJSON *tree = print_tree(&authorities);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "version", cJSON_CreateNumber(2));
    expect_refused(tree, "version: 2");
    tree = print_tree(&authorities);
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "version");
    expect_refused(tree, "version: 0");
    tree = print_tree(&authorities);
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "current");
    expect_refused(tree, "current");
    tree = print_tree(&authorities);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "retired", cJSON_CreateString("x"));
    expect_refused(tree, "retired");
    expect_refused(cJSON_CreateArray(), "must be an object");
    authorities_done(&authorities);
}

static void bounds_the_lists(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities(), read = {0};
    for (int i = 0; i < AUTHORITIES_RETIRED_MAXIMUM; i++) {
        assert_true(authorities_prepare(&authorities, KEY_ECDSA_P256, FIXTURE_NOW, FIXTURE_DAY, &error));
        assert_true(authorities_promote(&authorities, FIXTURE_NOW, FIXTURE_NOW + 60, &error));
    }
    _cleanup_(secret_freep) char *text = NULL;
    assert_true(authorities_document_print(&authorities, &error, &text));
    assert_true(authorities_document_parse(text, strlen(text), &error, &read));
    authorities_done(&read);
    cJSON *tree = print_tree(&authorities);
    cJSON *retired = cJSON_GetObjectItemCaseSensitive(tree, "retired");
    cJSON_AddItemToArray(retired, cJSON_Duplicate(cJSON_GetArrayItem(retired, 0), true));
    expect_refused(tree, "retired: more than 8");
    tree = print_tree(&authorities);
    cJSON *current = cJSON_GetObjectItemCaseSensitive(tree, "current");
    const char *cross = cJSON_GetObjectItemCaseSensitive(current, "cross")->valuestring;
    _cleanup_(buffer_done) struct buffer longer = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    buffer_append_format(&longer, "%s%s", cross, cross);
    cJSON_ReplaceItemInObjectCaseSensitive(current, "cross", cJSON_CreateString(buffer_string(&longer)));
    expect_refused(tree, "current.cross: more than 6");
    authorities_done(&authorities);
}

static void bounds_the_time_of_the_retired(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = make_full(), read = {0};
    authorities.retired[0].until = AUTHORITIES_DOCUMENT_UNTIL_MAXIMUM;
    _cleanup_(secret_freep) char *text = NULL;
    assert_true(authorities_document_print(&authorities, &error, &text));
    assert_true(authorities_document_parse(text, strlen(text), &error, &read));
    assert_int_equal(read.retired[0].until, AUTHORITIES_DOCUMENT_UNTIL_MAXIMUM);
    authorities_done(&read);
    authorities.retired[0].until++;
    expect_refused(print_tree(&authorities), "retired[0].until");
    authorities_done(&authorities);
}

static void refuses_text_cut_off_anywhere(void **state)
{
    (void) state;
    struct error error;
    struct authorities authorities = certs_fixture_authorities(), read = {0};
    _cleanup_(secret_freep) char *text = NULL;
    assert_true(authorities_document_print(&authorities, &error, &text));
    for (size_t length = 0; length < strlen(text); length += 5)
        assert_false(authorities_document_parse(text, length, &error, &read));
    authorities_done(&authorities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(reads_what_has_no_next_and_no_past),
        cmocka_unit_test(names_the_field_that_is_wrong),
        cmocka_unit_test(refuses_other_versions_and_shapes),
        cmocka_unit_test(bounds_the_lists),
        cmocka_unit_test(bounds_the_time_of_the_retired),
        cmocka_unit_test(refuses_text_cut_off_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
