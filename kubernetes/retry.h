/* When to try again and how long to wait: bounded exponential backoff with jitter, and the rule which failed
 * requests may be repeated. Pure but for the random source, which is the caller's. Not for: waiting
 * (cancellation_sleep).
 */
#pragma once

#include "kubernetes/client.h"

/* Attempts of one call, and the waits between them. */
#define KUBERNETES_ATTEMPTS 5u
#define KUBERNETES_RETRY_FIRST_MS 100u
#define KUBERNETES_RETRY_LONGEST_MS 5000u

/* Waits that double from `first_ms` to `longest_ms`, each spread over [half, whole] of its length so that
 * many clients that failed together do not come back together. */
struct backoff {
    unsigned first_ms;
    unsigned longest_ms;
    unsigned next_ms; /* 0: the first */
};

/* The next wait in milliseconds, never 0; `random` is any number of the caller's, used for the jitter. */
unsigned backoff_next_ms(struct backoff *backoff, uint32_t random);

/* After a success: the next failure waits `first_ms` again. */
void backoff_reset(struct backoff *backoff);

/* A number for the jitter; not for secrets. */
uint32_t backoff_random(void);

/* Whether a failed attempt may be repeated: refused unseen (429, no connection made) always; other 5xx, a
 * lost connection, an answer that was cut: only when `is_idempotent`; anything else never. */
bool kubernetes_may_retry(const struct error *error, const struct kubernetes_answer *answer,
                          bool is_idempotent);
