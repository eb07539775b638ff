/* The client, the reflector and the namespace cache against a real API server. */
#include "common/json.h"
#include "kubernetes/objects.h"
#include "tests/integration/kubernetes/cluster.h"
#include "tests/integration/kubernetes/mirror.h"
#include "webhook/admission/namespace_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A client and a namespace of the test's own. */
struct place {
    struct kubernetes_client *client;
    char namespace_name[64];
    struct kubernetes_target collection; /* its ConfigMaps */
    struct kubernetes_target object;     /* the one named "a" */
};

static void open_place(struct place *place)
{
    place->client = cluster_client();
    cluster_namespace_make(place->client, place->namespace_name);
    place->collection = (struct kubernetes_target){.resource = &kubernetes_config_maps,
                                                   .namespace_name = place->namespace_name};
    place->object = place->collection;
    place->object.name = "a";
}

static void close_place(struct place *place)
{
    cluster_namespace_remove(place->client, place->namespace_name);
    kubernetes_client_free(place->client);
}

static void expect_error(const struct error *error, enum error_code code, const char *part)
{
    if (error->code != code || !strstr(error->message, part))
        fail_msg("%s: %s", error_code_name(error->code), error->message);
}

static const char *entry_of(const cJSON *object)
{
    return cJSON_GetStringValue(json_member(json_member(object, "data"), "key"));
}

static void creates_reads_updates_and_deletes(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    open_place(&place);
    cJSON *given = cluster_config_map("a", "one");
    cJSON *created = NULL, *read = NULL, *updated = NULL;
    assert_true(kubernetes_create(place.client, &place.collection, given, NULL, &error, &created));
    assert_non_null(kubernetes_object_uid(created));
    assert_false(kubernetes_create(place.client, &place.collection, given, NULL, &error, NULL));
    expect_error(&error, ERROR_ALREADY_EXISTS, "configmaps \"a\" already exists");

    assert_true(kubernetes_get(place.client, &place.object, NULL, &error, &read));
    assert_string_equal(entry_of(read), "one");
    cJSON_SetValuestring(json_member(json_member(read, "data"), "key"), "two");
    assert_true(kubernetes_update(place.client, &place.object, read, NULL, &error, &updated));
    assert_false(kubernetes_update(place.client, &place.object, read, NULL, &error, NULL));
    expect_error(&error, ERROR_CONFLICT, "the object has been modified");

    assert_true(kubernetes_delete(place.client, &place.object, NULL, NULL, &error));
    assert_false(kubernetes_delete(place.client, &place.object, NULL, NULL, &error));
    expect_error(&error, ERROR_NOT_FOUND, "configmaps \"a\" not found");
    cJSON_Delete(given);
    cJSON_Delete(created);
    cJSON_Delete(read);
    cJSON_Delete(updated);
    close_place(&place);
}

static void deletes_only_the_object_that_was_meant(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    open_place(&place);
    cluster_config_map_make(place.client, place.namespace_name, "a");
    cJSON *read = NULL;
    assert_true(kubernetes_get(place.client, &place.object, NULL, &error, &read));
    struct kubernetes_delete_options options = {.uid = "11111111-2222-3333-4444-555555555555",
                                                .grace_period_s = KUBERNETES_GRACE_DEFAULT};
    assert_false(kubernetes_delete(place.client, &place.object, &options, NULL, &error));
    expect_error(&error, ERROR_CONFLICT, "UID");
    options.uid = kubernetes_object_uid(read);
    options.resource_version = "1";
    assert_false(kubernetes_delete(place.client, &place.object, &options, NULL, &error));
    expect_error(&error, ERROR_CONFLICT, "ResourceVersion");
    options.resource_version = kubernetes_object_resource_version(read);
    options.propagation = KUBERNETES_PROPAGATION_BACKGROUND;
    assert_true(kubernetes_delete(place.client, &place.object, &options, NULL, &error));
    cJSON_Delete(read);
    close_place(&place);
}

/* Applies JSON Patch operations given as text to the object. */
static bool patch(struct place *place, const char *operations, struct error *error)
{
    cJSON *parsed = cJSON_Parse(operations);
    assert_non_null(parsed);
    bool is_patched = kubernetes_patch_json(place->client, &place->object, parsed, NULL, error, NULL);
    cJSON_Delete(parsed);
    return is_patched;
}

static void tells_a_patch_that_does_not_apply_from_one_that_is_refused(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    open_place(&place);
    cluster_config_map_make(place.client, place.namespace_name, "a");
    if (!patch(&place,
               "[{\"op\":\"test\",\"path\":\"/data/key\",\"value\":\"value\"},"
               "{\"op\":\"replace\",\"path\":\"/data/key\",\"value\":\"new\"}]",
               &error))
        fail_msg("%s", error.message);
    assert_false(patch(&place,
                       "[{\"op\":\"test\",\"path\":\"/data/key\",\"value\":\"value\"},"
                       "{\"op\":\"replace\",\"path\":\"/data/key\",\"value\":\"newer\"}]",
                       &error));
    expect_error(&error, ERROR_CONFLICT, "the patch does not apply");
    assert_false(patch(&place, "[{\"op\":\"remove\",\"path\":\"/data/absent\"}]", &error));
    expect_error(&error, ERROR_CONFLICT, "the patch does not apply");
    assert_false(patch(&place, "[{\"op\":\"add\",\"path\":\"/data/not~1allowed\",\"value\":\"x\"}]", &error));
    expect_error(&error, ERROR_INVALID, "data[not/allowed]");

    cJSON *read = NULL;
    cJSON *change = cJSON_Parse("{\"data\":{\"key\":null,\"other\":\"x\"}}");
    assert_true(kubernetes_patch_merge(place.client, &place.object, change, NULL, &error, &read));
    assert_null(entry_of(read));
    cJSON_Delete(change);
    cJSON_Delete(read);
    close_place(&place);
}

static void applies_as_a_field_manager(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    open_place(&place);
    cJSON *mine = cluster_config_map("a", "mine");
    cJSON *theirs = cluster_config_map("a", "theirs");
    cJSON *applied = NULL;
    assert_true(kubernetes_apply(place.client, &place.object, mine, "me", false, NULL, &error, NULL));
    assert_false(kubernetes_apply(place.client, &place.object, theirs, "them", false, NULL, &error, NULL));
    expect_error(&error, ERROR_CONFLICT, "conflict with \"me\"");
    assert_true(kubernetes_apply(place.client, &place.object, theirs, "them", true, NULL, &error, &applied));
    assert_string_equal(entry_of(applied), "theirs");
    cJSON_Delete(mine);
    cJSON_Delete(theirs);
    cJSON_Delete(applied);
    close_place(&place);
}

static void a_dry_run_changes_nothing(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    const struct kubernetes_call dry = {.is_dry_run = true};
    open_place(&place);
    cJSON *given = cluster_config_map("a", "one");
    cJSON *created = NULL;
    assert_true(kubernetes_create(place.client, &place.collection, given, &dry, &error, &created));
    assert_non_null(kubernetes_object_uid(created));
    cJSON *read = NULL;
    assert_false(kubernetes_get(place.client, &place.object, NULL, &error, &read));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    cluster_config_map_make(place.client, place.namespace_name, "a");
    assert_true(kubernetes_delete(place.client, &place.object, NULL, &dry, &error));
    assert_true(kubernetes_get(place.client, &place.object, NULL, &error, &read));
    cJSON_Delete(given);
    cJSON_Delete(created);
    cJSON_Delete(read);
    close_place(&place);
}

/* A client with this token instead of the kubeconfig's credentials. */
static struct kubernetes_client *client_with_token(const char *token)
{
    struct kubernetes_configuration *configuration = NULL;
    struct kubernetes_client *client = NULL;
    struct error error;
    assert_true(kubernetes_configuration_load(NULL, NULL, &error, &configuration));
    struct kubernetes_material *materials[] = {&configuration->client_certificate, &configuration->client_key,
                                               &configuration->token};
    for (size_t i = 0; i < 3; i++) {
        free(materials[i]->path);
        free(materials[i]->data);
        *materials[i] = (struct kubernetes_material){0};
    }
    configuration->token.data = strdup(token);
    configuration->token.length = strlen(token);
    assert_true(kubernetes_client_new(configuration, NULL, &error, &client));
    return client;
}

/* A token for the account, by its `token` subresource. */
static char *request_token(struct place *place, const char *account)
{
    const struct kubernetes_target accounts = {.resource = &kubernetes_service_accounts,
                                               .namespace_name = place->namespace_name};
    struct kubernetes_target token = accounts;
    token.name = account;
    token.subresource = "token";
    struct error error;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "metadata"), "name", account);
    cJSON *request =
        cJSON_Parse("{\"kind\":\"TokenRequest\",\"apiVersion\":\"authentication.k8s.io/v1\",\"spec\":{}}");
    cJSON *answer = NULL;
    assert_true(kubernetes_create(place->client, &accounts, object, NULL, &error, NULL));
    if (!kubernetes_create(place->client, &token, request, NULL, &error, &answer))
        fail_msg("%s", error.message);
    char *text = strdup(cJSON_GetStringValue(json_member(json_member(answer, "status"), "token")));
    cJSON_Delete(object);
    cJSON_Delete(request);
    cJSON_Delete(answer);
    return text;
}

static void permissions_are_told_from_absence(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    struct kubernetes_answer answer;
    const struct kubernetes_call call = {.answer = &answer};
    cJSON *read = NULL;
    open_place(&place);
    char *token = request_token(&place, "nobody");
    struct kubernetes_client *nobody = client_with_token(token);
    assert_false(kubernetes_get(nobody, &place.object, &call, &error, &read));
    expect_error(&error, ERROR_PERMISSION_DENIED, "cannot get resource \"configmaps\"");
    assert_int_equal(answer.status, 403);
    struct kubernetes_client *stranger = client_with_token("hunter2");
    assert_false(kubernetes_get(stranger, &place.object, &call, &error, &read));
    expect_error(&error, ERROR_PERMISSION_DENIED, "Unauthorized");
    assert_int_equal(answer.status, 401);
    assert_null(strstr(error.message, "hunter2"));
    kubernetes_client_free(nobody);
    kubernetes_client_free(stranger);
    free(token);
    close_place(&place);
}

static void lists_page_by_page_and_by_label(void **state)
{
    (void) state;
    enum { OBJECTS = 130 };
    struct place place;
    struct error error;
    open_place(&place);
    for (int i = 0; i < OBJECTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%03d", i);
        cluster_config_map_make(place.client, place.namespace_name, name);
    }
    const struct kubernetes_list_options options = {.label_selector = "test=yes", .page_size = 20};
    cJSON *items = NULL;
    assert_true(kubernetes_list(place.client, &place.collection, &options, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), OBJECTS);
    for (int i = 0; i < OBJECTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%03d", i);
        const cJSON *item = cJSON_GetArrayItem(items, i);
        assert_string_equal(kubernetes_object_name(item), name);
        assert_string_equal(cJSON_GetStringValue(json_member(item, "kind")), "ConfigMap");
    }
    cJSON_Delete(items);
    const struct kubernetes_list_options none = {.label_selector = "test=no"};
    assert_true(kubernetes_list(place.client, &place.collection, &none, NULL, &error, &items));
    assert_int_equal(cJSON_GetArraySize(items), 0);
    cJSON_Delete(items);
    close_place(&place);
}

static void follows_a_collection(void **state)
{
    (void) state;
    struct place place;
    struct error error;
    open_place(&place);
    cluster_config_map_make(place.client, place.namespace_name, "a");
    struct mirror *mirror = mirror_start(place.client, &place.collection, "test=yes");
    assert_true(mirror_becomes(mirror, "a=value "));
    cluster_config_map_make(place.client, place.namespace_name, "b");
    assert_true(mirror_becomes(mirror, "a=value b=value "));
    assert_true(patch(&place, "[{\"op\":\"replace\",\"path\":\"/data/key\",\"value\":\"new\"}]", &error));
    assert_true(mirror_becomes(mirror, "a=new b=value "));
    /* What no longer matches the selector is gone from the collection. */
    assert_true(patch(&place, "[{\"op\":\"remove\",\"path\":\"/metadata/labels/test\"}]", &error));
    assert_true(mirror_becomes(mirror, "b=value "));
    mirror_free(mirror);
    close_place(&place);
}

static void a_watch_that_ends_is_resumed_without_a_list(void **state)
{
    (void) state;
    struct place place;
    open_place(&place);
    const struct kubernetes_reflector_options options = {.watch_seconds = 1};
    struct mirror *mirror = mirror_start_with(place.client, &place.collection, &options);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        cluster_config_map_make(place.client, place.namespace_name, name);
        cancellation_sleep(NULL, 1000);
    }
    assert_true(mirror_has(mirror, "m4"));
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(mirror->reflector, &statistics);
    assert_int_equal(statistics.lists, 1);
    assert_true(statistics.watches >= 3);
    assert_int_equal(statistics.failures, 0);
    mirror_free(mirror);
    close_place(&place);
}

static void knows_a_new_namespace_within_the_wait_of_a_lookup(void **state)
{
    (void) state;
    struct kubernetes_client *client = cluster_client();
    struct namespace_cache *cache = NULL;
    struct error error;
    assert_true(namespace_cache_new(client, NULL, NULL, NULL, &error, &cache));
    struct namespace_source source = namespace_cache_source(cache);
    cJSON *annotations = NULL;
    assert_true(source.find(source.context, "default", NAMESPACE_WAIT_MS, &error, &annotations));
    char name[64];
    cluster_namespace_make(client, name);
    if (!source.find(source.context, name, NAMESPACE_WAIT_MS, &error, &annotations))
        fail_msg("%s", error.message);
    assert_null(annotations);
    cluster_namespace_remove(client, name);
    namespace_cache_free(cache);
    kubernetes_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_reads_updates_and_deletes),
        cmocka_unit_test(deletes_only_the_object_that_was_meant),
        cmocka_unit_test(tells_a_patch_that_does_not_apply_from_one_that_is_refused),
        cmocka_unit_test(applies_as_a_field_manager),
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(permissions_are_told_from_absence),
        cmocka_unit_test(lists_page_by_page_and_by_label),
        cmocka_unit_test(follows_a_collection),
        cmocka_unit_test(a_watch_that_ends_is_resumed_without_a_list),
        cmocka_unit_test(knows_a_new_namespace_within_the_wait_of_a_lookup),
    };
    return cmocka_run_group_tests(tests, cluster_setup, cluster_teardown);
}
