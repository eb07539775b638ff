/* The record in a Lease object: who holds it, for how long, how it is taken, renewed and given back. Pure:
 * the time is given. Internal to kubernetes/.
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>
#include <time.h>

/* Name of the holder; "" when nobody holds it. Valid as long as the object. */
const char *lease_record_holder(const cJSON *lease);

/* leaseDurationSeconds, or `fallback_s` when it is absent or senseless. */
unsigned lease_record_duration_s(const cJSON *lease, unsigned fallback_s);

/* Whether holder and times are the same in both; metadata does not count. */
bool lease_record_is_equal(const cJSON *left, const cJSON *right);

/* A new object that nobody holds. The caller owns `*lease`. */
bool lease_record_new(const char *namespace_name, const char *name, struct error *error,
                      cJSON **lease) _warn_unused_result_;

/* Makes `identity` the holder from `now` on: renews when it is already, else takes it over, which counts as a
 * transition. A failure leaves the object half changed. */
bool lease_record_hold(cJSON *lease, const char *identity, unsigned duration_s, const struct timespec *now,
                       struct error *error) _warn_unused_result_;

/* Nobody holds it any more; others may take it at once. */
bool lease_record_release(cJSON *lease, const struct timespec *now, struct error *error) _warn_unused_result_;
