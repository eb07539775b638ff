/* One attempt of a request on a client: what calls (with retries) and watches (with resume) share. Internal
 * to kubernetes/.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/exchange.h"

/* Where the pieces of a 2xx answer go, and when to give up. */
struct client_attempt {
    uint64_t deadline_ns; /* by clock_now_ns */
    unsigned stall_ms;    /* longest silence; 0: no limit but the deadline */
    const struct cancellation *cancellation;
    /* The answer is a 2xx and begins. NULL: nobody wants to know. */
    void (*begin)(void *context);
    /* A piece of its body. Returning false ends the attempt with the error that was set. */
    bool (*receive)(void *context, const char *data, size_t length, struct error *error);
    void *context;
};

/* Sends the request once and reports the observation. Success: a 2xx answer came to its end. Other answers
 * become errors as kubernetes/client.h says, method and path in front. `answer` is filled as far as known. */
bool client_attempt_perform(struct kubernetes_client *client, const struct kubernetes_request *request,
                            const struct client_attempt *attempt, struct error *error,
                            struct kubernetes_answer *answer) _warn_unused_result_;

/* The client's time limit and answer limit. */
unsigned client_time_limit_ms(const struct kubernetes_client *client);
size_t client_response_bytes(const struct kubernetes_client *client);
