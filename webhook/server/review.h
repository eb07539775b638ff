/* Runs one admission request and makes it known: recorder, metrics, log line. Not for: HTTP. */
#pragma once

#include "webhook/server/exchange.h"

/* Reviews the body into `exchange->answer`, or sets the refusal; either is recorded. False when a namespace
 * is not known yet and another attempt, with a source that waits, may help: then nothing is decided. */
bool review_attempt(struct exchange *exchange) _warn_unused_result_;

/* The same with `namespaces`, whatever comes of it. */
void review_last_attempt(struct exchange *exchange, const struct namespace_source *namespaces);

/* After the last attempt, or a refusal before any: counts and logs. Once per request, on the worker's thread.
 */
void review_conclude(struct exchange *exchange);

/* Instead of review_conclude, when the request ended without an answer. */
void review_abandon(struct exchange *exchange);
