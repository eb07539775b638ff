#include "kubernetes/objects.h"

#include "common/json.h"
#include "kubernetes/access_review.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kubernetes_target pod = {
    .resource = &kubernetes_pods, .namespace_name = "ns", .name = "a"};
static const struct kubernetes_target pods = {.resource = &kubernetes_pods, .namespace_name = "ns"};

/* The last request, and the answer to all. */
struct mirror {
    int status;
    const char *body;
    struct fault_request last;
    char last_body[4096];
};

static bool reflect(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    struct mirror *mirror = context;
    mirror->last = *request;
    snprintf(mirror->last_body, sizeof mirror->last_body, "%s", request->body);
    return fault_answer(connection, mirror->status ? mirror->status : 200, "",
                        mirror->body ? mirror->body : "{}");
}

static void expect_request(const struct mirror *mirror, const char *method, const char *target,
                           const char *type, const char *body)
{
    assert_string_equal(mirror->last.method, method);
    assert_string_equal(mirror->last.target, target);
    assert_string_equal(mirror->last.content_type, type);
    assert_string_equal(mirror->last_body, body);
}

static void each_call_is_the_request_it_stands_for(void **state)
{
    (void) state;
    struct mirror mirror = {0};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    cJSON *object = cJSON_Parse("{\"x\":1}");
    cJSON *answer = NULL;
    const struct kubernetes_call dry = {.is_dry_run = true};

    assert_true(kubernetes_get(client, &pod, NULL, &error, &answer));
    expect_request(&mirror, "GET", "/api/v1/namespaces/ns/pods/a", "", "");
    cJSON_Delete(answer);
    assert_true(kubernetes_create(client, &pod, object, NULL, &error, NULL));
    expect_request(&mirror, "POST", "/api/v1/namespaces/ns/pods", "application/json", "{\"x\":1}");
    assert_true(kubernetes_create(client, &pods, object, &dry, &error, NULL));
    expect_request(&mirror, "POST", "/api/v1/namespaces/ns/pods?dryRun=All", "application/json", "{\"x\":1}");
    assert_true(kubernetes_update(client, &pod, object, NULL, &error, NULL));
    expect_request(&mirror, "PUT", "/api/v1/namespaces/ns/pods/a", "application/json", "{\"x\":1}");
    assert_true(kubernetes_patch_json(client, &pod, object, NULL, &error, NULL));
    expect_request(&mirror, "PATCH", "/api/v1/namespaces/ns/pods/a", "application/json-patch+json",
                   "{\"x\":1}");
    assert_true(kubernetes_patch_merge(client, &pod, object, NULL, &error, NULL));
    expect_request(&mirror, "PATCH", "/api/v1/namespaces/ns/pods/a", "application/merge-patch+json",
                   "{\"x\":1}");
    assert_true(kubernetes_apply(client, &pod, object, "me too", true, &dry, &error, NULL));
    expect_request(&mirror, "PATCH",
                   "/api/v1/namespaces/ns/pods/a?fieldManager=me%20too&force=true&dryRun=All",
                   "application/apply-patch+yaml", "{\"x\":1}");
    cJSON_Delete(object);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void metadata_alone_is_asked_for_as_such(void **state)
{
    (void) state;
    struct mirror mirror = {0};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    cJSON *answer = NULL;
    assert_true(kubernetes_get_metadata(client, &pod, NULL, &error, &answer));
    expect_request(&mirror, "GET", "/api/v1/namespaces/ns/pods/a", "", "");
    assert_string_equal(mirror.last.accept, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    cJSON_Delete(answer);
    assert_true(kubernetes_get(client, &pod, NULL, &error, &answer));
    assert_string_equal(mirror.last.accept, "application/json");
    cJSON_Delete(answer);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void own_rights_are_asked_for_and_read(void **state)
{
    (void) state;
    static const struct {
        const char *body;
        bool is_allowed;
    } answers[] = {{"{\"status\":{\"allowed\":true}}", true},
                   {"{\"status\":{\"allowed\":false}}", false},
                   {"{\"status\":{\"allowed\":\"true\"}}", false},
                   {"{}", false}};
    static const struct access_question question = {
        .verb = "list", .group = "discovery.k8s.io", .resource = "endpointslices", .namespace_name = "ns"};
    struct mirror mirror = {0};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        bool is_allowed = !answers[i].is_allowed;
        mirror.body = answers[i].body;
        assert_true(access_review_ask(client, &question, &error, &is_allowed));
        assert_int_equal(is_allowed, answers[i].is_allowed);
    }
    expect_request(&mirror, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                   "application/json",
                   "{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"group\":\"discovery.k8s.io\","
                   "\"resource\":\"endpointslices\",\"namespace\":\"ns\"}},\"apiVersion\":"
                   "\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\"}");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void delete_carries_its_preconditions(void **state)
{
    (void) state;
    struct mirror mirror = {0};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    assert_true(kubernetes_delete(client, &pod, NULL, NULL, &error));
    expect_request(&mirror, "DELETE", "/api/v1/namespaces/ns/pods/a", "application/json",
                   "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\"}");
    const struct kubernetes_delete_options options = {.uid = "u-1",
                                                      .resource_version = "7",
                                                      .grace_period_s = 0,
                                                      .propagation = KUBERNETES_PROPAGATION_FOREGROUND};
    assert_true(kubernetes_delete(client, &pod, &options, NULL, &error));
    assert_string_equal(mirror.last_body,
                        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
                        "\"Foreground\",\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u-1\","
                        "\"resourceVersion\":\"7\"}}");
    const struct kubernetes_call dry = {.is_dry_run = true};
    assert_true(kubernetes_delete(client, &pod, NULL, &dry, &error));
    expect_request(&mirror, "DELETE", "/api/v1/namespaces/ns/pods/a", "application/json",
                   "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"dryRun\":[\"All\"]}");
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void nothing_is_sent_for_a_target_that_cannot_be(void **state)
{
    (void) state;
    struct mirror mirror = {0};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_target everywhere = {.resource = &kubernetes_pods};
    struct error error;
    cJSON *object = cJSON_CreateObject();
    cJSON *answer = NULL;
    assert_false(kubernetes_get(client, &pods, NULL, &error, &answer));
    assert_string_equal(error.message, "get pods: no name given");
    assert_false(kubernetes_delete(client, &pods, NULL, NULL, &error));
    assert_string_equal(error.message, "delete pods: no name given");
    assert_false(kubernetes_update(client, &pods, object, NULL, &error, NULL));
    assert_false(kubernetes_create(client, &everywhere, object, NULL, &error, NULL));
    assert_string_equal(error.message, "create pods: no namespace given");
    assert_int_equal(error.code, ERROR_INVALID);
    assert_int_equal(fault_server_requests(server), 0);
    cJSON_Delete(object);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void a_json_patch_that_does_not_apply_is_a_conflict_and_a_refused_object_is_not(void **state)
{
    (void) state;
    struct mirror mirror = {.status = 422,
                            .body = "{\"reason\":\"Invalid\",\"message\":\"m\",\"details\":{}}"};
    struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.answer = &answer};
    struct error error;
    cJSON *patch = cJSON_CreateArray();
    assert_false(kubernetes_patch_json(client, &pod, patch, &call, &error, NULL));
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_int_equal(answer.status, 422);
    mirror.body = "{\"reason\":\"Invalid\",\"message\":\"m\",\"details\":{\"causes\":[{}]}}";
    assert_false(kubernetes_patch_json(client, &pod, patch, NULL, &error, NULL));
    assert_int_equal(error.code, ERROR_INVALID);
    cJSON_Delete(patch);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

/* A collection of `count` objects n0, n1, ..., served in pages as asked. */
struct collection {
    int count;
    unsigned expirations; /* so many continue tokens turn out expired */
    size_t padding;       /* bytes of padding in each object */
    unsigned pages;
    char selectors[256];
};

static bool serve_pages(void *context, const struct fault_request *request,
                        struct fault_connection *connection)
{
    struct collection *collection = context;
    char limit[32], token[32], label[128], field[128];
    fault_query(request, "limit", limit, sizeof limit);
    fault_query(request, "continue", token, sizeof token);
    fault_query(request, "labelSelector", label, sizeof label);
    fault_query(request, "fieldSelector", field, sizeof field);
    snprintf(collection->selectors, sizeof collection->selectors, "%s %s", label, field);
    collection->pages++;
    if (*token && collection->expirations) {
        collection->expirations--;
        return fault_status(connection, 410, "Expired", "The provided continue parameter is too old");
    }
    int first = (int) strtol(token, NULL, 10), last = first + (int) strtol(limit, NULL, 10);
    if (last > collection->count)
        last = collection->count;
    struct buffer body = BUFFER_INIT(1024 * 1024);
    buffer_append_string(&body, "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"99\"");
    if (last < collection->count)
        buffer_append_format(&body, ",\"continue\":\"%d\"", last);
    buffer_append_string(&body, "},\"items\":[");
    for (int i = first; i < last; i++)
        buffer_append_format(&body, "%s{\"metadata\":{\"name\":\"n%d\"},\"padding\":\"%*s\"}",
                             i > first ? "," : "", i, (int) collection->padding, "");
    buffer_append_string(&body, "]}");
    bool is_sent = fault_answer(connection, 200, "", buffer_string(&body));
    buffer_done(&body);
    return is_sent;
}

static void lists_all_pages_with_version_and_kind_filled_in(void **state)
{
    (void) state;
    struct collection collection = {.count = 7};
    struct fault_server *server = fault_server_start(serve_pages, &collection, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_list_options options = {
        .label_selector = "a=b", .field_selector = "c=d", .page_size = 3};
    struct error error;
    cJSON *items = NULL;
    assert_true(kubernetes_list(client, &pods, &options, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), 7);
    for (int i = 0; i < 7; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        const cJSON *item = cJSON_GetArrayItem(items, i);
        assert_string_equal(kubernetes_object_name(item), name);
        assert_string_equal(cJSON_GetStringValue(json_member(item, "kind")), "Pod");
        assert_string_equal(cJSON_GetStringValue(json_member(item, "apiVersion")), "v1");
    }
    assert_int_equal(collection.pages, 3);
    assert_string_equal(collection.selectors, "a=b c=d");
    cJSON_Delete(items);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void lists_an_empty_collection(void **state)
{
    (void) state;
    struct collection collection = {0};
    struct fault_server *server = fault_server_start(serve_pages, &collection, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    struct error error;
    cJSON *items = NULL;
    assert_true(kubernetes_list(client, &pods, NULL, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), 0);
    cJSON_Delete(items);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void an_expired_continue_token_starts_the_list_over(void **state)
{
    (void) state;
    struct collection collection = {.count = 7, .expirations = KUBERNETES_LIST_RESTARTS};
    struct fault_server *server = fault_server_start(serve_pages, &collection, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_list_options options = {.page_size = 3};
    struct error error;
    cJSON *items = NULL;
    assert_true(kubernetes_list(client, &pods, &options, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), 7);
    cJSON_Delete(items);

    collection.expirations = KUBERNETES_LIST_RESTARTS + 1;
    assert_false(kubernetes_list(client, &pods, &options, NULL, &error, &items));
    assert_int_equal(error.code, ERROR_GONE);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void a_page_too_large_is_asked_for_in_smaller_ones(void **state)
{
    (void) state;
    struct collection collection = {.count = 8, .padding = 1000};
    struct fault_server *server = fault_server_start(serve_pages, &collection, NULL);
    struct kubernetes_client *client =
        client_for(server, &(struct kubernetes_client_options){.response_bytes = 2500});
    struct error error;
    cJSON *items = NULL;
    assert_true(kubernetes_list(client, &pods, NULL, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), 8);
    cJSON_Delete(items);
    collection.padding = 2500;
    assert_false(kubernetes_list(client, &pods, NULL, NULL, &error, &items));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static bool refuse_third(void *context, cJSON **object, struct error *error)
{
    (void) object;
    unsigned *count = context;
    return ++*count < 3 || error_set(error, ERROR_TOO_LARGE, "full");
}

static void ends_when_the_consumer_refuses_and_does_not_blame_the_page(void **state)
{
    (void) state;
    struct collection collection = {.count = 8};
    unsigned count = 0;
    struct fault_server *server = fault_server_start(serve_pages, &collection, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    const struct kubernetes_list_handler handler = {.object = refuse_third, .context = &count};
    struct error error;
    char *resource_version = NULL;
    assert_false(kubernetes_list_each(client, &pods, NULL, NULL, &handler, &error, &resource_version));
    assert_string_equal(error.message, "full");
    assert_null(resource_version);
    assert_int_equal(count, 3);
    assert_int_equal(collection.pages, 1);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

static void refuses_a_list_that_is_none(void **state)
{
    (void) state;
    const char *bodies[] = {"{}",
                            "[]",
                            "{\"metadata\":{}}",
                            "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":{}}",
                            "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[1]}",
                            "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":5},\"items\":[]}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct mirror mirror = {.body = bodies[i]};
        struct fault_server *server = fault_server_start(reflect, &mirror, NULL);
        struct kubernetes_client *client = client_for(server, NULL);
        struct error error;
        cJSON *items = NULL;
        assert_false(kubernetes_list(client, &pods, NULL, NULL, &error, &items));
        assert_int_equal(error.code, ERROR_UNAVAILABLE);
        assert_null(items);
        kubernetes_client_free(client);
        fault_server_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_the_request_it_stands_for),
        cmocka_unit_test(metadata_alone_is_asked_for_as_such),
        cmocka_unit_test(own_rights_are_asked_for_and_read),
        cmocka_unit_test(delete_carries_its_preconditions),
        cmocka_unit_test(nothing_is_sent_for_a_target_that_cannot_be),
        cmocka_unit_test(a_json_patch_that_does_not_apply_is_a_conflict_and_a_refused_object_is_not),
        cmocka_unit_test(lists_all_pages_with_version_and_kind_filled_in),
        cmocka_unit_test(lists_an_empty_collection),
        cmocka_unit_test(an_expired_continue_token_starts_the_list_over),
        cmocka_unit_test(a_page_too_large_is_asked_for_in_smaller_ones),
        cmocka_unit_test(ends_when_the_consumer_refuses_and_does_not_blame_the_page),
        cmocka_unit_test(refuses_a_list_that_is_none),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
