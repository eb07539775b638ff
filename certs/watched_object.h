/* One object of the API server as it is now, followed by a watch of its own. Not for: collections.
 */
#pragma once

#include "kubernetes/reflector.h"

#include <pthread.h>

/* Told on the watch's thread; quick. */
struct watched_object_listener {
    /* Something is there to be taken. */
    void (*changed)(void *context);
    /* The watch failed and is tried again. */
    void (*failed)(void *context, const struct error *error);
    void *context;
};

struct watched_object {
    struct kubernetes_reflector *reflector;
    struct watched_object_listener listener;
    bool is_listed; /* the watch's own: the list under way held it */
    pthread_mutex_t mutex;
    cJSON *object; /* newest, not taken yet; NULL: absent, or taken */
    bool has_news; /* `object`, or its absence, was not taken yet */
};

/* Starts the watch of `target`, which names an object. It may be absent. Neither moves nor is copied until
 * watched_object_stop. Errors: those of the reflector. */
bool watched_object_start(struct watched_object *watched, struct kubernetes_client *client,
                          const struct kubernetes_target *target,
                          const struct watched_object_listener *listener,
                          struct error *error) _warn_unused_result_;

/* Ends the watch and releases what was not taken. Accepts a zeroed struct. */
void watched_object_stop(struct watched_object *watched);

/* True when there is news since the last call: `*object` is the newest state, the caller's, or NULL when it
 * does not exist. */
bool watched_object_take(struct watched_object *watched, cJSON **object);
