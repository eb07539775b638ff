#include "driver/rpc/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define WORKER_IDLE_SECONDS 10
/* TLS, JSON and gRPC below a handler stay well under this. */
#define WORKER_STACK_BYTES (512u * 1024)

struct rpc_workers {
    pthread_mutex_t mutex;
    pthread_cond_t work_waits;
    pthread_cond_t thread_ended;
    pthread_attr_t attributes;
    struct rpc_work *first;
    struct rpc_work **last;
    unsigned queued;
    unsigned threads;
    unsigned idle;
    bool is_ending;
};

bool rpc_workers_new(struct error *error, struct rpc_workers **created)
{
    struct rpc_workers *workers = calloc(1, sizeof *workers);
    if (!workers)
        return error_set_no_memory(error);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->work_waits, &clock);
    pthread_cond_init(&workers->thread_ended, NULL);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&workers->attributes);
    pthread_attr_setdetachstate(&workers->attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&workers->attributes, WORKER_STACK_BYTES);
    workers->last = &workers->first;
    *created = workers;
    return true;
}

/* With the mutex held. False: nothing came for WORKER_IDLE_SECONDS, or the end. */
static bool wait_for_work(struct rpc_workers *workers)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WORKER_IDLE_SECONDS;
    workers->idle++;
    int result = 0;
    while (!workers->first && !workers->is_ending && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&workers->work_waits, &workers->mutex, &deadline);
    workers->idle--;
    return workers->first != NULL;
}

static struct rpc_work *take_work(struct rpc_workers *workers)
{
    struct rpc_work *work = workers->first;
    workers->first = work->next;
    if (!workers->first)
        workers->last = &workers->first;
    workers->queued--;
    return work;
}

static void *work_until_idle(void *argument)
{
    struct rpc_workers *workers = argument;
    pthread_mutex_lock(&workers->mutex);
    while (wait_for_work(workers)) {
        struct rpc_work *work = take_work(workers);
        pthread_mutex_unlock(&workers->mutex);
        work->run(work);
        pthread_mutex_lock(&workers->mutex);
    }
    workers->threads--;
    pthread_cond_signal(&workers->thread_ended);
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

/* With the mutex held. */
static bool ensure_thread(struct rpc_workers *workers)
{
    if (workers->idle > workers->queued || workers->threads == WORKERS_MAXIMUM)
        return true;
    pthread_t thread;
    if (pthread_create(&thread, &workers->attributes, work_until_idle, workers) != 0)
        return workers->threads > 0;
    workers->threads++;
    return true;
}

bool rpc_workers_submit(struct rpc_workers *workers, struct rpc_work *work)
{
    pthread_mutex_lock(&workers->mutex);
    bool accepted = ensure_thread(workers);
    if (accepted) {
        work->next = NULL;
        *workers->last = work;
        workers->last = &work->next;
        workers->queued++;
        pthread_cond_signal(&workers->work_waits);
    }
    pthread_mutex_unlock(&workers->mutex);
    return accepted;
}

void rpc_workers_free(struct rpc_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->mutex);
    workers->is_ending = true;
    pthread_cond_broadcast(&workers->work_waits);
    while (workers->threads > 0)
        pthread_cond_wait(&workers->thread_ended, &workers->mutex);
    pthread_mutex_unlock(&workers->mutex);
    pthread_mutex_destroy(&workers->mutex);
    pthread_cond_destroy(&workers->work_waits);
    pthread_cond_destroy(&workers->thread_ended);
    pthread_attr_destroy(&workers->attributes);
    free(workers);
}
