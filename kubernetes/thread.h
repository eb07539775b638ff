/* Threads that wait on the API server: started without signals, and stopped by cancellation.
 */
#pragma once

#include "kubernetes/cancellation.h"

#include <pthread.h>

/* Starts `run(argument)` on a thread that gets no signals: those are for the program's own threads. ERROR_IO
 * when there can be none. */
bool thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument,
                  struct error *error) _warn_unused_result_;

/* A thread that runs until it is asked to stop, and is waited for. */
struct stoppable_thread {
    struct cancellation cancellation; /* what `run` waits and makes its calls with */
    pthread_t thread;
};

/* As thread_start. On success the caller owes stoppable_thread_stop. */
bool stoppable_thread_start(struct stoppable_thread *thread, void *(*run)(void *argument), void *argument,
                            struct error *error) _warn_unused_result_;

/* Requests cancellation and waits until `run` has returned. Not from the thread itself. */
void stoppable_thread_stop(struct stoppable_thread *thread);
