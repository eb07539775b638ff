#include "kubernetes/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_path(const struct kubernetes_target *target, const char *expected)
{
    struct buffer path = BUFFER_INIT(1024);
    struct error error;
    assert_true(kubernetes_target_append_path(target, &error, &path));
    assert_string_equal(buffer_string(&path), expected);
    buffer_done(&path);
}

static void expect_refused(const struct kubernetes_target *target, const char *message)
{
    struct buffer path = BUFFER_INIT(1024);
    struct error error;
    assert_false(kubernetes_target_append_path(target, &error, &path));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, message);
    buffer_done(&path);
}

static void makes_the_paths_of_collections_objects_and_subresources(void **state)
{
    (void) state;
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_pods}, "/api/v1/pods");
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_pods, .namespace_name = "openshell"},
                "/api/v1/namespaces/openshell/pods");
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_pods,
                                            .namespace_name = "openshell",
                                            .name = "default--demo",
                                            .subresource = "status"},
                "/api/v1/namespaces/openshell/pods/default--demo/status");
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = "openshell"},
                "/api/v1/namespaces/openshell");
    expect_path(
        &(struct kubernetes_target){.resource = &kubernetes_leases, .namespace_name = "a", .name = "b"},
        "/apis/coordination.k8s.io/v1/namespaces/a/leases/b");
}

static void encodes_what_would_change_the_meaning_of_a_path(void **state)
{
    (void) state;
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = "a/../b?c#d%e"},
                "/api/v1/namespaces/a%2F..%2Fb%3Fc%23d%25e");
    expect_path(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = "\xc3\xa4 "},
                "/api/v1/namespaces/%C3%A4%20");
}

static void refuses_names_that_are_steps_or_empty(void **state)
{
    (void) state;
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = ""},
                   "\"\" is no name");
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = "."},
                   "\".\" is no name");
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .name = ".."},
                   "\"..\" is no name");
    expect_refused(
        &(struct kubernetes_target){.resource = &kubernetes_pods, .namespace_name = "", .name = "a"},
        "\"\" is no namespace");
}

static void refuses_targets_that_do_not_exist(void **state)
{
    (void) state;
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_namespaces, .namespace_name = "a"},
                   "namespaces have no namespace");
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_pods, .name = "a"},
                   "pods \"a\": no namespace given");
    expect_refused(&(struct kubernetes_target){.resource = &kubernetes_pods, .subresource = "status"},
                   "pods/status: no name given");
}

static void fails_when_the_path_does_not_fit(void **state)
{
    (void) state;
    const struct kubernetes_target target = {.resource = &kubernetes_pods};
    struct error error;
    struct buffer exact = BUFFER_INIT(strlen("/api/v1/pods"));
    assert_true(kubernetes_target_append_path(&target, &error, &exact));
    buffer_done(&exact);
    struct buffer short_one = BUFFER_INIT(strlen("/api/v1/pods") - 1);
    assert_false(kubernetes_target_append_path(&target, &error, &short_one));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_done(&short_one);
}

static void joins_and_encodes_query_parameters(void **state)
{
    (void) state;
    struct buffer query = BUFFER_INIT(256);
    kubernetes_query_append(&query, "labelSelector", "openshell.ai/managed-by=openshell,!x");
    kubernetes_query_append(&query, "limit", "100");
    assert_string_equal(buffer_string(&query),
                        "labelSelector=openshell.ai%2Fmanaged-by%3Dopenshell%2C%21x&limit=100");
    buffer_done(&query);
}

static void reads_the_metadata_of_objects_and_of_none(void **state)
{
    (void) state;
    cJSON *object = cJSON_Parse("{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\",\"uid\":\"u\","
                                "\"resourceVersion\":\"7\"}}");
    assert_string_equal(kubernetes_object_name(object), "n");
    assert_string_equal(kubernetes_object_namespace(object), "s");
    assert_string_equal(kubernetes_object_uid(object), "u");
    assert_string_equal(kubernetes_object_resource_version(object), "7");
    cJSON_Delete(object);
    assert_null(kubernetes_object_name(NULL));
    cJSON *odd = cJSON_Parse("{\"metadata\":{\"name\":1}}");
    assert_null(kubernetes_object_name(odd));
    cJSON_Delete(odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_paths_of_collections_objects_and_subresources),
        cmocka_unit_test(encodes_what_would_change_the_meaning_of_a_path),
        cmocka_unit_test(refuses_names_that_are_steps_or_empty),
        cmocka_unit_test(refuses_targets_that_do_not_exist),
        cmocka_unit_test(fails_when_the_path_does_not_fit),
        cmocka_unit_test(joins_and_encodes_query_parameters),
        cmocka_unit_test(reads_the_metadata_of_objects_and_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
