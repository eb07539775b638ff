#include "certs/rotation.h"

bool rotation_policy_check(const struct rotation_policy *policy, struct error *error)
{
    if (policy->leaf_life_s < ROTATION_LEAF_LIFE_MINIMUM_S)
        return error_set(error, ERROR_INVALID, "a certificate must live for %d seconds at least",
                         ROTATION_LEAF_LIFE_MINIMUM_S);
    if (policy->authority_life_s / ROTATION_LIFE_FACTOR < policy->leaf_life_s)
        return error_set(error, ERROR_INVALID,
                         "an authority must live %d times as long as the certificates it signs at least",
                         ROTATION_LIFE_FACTOR);
    return true;
}

static bool is_drop_due(const struct authorities *authorities, const struct rotation_policy *policy,
                        const struct rotation_sightings *sightings, time_t now)
{
    time_t least = policy->leaf_life_s < ROTATION_RETIRED_S ? policy->leaf_life_s : ROTATION_RETIRED_S;
    if (sightings->retired_seen_s < (uint64_t) least)
        return false;
    for (size_t i = 0; i < authorities->retired_count; i++)
        if (now >= authorities->retired[i].until)
            return true;
    return false;
}

bool rotation_plan(const struct authorities *authorities, const struct rotation_policy *policy,
                   const struct rotation_sightings *sightings, time_t now, struct error *error,
                   enum rotation_step *step)
{
    time_t start = 0, end = 0;
    if (!certificate_read_validity(authorities->current.certificate, error, &start, &end))
        return false;
    time_t left = end - now;
    /* Whoever made it has a clock that is fast. Nobody can sign with it. */
    bool is_early = now < start;
    bool is_published = sightings->next_published_s >= (uint64_t) policy->propagation_s;
    /* First what makes room: only so many may be retired, and a promotion retires one more. */
    if (is_drop_due(authorities, policy, sightings, now))
        *step = ROTATION_DROP;
    else if (authorities->next.certificate)
        *step = is_published || left < policy->leaf_life_s ? ROTATION_PROMOTE : ROTATION_NONE;
    else
        *step = is_early || left < (end - start) / 3 || left < 2 * policy->leaf_life_s ? ROTATION_PREPARE
                                                                                       : ROTATION_NONE;
    return true;
}

time_t rotation_retired_until(const struct rotation_policy *policy, time_t now)
{
    return now + policy->leaf_life_s + ISSUE_BACKDATE_S;
}

time_t rotation_renewal(time_t issued, time_t not_after, uint32_t random)
{
    time_t life = not_after - issued;
    return issued + life * 2 / 3 - (time_t) (random % (uint64_t) (life / 10 + 1));
}
