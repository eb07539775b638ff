/* Answers that are no AdmissionReview: what a client is told when its request cannot be served. The body is a
 * Kubernetes Status, whose message the API server passes on to the user. The one place that turns error codes
 * into HTTP statuses.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#define REFUSAL_CONTENT_TYPE "application/json"

struct refusal {
    unsigned status;     /* 0: none */
    const char *message; /* static or owned by somebody who stays */
    const char *allow;   /* 405: the methods; else NULL */
};

/* 400 for bad input, 503 for what may go away, 500 otherwise. */
unsigned refusal_status_of_error(enum error_code code);

/* Makes `body` the Status object, or a fixed one when memory is short. Returns the text, which lives as long
 * as `body` is not changed. */
const char *refusal_print(unsigned status, const char *message, struct buffer *body);
