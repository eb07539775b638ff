/* Starting the library's own threads. Internal to kubernetes/.
 */
#pragma once

#include "common/error.h"

#include <pthread.h>

/* A thread that gets no signals: those are for the program's own threads. ERROR_IO when there can be none. */
bool thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument,
                  struct error *error) _warn_unused_result_;
