#include "kubernetes/thread.h"

#include <signal.h>

bool thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument, struct error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure == 0 || error_set_errno(error, ERROR_IO, failure, "cannot start a thread");
}

bool stoppable_thread_start(struct stoppable_thread *thread, void *(*run)(void *argument), void *argument,
                            struct error *error)
{
    if (!cancellation_init(&thread->cancellation, error))
        return false;
    if (thread_start(&thread->thread, run, argument, error))
        return true;
    cancellation_done(&thread->cancellation);
    return false;
}

void stoppable_thread_stop(struct stoppable_thread *thread)
{
    cancellation_request(&thread->cancellation);
    pthread_join(thread->thread, NULL);
    cancellation_done(&thread->cancellation);
}
