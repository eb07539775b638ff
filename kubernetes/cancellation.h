/* A way to end waits early: one thread asks, every thread that waits on this object wakes at once and fails
 * with ERROR_CANCELLED. Asked once it stays asked. Not for: pausing, or for waking just one of several
 * waiters.
 */
#pragma once

#include "common/error.h"

#include <stdatomic.h>
#include <stdint.h>

struct cancellation {
    atomic_bool is_requested;
    int descriptor; /* an eventfd, readable once cancellation was requested; for poll, never to be read */
};

/* Fails with ERROR_IO when no descriptor is left. On success the caller owes cancellation_done, after the
 * last waiter has returned. */
bool cancellation_init(struct cancellation *cancellation, struct error *error) _warn_unused_result_;
void cancellation_done(struct cancellation *cancellation);

/* Wakes all present and future waiters. Any thread, any number of times; also from a signal handler. */
void cancellation_request(struct cancellation *cancellation);

/* NULL: never cancelled. */
bool cancellation_is_requested(const struct cancellation *cancellation);

/* Sleeps `milliseconds` unless cancelled before; true when the time passed undisturbed, false (at once) when
 * cancelled. NULL: an ordinary sleep. */
bool cancellation_sleep(const struct cancellation *cancellation, unsigned milliseconds);

/* Sets ERROR_CANCELLED; returns false. */
bool cancellation_set_error(struct error *error);
