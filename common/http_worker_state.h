/* The inside of an HTTP worker, and what its files share. Private to common/: http_worker.c and http_phase.c.
 * All of it belongs to the worker's thread, but for what is said beside it.
 */
#pragma once

#include "common/http_worker.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct http_worker {
    struct http_worker_options options;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int wake;  /* eventfd */
    int epoll; /* over `wake` and the daemon's own epoll descriptor */
    struct http_connection *first;
    uint64_t next_scan_ms;
    uint64_t drain_deadline_ms; /* valid once is_draining */
    atomic_bool is_draining;
    bool has_quiesced;
    sem_t quiesced; /* posted once */
    bool must_end;
    struct http_connection *first_deferred, *last_deferred; /* in this round, in their order */
    unsigned deferred;                                      /* how many they are */
    bool has_moved; /* in this round: bytes, as far as they are known, or a request */
    int handshakes; /* under way */
    unsigned suspended;
    unsigned cut_off; /* read after the thread has ended */
};

/* http_phase.c: what connections are doing, and the time they have for it. */

/* The clock of the limits, in milliseconds: coarse, and cheap to read. */
uint64_t http_phase_now_ms(void);

/* The connection is in this phase from now on. */
void http_phase_enter(struct http_connection *connection, enum http_phase phase);

/* The connection waits for its first request: the `bytes` that came so far were no part of one. */
void http_phase_await_first_request(struct http_connection *connection, uint64_t bytes);

/* Ends connections whose phase takes too long; at most every HTTP_TICK_MS, and nothing in between. */
void http_phase_scan(struct http_worker *worker);

/* Closes, while draining, the connections that cut nothing off: those that brought nothing for a while, and
 * where nothing waits. */
void http_phase_close_quiet(struct http_worker *worker);
