/* A consumer of a reflector that holds a whole collection of ConfigMaps, by name, to be compared with what it
 * should be.
 */
#pragma once

#include "kubernetes/reflector.h"

#include <pthread.h>

struct mirror {
    struct kubernetes_reflector *reflector;
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
