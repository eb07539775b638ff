/* When certificates are replaced: the policy, and the next step that it asks for. Pure: the time and what was
 * seen in the cluster are given.
 *
 * Not for: taking the steps (certs/authorities.h) and waiting for their time (certs/manager.h).
 */
#pragma once

#include "certs/authorities.h"

#include <stdint.h>

#define ROTATION_AUTHORITY_LIFE_S (365 * 24 * 3600)
#define ROTATION_LEAF_LIFE_S (7 * 24 * 3600)
/* How long a bundle must have held an authority, without a break, before it counts as known to every API
 * server: they learn of changes by watches of their own. */
#define ROTATION_PROPAGATION_S 10
/* How long a process keeps a retired authority at least, whatever its clock says of its end. */
#define ROTATION_RETIRED_S 60

/* Shortest lives: tests use seconds. An authority lives at least four times as long as what it signs. */
#define ROTATION_LEAF_LIFE_MINIMUM_S 5
#define ROTATION_LIFE_FACTOR 4

struct rotation_policy {
    enum key_algorithm algorithm;
    time_t authority_life_s;
    time_t leaf_life_s;
    time_t propagation_s;
};

/* ERROR_INVALID that says which life is too short. */
bool rotation_policy_check(const struct rotation_policy *policy, struct error *error) _warn_unused_result_;

enum rotation_step { ROTATION_NONE, ROTATION_PREPARE, ROTATION_PROMOTE, ROTATION_DROP };

/* What was seen, by the clock that does not jump. */
struct rotation_sightings {
    uint64_t next_published_s; /* for how long every bundle has held the next authority */
    uint64_t retired_seen_s;   /* for how long the retired ones have been known to be retired */
};

/* What to do now. A next authority that waits to be published is promoted all the same when the current one
 * ends within a leaf's life: its cross certificate carries it until then, and after that nothing else would.
 */
bool rotation_plan(const struct authorities *authorities, const struct rotation_policy *policy,
                   const struct rotation_sightings *sightings, time_t now, struct error *error,
                   enum rotation_step *step) _warn_unused_result_;

/* Until when an authority that is retired now stays trusted: longer than anything it signed, and by the
 * tolerance for clocks that differ. */
time_t rotation_retired_until(const struct rotation_policy *policy, time_t now);

/* When a certificate made at `issued` that ends at `not_after` is to be renewed: at two thirds of its life,
 * up to a tenth of its life earlier, by `random`, so that replicas do not renew together. */
time_t rotation_renewal(time_t issued, time_t not_after, uint32_t random);
