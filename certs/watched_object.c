#include "certs/watched_object.h"

#include "certs/authorities_document.h"

#include <stdio.h>

#define SELECTOR_BYTES 320

static void set_news(struct watched_object *watched, cJSON *object)
{
    pthread_mutex_lock(&watched->mutex);
    cJSON *old = watched->object;
    watched->object = object;
    watched->has_news = true;
    pthread_mutex_unlock(&watched->mutex);
    authorities_document_wipe(old);
    watched->listener.changed(watched->listener.context);
}

static void begin_list(void *context)
{
    struct watched_object *watched = context;
    watched->is_listed = false;
}

static bool take_object(void *context, cJSON **object, struct error *error)
{
    (void) error;
    struct watched_object *watched = context;
    watched->is_listed = true;
    set_news(watched, take_pointer(object));
    return true;
}

static void note_deletion(void *context, const cJSON *object)
{
    (void) object;
    set_news(context, NULL);
}

static void end_list(void *context)
{
    struct watched_object *watched = context;
    if (!watched->is_listed)
        set_news(watched, NULL);
}

static void note_failure(void *context, const struct error *error, unsigned retry_ms)
{
    (void) retry_ms;
    struct watched_object *watched = context;
    watched->listener.failed(watched->listener.context, error);
}

bool watched_object_start(struct watched_object *watched, struct kubernetes_client *client,
                          const struct kubernetes_target *target,
                          const struct watched_object_listener *listener, struct error *error)
{
    char selector[SELECTOR_BYTES];
    *watched = (struct watched_object){.listener = *listener};
    pthread_mutex_init(&watched->mutex, NULL);
    snprintf(selector, sizeof selector, "metadata.name=%s", target->name);
    const struct kubernetes_target collection = {.resource = target->resource,
                                                 .namespace_name = target->namespace_name};
    const struct kubernetes_reflector_options options = {.field_selector = selector};
    const struct kubernetes_reflector_handler handler = {
        .list_begin = begin_list,
        .object = take_object,
        .deleted = note_deletion,
        .list_end = end_list,
        .failed = note_failure,
        .context = watched,
    };
    return kubernetes_reflector_start(client, &collection, &options, &handler, error, &watched->reflector);
}

void watched_object_stop(struct watched_object *watched)
{
    if (!watched->listener.changed)
        return;
    kubernetes_reflector_free(watched->reflector);
    authorities_document_wipe(watched->object);
    pthread_mutex_destroy(&watched->mutex);
    *watched = (struct watched_object){0};
}

bool watched_object_take(struct watched_object *watched, cJSON **object)
{
    pthread_mutex_lock(&watched->mutex);
    bool has_news = watched->has_news;
    if (has_news)
        *object = take_pointer(&watched->object);
    watched->has_news = false;
    pthread_mutex_unlock(&watched->mutex);
    return has_news;
}
