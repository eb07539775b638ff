/* A consumer of a reflector that holds a whole collection of ConfigMaps, by name, to be compared with what it
 * should be.
 */
#pragma once

#include "kubernetes/reflector.h"

#include <pthread.h>
#include <stdatomic.h>

struct mirror {
    struct kubernetes_reflector *reflector;
    atomic_bool is_held;   /* after its next failure the reflector goes on only when this is false again */
    pthread_mutex_t mutex; /* guards what follows */
    cJSON *objects;        /* name: value of data.key */
    cJSON *unseen;         /* while a list comes in: what it has not named yet */
};

struct mirror *mirror_start(struct kubernetes_client *client, const struct kubernetes_target *target,
                            const char *label_selector);
struct mirror *mirror_start_with(struct kubernetes_client *client, const struct kubernetes_target *target,
                                 const struct kubernetes_reflector_options *options);
void mirror_free(struct mirror *mirror);

/* Waits until the collection is `expected`: "name=value " of each object, in the order of names. */
bool mirror_becomes(struct mirror *mirror, const char *expected);

/* Waits until an object of this name is there. */
bool mirror_has(struct mirror *mirror, const char *name);
