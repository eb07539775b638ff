/* Runs one admission request and makes it known: recorder, metrics, log line. Not for: HTTP. */
#pragma once

#include "webhook/server/exchange.h"

/* Decides on the body, and prepares the record of that. False when a namespace is not known yet and another
 * attempt, which waits, may help: then nothing is decided. */
bool review_attempt(struct exchange *exchange) _warn_unused_result_;

/* The same, whatever comes of it; waits at most `wait_ms` for the namespace. */
void review_last_attempt(struct exchange *exchange, unsigned wait_ms);

/* After the last attempt: writes the records of requests on connections that are linked by `next_deferred`,
 * together, and then ends the answer of each, or sets its refusal. Those that are settled are left alone. */
void review_settle_deferred(struct http_connection *first);
/* The same for one request alone. */
void review_settle(struct exchange *exchange);

/* After that, or a refusal before any attempt: counts and logs. Once per request, on the worker's thread. */
void review_conclude(struct exchange *exchange);

/* Instead of review_conclude, when the request ended without an answer. What was decided is recorded. */
void review_abandon(struct exchange *exchange);
