/* Runs one admission request and makes it known: decision hook, metrics, log line. Not for: HTTP. */
#pragma once

#include "webhook/server/exchange.h"

/* Reviews the body with `namespaces` into `exchange->answer`, or sets the refusal. True when it is done;
 * false when the namespace is not known yet and the same call with a source that waits may help: then nothing
 * is decided. */
bool review_attempt(struct exchange *exchange,
                    const struct namespace_source *namespaces) _warn_unused_result_;

/* After the last attempt, or a refusal before any: passes a decision to the hook (which may turn it into a
 * refusal), counts and logs. Once per request, on the worker's thread. */
void review_conclude(struct exchange *exchange);

/* Instead of review_conclude, when the request ended without an answer. */
void review_abandon(struct exchange *exchange);
