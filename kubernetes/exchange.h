/* One HTTP request and its answer, as the transport carries it: what goes out, where the answer's bytes go,
 * and when to give up. Internal to kubernetes/.
 */
#pragma once

#include "common/error.h"
#include "kubernetes/cancellation.h"

#include <stddef.h>
#include <stdint.h>

struct exchange {
    const char *method;
    const char *path;  /* begins with '/' */
    const char *query; /* NULL or "": none */
    const char *body;  /* NULL: none */
    size_t body_length;
    const char *content_type; /* of the body */
    const char *accept;       /* of the answer */
    bool is_idempotent;       /* libcurl may send it again when a kept-alive connection turns out dead */
    uint64_t deadline_ns;     /* by clock_now_ns */
    unsigned stall_ms;        /* longest silence; 0: no limit but the deadline */
    const struct cancellation *cancellation;
    /* Status and headers are here. NULL: nobody wants to know. */
    void (*begin)(void *context, long status);
    /* A piece of the body. Returning false ends the exchange with the error that was set. */
    bool (*receive)(void *context, long status, const char *data, size_t length, struct error *error);
    void *context;
};

/* Filled as far as known in every case. */
struct exchange_result {
    long status; /* 0: no answer */
    unsigned retry_after_s;
    bool was_sent; /* a connection was there: the server may have acted */
};
