#include "tests/integration/kubernetes/mirror.h"

#include "common/json.h"
#include "tests/integration/kubernetes/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_list_begin(void *context)
{
    struct mirror *mirror = context;
    pthread_mutex_lock(&mirror->mutex);
    cJSON_Delete(mirror->unseen);
    mirror->unseen = cJSON_Duplicate(mirror->objects, true);
    pthread_mutex_unlock(&mirror->mutex);
}

static bool on_object(void *context, cJSON **object, struct error *error)
{
    (void) error;
    struct mirror *mirror = context;
    const char *name = kubernetes_object_name(*object);
    const char *value = cJSON_GetStringValue(json_member(json_member(*object, "data"), "key"));
    pthread_mutex_lock(&mirror->mutex);
    cJSON_DeleteItemFromObjectCaseSensitive(mirror->objects, name);
    cJSON_AddStringToObject(mirror->objects, name, value ? value : "");
    cJSON_DeleteItemFromObjectCaseSensitive(mirror->unseen, name);
    pthread_mutex_unlock(&mirror->mutex);
    return true;
}

static void on_deleted(void *context, const cJSON *object)
{
    struct mirror *mirror = context;
    pthread_mutex_lock(&mirror->mutex);
    cJSON_DeleteItemFromObjectCaseSensitive(mirror->objects, kubernetes_object_name(object));
    pthread_mutex_unlock(&mirror->mutex);
}

static void on_list_end(void *context)
{
    struct mirror *mirror = context;
    pthread_mutex_lock(&mirror->mutex);
    const cJSON *gone;
    cJSON_ArrayForEach(gone, mirror->unseen)
        cJSON_DeleteItemFromObjectCaseSensitive(mirror->objects, gone->string);
    pthread_mutex_unlock(&mirror->mutex);
}

static void on_failed(void *context, const struct error *error, unsigned retry_ms)
{
    struct mirror *mirror = context;
    print_message("             again in %u ms: %s\n", retry_ms, error->message);
    while (atomic_load(&mirror->is_held))
        cancellation_sleep(NULL, 10);
}

struct mirror *mirror_start_with(struct kubernetes_client *client, const struct kubernetes_target *target,
                                 const struct kubernetes_reflector_options *options)
{
    struct mirror *mirror = calloc(1, sizeof *mirror);
    struct error error;
    assert_non_null(mirror);
    pthread_mutex_init(&mirror->mutex, NULL);
    mirror->objects = cJSON_CreateObject();
    mirror->unseen = cJSON_CreateObject();
    const struct kubernetes_reflector_handler handler = {
        .list_begin = on_list_begin,
        .object = on_object,
        .deleted = on_deleted,
        .list_end = on_list_end,
        .failed = on_failed,
        .context = mirror,
    };
    if (!kubernetes_reflector_start(client, target, options, &handler, &error, &mirror->reflector))
        fail_msg("%s", error.message);
    return mirror;
}

struct mirror *mirror_start(struct kubernetes_client *client, const struct kubernetes_target *target,
                            const char *label_selector)
{
    const struct kubernetes_reflector_options options = {.label_selector = label_selector};
    return mirror_start_with(client, target, &options);
}

void mirror_free(struct mirror *mirror)
{
    kubernetes_reflector_free(mirror->reflector);
    pthread_mutex_destroy(&mirror->mutex);
    cJSON_Delete(mirror->objects);
    cJSON_Delete(mirror->unseen);
    free(mirror);
}

struct question {
    struct mirror *mirror;
    const char *text;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp((*(const cJSON *const *) left)->string, (*(const cJSON *const *) right)->string);
}

static bool is_as_expected(void *context)
{
    const struct question *question = context;
    const cJSON *sorted[1024];
    size_t count = 0;
    const cJSON *object;
    struct buffer text = BUFFER_INIT(65536);
    pthread_mutex_lock(&question->mirror->mutex);
    cJSON_ArrayForEach(object, question->mirror->objects) sorted[count++] = object;
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&text, "%s=%s ", sorted[i]->string, sorted[i]->valuestring);
    pthread_mutex_unlock(&question->mirror->mutex);
    bool is_equal = strcmp(buffer_string(&text), question->text) == 0;
    buffer_done(&text);
    return is_equal;
}

bool mirror_becomes(struct mirror *mirror, const char *expected)
{
    struct question question = {mirror, expected};
    return cluster_eventually(is_as_expected, &question);
}

static bool is_there(void *context)
{
    const struct question *question = context;
    pthread_mutex_lock(&question->mirror->mutex);
    bool is_present = json_member(question->mirror->objects, question->text);
    pthread_mutex_unlock(&question->mirror->mutex);
    return is_present;
}

bool mirror_has(struct mirror *mirror, const char *name)
{
    struct question question = {mirror, name};
    return cluster_eventually(is_there, &question);
}
