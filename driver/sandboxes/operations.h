/* Which sandboxes are being worked on: one operation at a time for each.
 *
 * Not for: waiting for the cluster; an operation gives its place up before it waits long.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct operation {
    const char *sandbox_id; /* the caller's */
    struct operation *next;
};

struct operations {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    struct operation *first;
};

void operations_init(struct operations *operations);
void operations_done(struct operations *operations);

/* Waits until nobody works on this sandbox, then takes its place. `operation` stays where it is until
 * operation_end. */
void operation_begin(struct operations *operations, const char *sandbox_id, struct operation *operation);

/* The same without waiting; false: somebody works on it. */
bool operation_try_begin(struct operations *operations, const char *sandbox_id, struct operation *operation);

void operation_end(struct operations *operations, struct operation *operation);
