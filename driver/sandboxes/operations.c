#include "driver/sandboxes/operations.h"

#include <string.h>

void operations_init(struct operations *operations)
{
    *operations = (struct operations){0};
    pthread_mutex_init(&operations->mutex, NULL);
    pthread_cond_init(&operations->ended, NULL);
}

void operations_done(struct operations *operations)
{
    pthread_mutex_destroy(&operations->mutex);
    pthread_cond_destroy(&operations->ended);
}

static bool is_busy(const struct operations *operations, const char *sandbox_id)
{
    for (const struct operation *other = operations->first; other; other = other->next) {
        if (strcmp(other->sandbox_id, sandbox_id) == 0)
            return true;
    }
    return false;
}

static void enter(struct operations *operations, const char *sandbox_id, struct operation *operation)
{
    *operation = (struct operation){sandbox_id, operations->first};
    operations->first = operation;
}

void operation_begin(struct operations *operations, const char *sandbox_id, struct operation *operation)
{
    pthread_mutex_lock(&operations->mutex);
    while (is_busy(operations, sandbox_id))
        pthread_cond_wait(&operations->ended, &operations->mutex);
    enter(operations, sandbox_id, operation);
    pthread_mutex_unlock(&operations->mutex);
}

bool operation_try_begin(struct operations *operations, const char *sandbox_id, struct operation *operation)
{
    pthread_mutex_lock(&operations->mutex);
    bool is_free = !is_busy(operations, sandbox_id);
    if (is_free)
        enter(operations, sandbox_id, operation);
    pthread_mutex_unlock(&operations->mutex);
    return is_free;
}

void operation_end(struct operations *operations, struct operation *operation)
{
    pthread_mutex_lock(&operations->mutex);
    struct operation **link = &operations->first;
    while (*link != operation)
        link = &(*link)->next;
    *link = operation->next;
    pthread_cond_broadcast(&operations->ended);
    pthread_mutex_unlock(&operations->mutex);
}
