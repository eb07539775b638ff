#include "webhook/server/configuration_store.h"

#include <pthread.h>

/* One loaded configuration and who uses it. */
struct loaded {
    struct configuration *configuration;
    size_t references; /* under the mutex; one is the store's own while it is the current one */
    struct loaded *older;
};

struct configuration_store {
    const struct configuration_sources *sources;
    pthread_mutex_t mutex;
    struct loaded *current; /* and, through `older`, those that requests still use */
};

static void loaded_free(struct loaded *loaded)
{
    configuration_free(loaded->configuration);
    free(loaded);
}

/* Takes one reference from `loaded`; when it was the last, unlinks it and returns it to be freed. */
static struct loaded *drop(struct configuration_store *store, struct loaded *loaded)
{
    if (--loaded->references > 0)
        return NULL;
    struct loaded **link = &store->current;
    while (*link != loaded)
        link = &(*link)->older;
    *link = loaded->older;
    return loaded;
}

bool configuration_store_reload(struct configuration_store *store, struct error *error)
{
    struct loaded *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return error_set_no_memory(error);
    if (!configuration_load(store->sources, error, &fresh->configuration)) {
        free(fresh);
        return false;
    }
    pthread_mutex_lock(&store->mutex);
    struct loaded *old = store->current;
    fresh->references = 1;
    fresh->older = old;
    store->current = fresh;
    struct loaded *unused = old ? drop(store, old) : NULL;
    pthread_mutex_unlock(&store->mutex);
    if (unused)
        loaded_free(unused);
    return true;
}

bool configuration_store_new(const struct configuration_sources *sources, struct error *error,
                             struct configuration_store **result)
{
    struct configuration_store *store = calloc(1, sizeof *store);
    if (!store)
        return error_set_no_memory(error);
    store->sources = sources;
    pthread_mutex_init(&store->mutex, NULL);
    if (!configuration_store_reload(store, error)) {
        configuration_store_free(store);
        return false;
    }
    *result = store;
    return true;
}

void configuration_store_free(struct configuration_store *store)
{
    if (!store)
        return;
    if (store->current)
        loaded_free(store->current);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

const struct configuration *configuration_store_acquire(struct configuration_store *store)
{
    pthread_mutex_lock(&store->mutex);
    store->current->references++;
    const struct configuration *configuration = store->current->configuration;
    pthread_mutex_unlock(&store->mutex);
    return configuration;
}

void configuration_store_release(struct configuration_store *store, const struct configuration *configuration)
{
    pthread_mutex_lock(&store->mutex);
    /* Almost always the first one; the list is as long as reloads happened during the longest request. */
    struct loaded *loaded = store->current;
    while (loaded->configuration != configuration)
        loaded = loaded->older;
    struct loaded *unused = drop(store, loaded);
    pthread_mutex_unlock(&store->mutex);
    if (unused)
        loaded_free(unused);
}
