/* One connection of the server with the request on it: memory that is reused from request to request. Not
 * for: what is answered (routes.c, review.c).
 */
#pragma once

#include "webhook/server/refusal.h"
#include "webhook/server/server.h"
#include "webhook/server/tls.h"
#include "webhook/server/waiting_room.h"

#include <stdatomic.h>

/* Largest answer: a patch in base64 can be a third larger than the pod in it. */
#define SERVER_ANSWER_BYTES (16u * 1024 * 1024)

/* Longest header of a request, request line included. */
#define SERVER_HEADER_BYTES (8u * 1024)

/* All bodies being received or reviewed together, beyond SERVER_BODY_FREE_BYTES of each: many large requests
 * at once get 503 instead of all the memory. */
#define SERVER_BODY_BUDGET_BYTES (32u * 1024 * 1024)
#define SERVER_BODY_FREE_BYTES (64u * 1024)

/* What the connections of a server share. */
struct server_context {
    struct server_options options;
    struct tls tls;
    struct waiting_room *waiting_room;
    atomic_size_t body_bytes; /* charged to SERVER_BODY_BUDGET_BYTES */
};

/* The record of a request with a larger body is written at once, alone: not many large ones wait in memory.
 */
#define SERVER_TOGETHER_BYTES (16u * 1024)

enum exchange_target { TARGET_UNKNOWN, TARGET_MUTATE, TARGET_VALIDATE, TARGET_HEALTH, TARGET_READINESS };

struct exchange {
    struct tls_connection tls; /* first: see tls_connection_init */
    struct server_context *server;
    unsigned authenticated; /* generation in which the client was found to be allowed; 0: not asked yet */

    /* The request; reset by exchange_begin. */
    enum exchange_target target;
    struct refusal refusal;
    struct error error; /* keeps the message of a refusal that is not static */
    struct buffer body;
    size_t charged;
    struct buffer answer;
    uint64_t started_ns;
    bool is_in_flight;                         /* counted as such */
    uint64_t waiting_since_ns;                 /* for its namespace */
    bool is_reviewed;                          /* it need not be looked at again */
    bool is_decided;                           /* the answer is there, but for its end */
    bool is_settled;                           /* its record is written, its answer or refusal whole */
    bool is_recorded;                          /* in the audit log */
    bool is_concluded;                         /* counted and logged */
    struct admission_record *record;           /* of a reviewed request, until it is settled; or NULL */
    const struct configuration *configuration; /* held while reviewed */
    struct admission_outcome outcome;
};

/* NULL without memory. */
struct exchange *exchange_new(struct server_context *server, struct http_connection *connection);
void exchange_free(struct exchange *exchange);

/* A request begins. */
void exchange_begin(struct exchange *exchange, enum exchange_target target);

/* Sets the refusal, unless there is one; later body is dropped. `message` is static. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *message);

/* Adds to the body; at its limits the request becomes refused. */
void exchange_append_body(struct exchange *exchange, const char *data, size_t length);

/* The request waits for its namespace from now on; and how much of NAMESPACE_WAIT_MS is left for that. */
void exchange_begin_waiting(struct exchange *exchange);
unsigned exchange_waiting_left_ms(const struct exchange *exchange);

/* The request is over: gives back large memory. */
void exchange_end(struct exchange *exchange);

/* Whether the target is one that reviews. */
bool exchange_is_review(const struct exchange *exchange);

/* Since the request began. */
uint64_t exchange_duration_ns(const struct exchange *exchange);
