/* Runs one admission request and makes it known: recorder, metrics, log line. Not for: HTTP. */
#pragma once

#include "webhook/server/exchange.h"

/* Reviews the body into `exchange->answer`, or sets the refusal; either is recorded. False when a namespace
 * is not known yet and another attempt, which waits, may help: then nothing is decided. */
bool review_attempt(struct exchange *exchange) _warn_unused_result_;

/* The same, whatever comes of it; waits at most `wait_ms` for the namespace. */
void review_last_attempt(struct exchange *exchange, unsigned wait_ms);

/* After the last attempt, or a refusal before any: counts and logs. Once per request, on the worker's thread.
 */
void review_conclude(struct exchange *exchange);

/* Instead of review_conclude, when the request ended without an answer. */
void review_abandon(struct exchange *exchange);
