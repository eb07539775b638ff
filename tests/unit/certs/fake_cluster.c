#include "tests/unit/certs/fake_cluster.h"

#include "common/base64.h"
#include "common/buffer.h"
#include "common/json.h"
#include "kubernetes/resource.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WATCH_POLL_MS 10
#define NAME_BYTES 256
#define POINTER_BYTES 256
#define BUNDLE_BYTES (64 * 1024)

static const char *const collections[] = {FAKE_SECRETS, FAKE_LEASES, FAKE_MUTATING, FAKE_VALIDATING};

static const char *name_of(const cJSON *tree)
{
    return cJSON_GetStringValue(json_member(json_member(tree, "metadata"), "name"));
}

/* In the functions from here to `serve` the mutex is held. */

/* The slot of an object, deleted ones included; NULL: there never was one. */
static struct fake_object *find_slot(struct fake_cluster *cluster, const char *collection, const char *name)
{
    for (size_t i = 0; i < FAKE_CLUSTER_OBJECTS; i++) {
        struct fake_object *object = &cluster->objects[i];
        if (object->tree && object->collection == collection && strcmp(name_of(object->tree), name) == 0)
            return object;
    }
    return NULL;
}

/* The object; NULL: there is none. */
static struct fake_object *find(struct fake_cluster *cluster, const char *collection, const char *name)
{
    struct fake_object *object = find_slot(cluster, collection, name);
    return object && !object->is_deleted ? object : NULL;
}

static struct fake_object *store(struct fake_cluster *cluster, const char *collection, cJSON *tree)
{
    char version[16];
    struct fake_object *object = find_slot(cluster, collection, name_of(tree));
    for (size_t i = 0; !object && i < FAKE_CLUSTER_OBJECTS; i++)
        if (!cluster->objects[i].tree)
            object = &cluster->objects[i];
    assert_non_null(object);
    cJSON *metadata = json_member(tree, "metadata");
    snprintf(version, sizeof version, "%u", ++cluster->version);
    cJSON_DeleteItemFromObject(metadata, "resourceVersion");
    cJSON_AddStringToObject(metadata, "resourceVersion", version);
    cJSON_Delete(object->tree);
    *object = (struct fake_object){.collection = collection, .tree = tree, .version = cluster->version};
    return object;
}

static bool answer(int status, const cJSON *tree, struct fault_connection *connection)
{
    char *text = cJSON_PrintUnformatted(tree);
    bool is_sent = fault_answer(connection, status, "", text);
    cJSON_free(text);
    return is_sent;
}

static bool refuse_conflict(struct fault_connection *connection)
{
    return fault_status(connection, 409, "Conflict", "somebody else was faster");
}

static bool create(struct fake_cluster *cluster, const char *collection, const struct fault_request *request,
                   struct fault_connection *connection)
{
    cJSON *tree = cJSON_Parse(request->body);
    assert_non_null(name_of(tree));
    if (cluster->rival && collection == collections[0]) {
        store(cluster, collection, cluster->rival);
        cluster->rival = NULL;
    }
    if (find(cluster, collection, name_of(tree))) {
        cJSON_Delete(tree);
        return fault_status(connection, 409, "AlreadyExists", "it is there already");
    }
    return answer(201, store(cluster, collection, tree)->tree, connection);
}

static bool replace(struct fake_cluster *cluster, struct fake_object *object,
                    const struct fault_request *request, struct fault_connection *connection)
{
    cJSON *tree = cJSON_Parse(request->body);
    const char *expected = kubernetes_object_resource_version(tree);
    assert_non_null(expected);
    if (strcmp(expected, kubernetes_object_resource_version(object->tree)) != 0) {
        cJSON_Delete(tree);
        return refuse_conflict(connection);
    }
    return answer(200, store(cluster, object->collection, tree)->tree, connection);
}

/* The value that a JSON pointer without escapes names; `*parent` and `*key` are where it is, or would be. */
static cJSON *follow(cJSON *tree, char *pointer, cJSON **parent, char **key)
{
    cJSON *value = tree;
    char *rest = NULL;
    for (char *part = strtok_r(pointer, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        *parent = value;
        *key = part;
        value = cJSON_IsArray(value) ? cJSON_GetArrayItem(value, (int) strtol(part, NULL, 10))
                                     : json_member(value, part);
    }
    return value;
}

/* One operation of a JSON patch: test, add or replace. False for one that does not apply. */
static bool apply(cJSON *tree, const cJSON *operation)
{
    cJSON *parent = NULL;
    char pointer[POINTER_BYTES], *key = NULL;
    const char *name = cJSON_GetStringValue(json_member(operation, "op"));
    const cJSON *value = json_member(operation, "value");
    snprintf(pointer, sizeof pointer, "%s", cJSON_GetStringValue(json_member(operation, "path")));
    const cJSON *there = follow(tree, pointer, &parent, &key);
    if (strcmp(name, "test") == 0)
        return there && cJSON_Compare(there, value, true);
    if (!cJSON_IsObject(parent) || (strcmp(name, "replace") == 0 && !there))
        return false;
    cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
    return cJSON_AddItemToObject(parent, key, cJSON_Duplicate(value, true));
}

static bool patch(struct fake_cluster *cluster, const struct fake_object *object,
                  const struct fault_request *request, struct fault_connection *connection)
{
    cJSON *operations = cJSON_Parse(request->body), *tree = cJSON_Duplicate(object->tree, true);
    const cJSON *operation = NULL;
    bool is_applied = true;
    cJSON_ArrayForEach(operation, operations) is_applied = is_applied && apply(tree, operation);
    cJSON_Delete(operations);
    if (!is_applied) {
        cJSON_Delete(tree);
        return fault_status(connection, 422, "Invalid",
                            "the server rejected our request due to an error in our request");
    }
    return answer(200, store(cluster, object->collection, tree)->tree, connection);
}

static bool list(struct fake_cluster *cluster, const char *collection, const char *name,
                 struct fault_connection *connection)
{
    cJSON *answered = cJSON_CreateObject(), *metadata = cJSON_AddObjectToObject(answered, "metadata");
    cJSON *items = cJSON_AddArrayToObject(answered, "items");
    char version[16];
    snprintf(version, sizeof version, "%u", cluster->version);
    cJSON_AddStringToObject(answered, "kind", "List");
    cJSON_AddStringToObject(metadata, "resourceVersion", version);
    const struct fake_object *object = find(cluster, collection, name);
    if (object)
        cJSON_AddItemToArray(items, cJSON_Duplicate(object->tree, true));
    bool is_sent = answer(200, answered, connection);
    cJSON_Delete(answered);
    return is_sent;
}

static bool serve_object(struct fake_cluster *cluster, const char *collection, const char *name,
                         const struct fault_request *request, struct fault_connection *connection)
{
    struct fake_object *object = find(cluster, collection, name);
    if (!object)
        return fault_status(connection, 404, "NotFound", "there is none");
    if (strcmp(request->method, "PUT") == 0)
        return replace(cluster, object, request, connection);
    if (strcmp(request->method, "PATCH") == 0)
        return patch(cluster, object, request, connection);
    return answer(200, object->tree, connection);
}

static bool is_denied(struct fake_cluster *cluster, const char *collection,
                      const struct fault_request *request)
{
    bool denies = cluster->denied_method && strcmp(request->method, cluster->denied_method) == 0 &&
                  strcmp(collection, cluster->denied_collection) == 0;
    cluster->denials += denies;
    return denies;
}

static bool serve(struct fake_cluster *cluster, const char *collection, const char *rest,
                  const struct fault_request *request, struct fault_connection *connection)
{
    char name[NAME_BYTES];
    if (is_denied(cluster, collection, request))
        return fault_status(connection, 403, "Forbidden", "this account may not do this");
    if (strcmp(request->method, "POST") == 0)
        return create(cluster, collection, request, connection);
    if (*rest == '/') {
        snprintf(name, sizeof name, "%.*s", (int) strcspn(rest + 1, "?"), rest + 1);
        return serve_object(cluster, collection, name, request, connection);
    }
    fault_query(request, "fieldSelector", name, sizeof name);
    return list(cluster, collection, name + strlen("metadata.name="), connection);
}

/* Sends the object each time that it has changed or is gone, as long as the client listens. */
static bool watch(struct fake_cluster *cluster, const char *collection, const struct fault_request *request,
                  struct fault_connection *connection)
{
    char selector[NAME_BYTES], text[32];
    fault_query(request, "fieldSelector", selector, sizeof selector);
    fault_query(request, "resourceVersion", text, sizeof text);
    const char *name = selector + strlen("metadata.name=");
    unsigned seen = (unsigned) strtoul(text, NULL, 10);
    bool is_open = fault_begin_chunked(connection);
    while (is_open) {
        char *event = NULL;
        pthread_mutex_lock(&cluster->mutex);
        const struct fake_object *object = find_slot(cluster, collection, name);
        if (object && object->version > seen) {
            char *tree = cJSON_PrintUnformatted(object->tree);
            assert_true(asprintf(&event, "{\"type\":\"%s\",\"object\":%s}\n",
                                 object->is_deleted ? "DELETED" : "MODIFIED", tree) > 0);
            cJSON_free(tree);
        }
        seen = cluster->version;
        pthread_mutex_unlock(&cluster->mutex);
        is_open = (!event || fault_chunk(connection, event)) && fault_wait(connection, WATCH_POLL_MS);
        free(event);
    }
    return false;
}

static bool on_request(void *context, const struct fault_request *request,
                       struct fault_connection *connection)
{
    struct fake_cluster *cluster = context;
    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++) {
        char is_watch[8];
        size_t length = strlen(collections[i]);
        if (strncmp(request->target, collections[i], length) != 0)
            continue;
        fault_query(request, "watch", is_watch, sizeof is_watch);
        pthread_mutex_lock(&cluster->mutex);
        bool is_watch_served = *is_watch && !is_denied(cluster, collections[i], request);
        bool is_open =
            is_watch_served || serve(cluster, collections[i], request->target + length, request, connection);
        pthread_mutex_unlock(&cluster->mutex);
        return is_watch_served ? watch(cluster, collections[i], request, connection) : is_open;
    }
    return fault_status(connection, 404, "NotFound", "no such resource");
}

struct fake_cluster *fake_cluster_start(void)
{
    struct fake_cluster *cluster = calloc(1, sizeof *cluster);
    assert_non_null(cluster);
    pthread_mutex_init(&cluster->mutex, NULL);
    cluster->server = fault_server_start(on_request, cluster, NULL);
    cluster->client = client_for(cluster->server, NULL);
    return cluster;
}

void fake_cluster_stop(struct fake_cluster *cluster)
{
    kubernetes_client_free(cluster->client);
    fault_server_stop(cluster->server);
    for (size_t i = 0; i < FAKE_CLUSTER_OBJECTS; i++)
        cJSON_Delete(cluster->objects[i].tree);
    cJSON_Delete(cluster->rival);
    pthread_mutex_destroy(&cluster->mutex);
    free(cluster);
}

/* The array's own string, by which objects are found. */
static const char *known_collection(const char *collection)
{
    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++)
        if (strcmp(collection, collections[i]) == 0)
            return collections[i];
    fail_msg("no collection %s", collection);
    return NULL;
}

void fake_cluster_put(struct fake_cluster *cluster, const char *collection, cJSON *tree)
{
    assert_non_null(name_of(tree));
    pthread_mutex_lock(&cluster->mutex);
    store(cluster, known_collection(collection), tree);
    pthread_mutex_unlock(&cluster->mutex);
}

cJSON *fake_cluster_get(struct fake_cluster *cluster, const char *collection, const char *name)
{
    pthread_mutex_lock(&cluster->mutex);
    const struct fake_object *object = find(cluster, known_collection(collection), name);
    cJSON *copy = object ? cJSON_Duplicate(object->tree, true) : NULL;
    pthread_mutex_unlock(&cluster->mutex);
    return copy;
}

void fake_cluster_delete(struct fake_cluster *cluster, const char *collection, const char *name)
{
    pthread_mutex_lock(&cluster->mutex);
    struct fake_object *object = find(cluster, known_collection(collection), name);
    assert_non_null(object);
    object->is_deleted = true;
    object->version = ++cluster->version;
    pthread_mutex_unlock(&cluster->mutex);
}

void fake_cluster_deny(struct fake_cluster *cluster, const char *method, const char *collection)
{
    pthread_mutex_lock(&cluster->mutex);
    cluster->denied_method = method;
    cluster->denied_collection = collection;
    pthread_mutex_unlock(&cluster->mutex);
}

cJSON *fake_cluster_configuration(const char *name, const char *service)
{
    char *text = NULL;
    assert_true(
        asprintf(
            &text,
            "{\"metadata\":{\"name\":\"%s\"},\"webhooks\":["
            "{\"name\":\"theirs\",\"clientConfig\":{\"url\":\"https://192.0.2.1/\"}},"
            "{\"name\":\"ours\",\"clientConfig\":{\"service\":{\"namespace\":\"ns\",\"name\":\"%s\"}}}]}",
            name, service) > 0);
    cJSON *configuration = cJSON_Parse(text);
    free(text);
    return configuration;
}

void fake_cluster_set_bundles(struct fake_cluster *cluster, const char *name, const char *pem)
{
    const char *const kinds[] = {FAKE_MUTATING, FAKE_VALIDATING};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cJSON *object = fake_cluster_get(cluster, kinds[i], name);
        cJSON *client = json_member(cJSON_GetArrayItem(json_member(object, "webhooks"), 1), "clientConfig");
        cJSON_DeleteItemFromObject(client, "caBundle");
        if (pem) {
            struct buffer encoded = BUFFER_INIT(BUNDLE_BYTES);
            base64_append(&encoded, pem, strlen(pem));
            cJSON_AddStringToObject(client, "caBundle", buffer_string(&encoded));
            buffer_done(&encoded);
        }
        fake_cluster_put(cluster, kinds[i], object);
    }
}
