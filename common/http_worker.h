/* An HTTP server thread: one libmicrohttpd daemon over a listening socket, driven by a thread of ours, which
 * adds what libmicrohttpd lacks:
 *
 *   - time limits on a TLS handshake, on a whole header and on a whole request (it only knows idle time,
 * which a client that sends a byte now and then never reaches);
 *   - a request as three calls (begin, body, finish) instead of one with many meanings;
 *   - an end that loses no request that has arrived.
 *
 * Several workers may share one listening socket; everything of a connection happens on its worker's thread.
 * TLS comes in through libmicrohttpd's own options. Not for: what is answered.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds of the connections of one worker. */
struct http_limits {
    unsigned connections; /* open at once; others wait in the socket's backlog */
    unsigned header_ms;   /* TLS handshake; and a request's header, from its first byte */
    unsigned request_ms;  /* from the end of the header until the answer is sent */
    unsigned idle_ms;     /* between requests */
    size_t memory_bytes;  /* libmicrohttpd's memory for a connection; a header must fit in about half */
};

/* How often time limits are looked at: they are kept to within this. */
#define HTTP_TICK_MS 250

/* What a connection is doing, which says which limit runs. */
enum http_phase { HTTP_HANDSHAKE, HTTP_IDLE, HTTP_HEADER, HTTP_REQUEST };

struct http_worker;

struct http_connection {
    struct MHD_Connection *connection;
    void *state; /* the service's own */
    struct http_connection *next_deferred;
    /* The rest belongs to http_worker.c and http_phase.c. */
    struct http_worker *worker;
    struct http_connection *next, *previous;
    int descriptor;
    enum http_phase phase;
    bool is_begun;
    bool is_complete; /* body and all */
    bool is_late;     /* its body took too long; nothing of it is looked at any more */
    bool is_shut;
    bool has_idle_bytes;
    bool is_suspended;
    bool is_deferred; /* in this round */
    uint64_t idle_bytes;
    uint64_t since_ms; /* in this phase */
    uint64_t deadline_ms;
};

/* Who answers. Called on the worker's thread; `context` is the options'. */
struct http_service {
    /* A connection was made / is gone. May be NULL. `opened` returns false to have it closed at once. */
    bool (*opened)(void *context, struct http_connection *connection);
    void (*closed)(void *context, struct http_connection *connection);
    /* A request's header is there. May answer already, which refuses the body and closes the connection
     * afterwards if there is one. False closes at once. */
    bool (*begin)(void *context, struct http_connection *connection, const char *method, const char *path);
    /* Some of the body. False closes at once: nothing can be answered in the middle of a body. */
    bool (*body)(void *context, struct http_connection *connection, const char *data, size_t length);
    /* The request is complete: answers, suspends or defers. False closes at once. */
    bool (*finish)(void *context, struct http_connection *connection);
    /* All that had arrived was looked at, or a good number; these connections were deferred, linked by
     * `next_deferred`, in their order. May be NULL when none ever is. */
    void (*deferred)(void *context, struct http_connection *first);
    /* The body takes longer than the limit, and the connection is about to be closed, whether `begin`
     * answered or not. libmicrohttpd takes no answer now: one must be written past it, to the client itself.
     * May be NULL. */
    void (*late)(void *context, struct http_connection *connection);
    /* After `begin`: the answer was sent (`is_sent`), or the request ended without. May be NULL. */
    void (*completed)(void *context, struct http_connection *connection, bool is_sent);
    /* What libmicrohttpd has to say: failed handshakes, no descriptors left. May be NULL. */
    void (*message)(void *context, const char *text);
};

struct http_worker_options {
    const char *thread_name;  /* at most 15 characters; copied */
    int listening_descriptor; /* the caller's; open until http_worker_drain has returned */
    struct http_limits limits;
    bool is_tls;
    const struct MHD_OptionItem *items; /* more options, ended by MHD_OPTION_END; NULL: none. For TLS at least
                                           the certificate. What they point to outlives the worker. */
    const struct http_service *service; /* outlives the worker */
    void *context;
};

/* Starts the thread; ERROR_INTERNAL when libmicrohttpd refuses the options, ERROR_IO, ERROR_NO_MEMORY. The
 * caller frees `*worker`. */
bool http_worker_start(const struct http_worker_options *options, struct error *error,
                       struct http_worker **worker) _warn_unused_result_;

/* Begins the end: idle connections are closed, requests under way are answered; after `timeout_ms` what is
 * left is cut off. Returns as soon as no connection is accepted any more. From any other thread, once. */
void http_worker_drain(struct http_worker *worker, unsigned timeout_ms);

/* Waits for the end of the thread and frees it; without http_worker_drain before, everything is cut off.
 * Returns how many connections were cut off in the middle of a request. NULL: 0. Waits for suspended
 * connections to be resumed. */
unsigned http_worker_free(struct http_worker *worker);

/* Bytes came or went on a TLS connection. Without this a worker with a handshake under way takes it that
 * there is nothing to do, and waits. */
void http_connection_note_traffic(struct http_connection *connection);

/* The TLS handshake is done: from now on the connection is idle. Plain connections are from the start. */
void http_connection_set_established(struct http_connection *connection);

/* From `finish`, once in a round, which then returns true: `finish` is called again as soon as what has
 * arrived was looked at, and `deferred` was called. So requests that arrive together can be answered
 * together. */
void http_connection_defer(struct http_connection *connection);

/* From `finish`, which then returns true: nothing happens on the connection until http_connection_resume,
 * which any thread may call, once; then `finish` is called again. */
void http_connection_suspend(struct http_connection *connection);
void http_connection_resume(struct http_connection *connection);
