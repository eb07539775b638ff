#include "webhook/admission/namespace_cache.h"

#include "common/json.h"
#include "kubernetes/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct entry {
    char *name;
    cJSON *annotations; /* those kept; NULL: none */
    uint64_t list;      /* the list that named it last */
};

struct namespace_cache {
    struct kubernetes_reflector *reflector;
    void (*report)(void *context, const struct error *error, unsigned retry_ms);
    void *report_context;

    pthread_rwlock_t lock; /* guards the entries */
    struct entry *entries; /* sorted by name */
    size_t count;
    size_t reserved;
    uint64_t list; /* the number of the list that came last; the reflector's thread alone */

    /* Waiting lookups: the mutex is held from looking to waiting, and by whoever adds a namespace. */
    pthread_mutex_t wait_mutex;
    pthread_cond_t added;
};

/* Where `name` is (true) or belongs (false). The lock is held. */
static bool locate(const struct namespace_cache *cache, const char *name, size_t *position)
{
    size_t low = 0, high = cache->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(cache->entries[middle].name, name);
        if (order == 0) {
            *position = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *position = low;
    return false;
}

static void entry_done(struct entry *entry)
{
    free(entry->name);
    cJSON_Delete(entry->annotations);
}

static bool keep_annotation(cJSON *kept, const char *key, const char *value)
{
    if (strlen(value) <= NAMESPACE_VALUE_BYTES)
        return cJSON_AddStringToObject(kept, key, value);
    char cut[NAMESPACE_VALUE_BYTES + 1];
    snprintf(cut, sizeof cut, "%.*s", (int) NAMESPACE_VALUE_BYTES, value);
    return cJSON_AddStringToObject(kept, key, cut);
}

/* The annotations that matter, as a tree of our own: the namespace's may be large. */
static bool select_annotations(const cJSON *object, struct error *error, cJSON **annotations)
{
    _cleanup_(cJSON_Deletep) cJSON *kept = NULL;
    const cJSON *annotation;
    cJSON_ArrayForEach(annotation, json_member(json_member(object, "metadata"), "annotations"))
    {
        if (!annotation->string || !cJSON_IsString(annotation) ||
            strncmp(annotation->string, NAMESPACE_ANNOTATION_PREFIX, strlen(NAMESPACE_ANNOTATION_PREFIX)) !=
                0)
            continue;
        if ((!kept && !(kept = cJSON_CreateObject())) ||
            !keep_annotation(kept, annotation->string, annotation->valuestring))
            return error_set_no_memory(error);
    }
    *annotations = take_pointer(&kept);
    return true;
}

static bool reserve_entry(struct namespace_cache *cache, struct error *error)
{
    if (cache->count < cache->reserved)
        return true;
    if (cache->count == NAMESPACE_CACHE_ENTRIES)
        return error_set(error, ERROR_TOO_LARGE, "more than %u namespaces", NAMESPACE_CACHE_ENTRIES);
    size_t reserved = cache->reserved ? cache->reserved * 2 : 64;
    struct entry *entries = realloc(cache->entries, reserved * sizeof *entries);
    if (!entries)
        return error_set_no_memory(error);
    cache->entries = entries;
    cache->reserved = reserved;
    return true;
}

/* Takes `entry` over on success. The lock is held for writing. */
static bool insert(struct namespace_cache *cache, size_t position, const struct entry *entry,
                   struct error *error)
{
    if (!reserve_entry(cache, error))
        return false;
    memmove(&cache->entries[position + 1], &cache->entries[position],
            (cache->count - position) * sizeof *cache->entries);
    cache->entries[position] = *entry;
    cache->count++;
    return true;
}

static void wake_waiting(struct namespace_cache *cache)
{
    pthread_mutex_lock(&cache->wait_mutex);
    pthread_cond_broadcast(&cache->added);
    pthread_mutex_unlock(&cache->wait_mutex);
}

static void on_list_begin(void *context)
{
    struct namespace_cache *cache = context;
    cache->list++;
}

static bool on_object(void *context, cJSON **object, struct error *error)
{
    struct namespace_cache *cache = context;
    const char *name = kubernetes_object_name(*object);
    if (!name)
        return error_set(error, ERROR_UNAVAILABLE, "namespace: metadata.name is missing");
    struct entry entry = {.name = strdup(name), .list = cache->list};
    if (!entry.name || !select_annotations(*object, error, &entry.annotations)) {
        entry_done(&entry);
        return error_set_no_memory(error);
    }
    size_t position;
    bool is_stored = true;
    pthread_rwlock_wrlock(&cache->lock);
    if (locate(cache, name, &position)) {
        struct entry before = cache->entries[position];
        cache->entries[position] = entry;
        entry = before;
    } else {
        is_stored = insert(cache, position, &entry, error);
        if (is_stored)
            entry = (struct entry){0};
    }
    pthread_rwlock_unlock(&cache->lock);
    entry_done(&entry);
    if (is_stored)
        wake_waiting(cache);
    return is_stored;
}

static void on_deleted(void *context, const cJSON *object)
{
    struct namespace_cache *cache = context;
    const char *name = kubernetes_object_name(object);
    struct entry removed = {0};
    size_t position;
    pthread_rwlock_wrlock(&cache->lock);
    if (name && locate(cache, name, &position)) {
        removed = cache->entries[position];
        cache->count--;
        memmove(&cache->entries[position], &cache->entries[position + 1],
                (cache->count - position) * sizeof *cache->entries);
    }
    pthread_rwlock_unlock(&cache->lock);
    entry_done(&removed);
}

/* What the list did not name was deleted while nobody watched. */
static void on_list_end(void *context)
{
    struct namespace_cache *cache = context;
    size_t kept = 0;
    pthread_rwlock_wrlock(&cache->lock);
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->entries[i].list == cache->list)
            cache->entries[kept++] = cache->entries[i];
        else
            entry_done(&cache->entries[i]);
    }
    cache->count = kept;
    pthread_rwlock_unlock(&cache->lock);
}

static void on_failed(void *context, const struct error *error, unsigned retry_ms)
{
    const struct namespace_cache *cache = context;
    if (cache->report)
        cache->report(cache->report_context, error, retry_ms);
}

static bool start(struct namespace_cache *cache, struct kubernetes_client *client,
                  const struct kubernetes_reflector_options *options, struct error *error)
{
    const struct kubernetes_target target = {.resource = &kubernetes_namespaces};
    const struct kubernetes_reflector_handler handler = {
        .list_begin = on_list_begin,
        .object = on_object,
        .deleted = on_deleted,
        .list_end = on_list_end,
        .failed = on_failed,
        .context = cache,
    };
    return kubernetes_reflector_start(client, &target, options, &handler, error, &cache->reflector);
}

static void init_lock(pthread_rwlock_t *lock)
{
    /* Else a steady stream of lookups could keep every change out. */
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

bool namespace_cache_new(struct kubernetes_client *client, const struct kubernetes_reflector_options *options,
                         void (*report)(void *context, const struct error *error, unsigned retry_ms),
                         void *report_context, struct error *error, struct namespace_cache **cache)
{
    struct namespace_cache *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    init_lock(&made->lock);
    pthread_mutex_init(&made->wait_mutex, NULL);
    pthread_cond_init(&made->added, NULL);
    made->report = report;
    made->report_context = report_context;
    if (!start(made, client, options, error)) {
        namespace_cache_free(made);
        return error_prefix(error, "namespace cache");
    }
    *cache = made;
    return true;
}

void namespace_cache_free(struct namespace_cache *cache)
{
    if (!cache)
        return;
    kubernetes_reflector_free(cache->reflector);
    for (size_t i = 0; i < cache->count; i++)
        entry_done(&cache->entries[i]);
    free(cache->entries);
    pthread_cond_destroy(&cache->added);
    pthread_mutex_destroy(&cache->wait_mutex);
    pthread_rwlock_destroy(&cache->lock);
    free(cache);
}

enum lookup { LOOKUP_FOUND, LOOKUP_UNKNOWN, LOOKUP_NO_MEMORY };

static enum lookup look_up(struct namespace_cache *cache, const char *name, cJSON **annotations)
{
    size_t position;
    enum lookup outcome = LOOKUP_UNKNOWN;
    pthread_rwlock_rdlock(&cache->lock);
    if (locate(cache, name, &position)) {
        const cJSON *kept = cache->entries[position].annotations;
        *annotations = kept ? cJSON_Duplicate(kept, true) : NULL;
        outcome = kept && !*annotations ? LOOKUP_NO_MEMORY : LOOKUP_FOUND;
    }
    pthread_rwlock_unlock(&cache->lock);
    return outcome;
}

static enum lookup wait_for(struct namespace_cache *cache, const char *name, unsigned wait_ms,
                            cJSON **annotations)
{
    struct timespec deadline = clock_wait_deadline(wait_ms);
    int failure = 0;
    pthread_mutex_lock(&cache->wait_mutex);
    enum lookup outcome = look_up(cache, name, annotations);
    while (outcome == LOOKUP_UNKNOWN && failure != ETIMEDOUT) {
        failure = pthread_cond_clockwait(&cache->added, &cache->wait_mutex, CLOCK_MONOTONIC, &deadline);
        outcome = look_up(cache, name, annotations);
    }
    pthread_mutex_unlock(&cache->wait_mutex);
    return outcome;
}

static bool find(void *context, const char *name, unsigned wait_ms, struct error *error, cJSON **annotations)
{
    struct namespace_cache *cache = context;
    cJSON *found = NULL;
    enum lookup outcome = look_up(cache, name, &found);
    if (outcome == LOOKUP_UNKNOWN && wait_ms > 0)
        outcome = wait_for(cache, name, wait_ms, &found);
    if (outcome == LOOKUP_NO_MEMORY)
        return error_set_no_memory(error);
    if (outcome == LOOKUP_UNKNOWN)
        return error_set(error, ERROR_UNAVAILABLE, "namespace \"%s\" is not known", name);
    *annotations = found;
    return true;
}

struct namespace_source namespace_cache_source(struct namespace_cache *cache)
{
    return (struct namespace_source){.find = find, .context = cache};
}

bool namespace_cache_is_synced(struct namespace_cache *cache)
{
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(cache->reflector, &statistics);
    return statistics.is_synced;
}
