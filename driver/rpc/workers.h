/* Threads for calls that block: started when work comes and nobody is free, ended when idle for a while.
 *
 * Not for: periodic work, and not for anything that must outlive the calls.
 */
#pragma once

#include "common/error.h"

/* Calls that run at once. A stop waits for its pod for up to a minute, and so holds a thread that long. */
#define WORKERS_MAXIMUM 256

struct rpc_workers;

/* The caller owns `*created` (rpc_workers_free). Starts no thread yet. */
bool rpc_workers_new(struct error *error, struct rpc_workers **created) _warn_unused_result_;

/* One piece of work, embedded in whatever it is about. */
struct rpc_work {
    void (*run)(struct rpc_work *work);
    struct rpc_work *next; /* the queue's */
};

/* Queues the work. False, and the work will not run: no thread could be started and none exists. */
bool rpc_workers_submit(struct rpc_workers *workers, struct rpc_work *work) _warn_unused_result_;

/* Waits until all work that was submitted is done, ends the threads, frees. Accepts NULL. */
void rpc_workers_free(struct rpc_workers *workers);
