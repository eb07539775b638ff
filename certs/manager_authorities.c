#include "certs/authorities_document.h"
#include "certs/manager_state.h"

#include "common/json.h"

#include <string.h>

/* From now on these are the authorities, and `secret` is where they are. Takes both over. */
static void set_authorities(struct certificate_manager *manager, cJSON *secret,
                            struct authorities *authorities)
{
    authorities_document_wipe(manager->secret);
    manager->secret = secret;
    manager->is_secret_known = true;
    authorities_done(&manager->authorities);
    manager->authorities = *authorities;
    manager->has_authorities = true;
    manager->is_secret_good = true;
    *authorities = (struct authorities){0};
}

/* Takes the Secret over as it is in the cluster. One that cannot be read leaves what was known in use. */
static void take_secret(struct certificate_manager *manager, cJSON *secret)
{
    struct error error;
    struct authorities authorities = {0};
    if (secret && secret_store_parse(secret, &error, &authorities)) {
        set_authorities(manager, secret, &authorities);
        return;
    }
    if (secret && error.code != ERROR_NOT_FOUND)
        manager_fail(manager, "read the Secret", &error);
    authorities_document_wipe(manager->secret);
    manager->secret = secret;
    manager->is_secret_known = true;
    manager->is_secret_good = false;
}

void manager_absorb_secret(struct certificate_manager *manager)
{
    cJSON *secret = NULL;
    if (watched_object_take(&manager->secret_watched, &secret))
        take_secret(manager, secret);
}

/* Writes `authorities` into the Secret; on success they are the known ones. Takes them over. */
static bool save(struct certificate_manager *manager, struct authorities *authorities, const char *what)
{
    struct error error;
    cJSON *written = NULL;
    const struct kubernetes_call call = manager_call(manager);
    if (!secret_store_write(&manager->store, manager->secret, authorities, &call, &error, &written)) {
        authorities_done(authorities);
        return manager_fail(manager, what, &error);
    }
    backoff_reset(&manager->backoff);
    set_authorities(manager, written, authorities);
    return true;
}

/* Whether the Secret holds no document at all: absent, or a placeholder that came with the installation. */
static bool is_empty(const cJSON *secret)
{
    const cJSON *document = json_member(json_member(secret, "data"), SECRET_STORE_KEY);
    return !cJSON_IsString(document) || !*document->valuestring;
}

void manager_ensure_secret(struct certificate_manager *manager, time_t now)
{
    struct error error;
    struct authorities authorities = {0};
    const struct rotation_policy *policy = &manager->options.policy;
    bool is_restored = manager->has_authorities;
    if (!manager->is_secret_known || manager->is_secret_good || !manager_may_write(manager))
        return;
    /* What somebody else put there is overwritten by what is known to be good, never by something new. */
    if (!is_restored && !is_empty(manager->secret))
        return;
    bool is_made = is_restored ? authorities_copy(&manager->authorities, &error, &authorities)
                               : authorities_create(policy->algorithm, now, policy->authority_life_s, &error,
                                                    &authorities);
    if (!is_made) {
        manager_fail(manager, "make an authority", &error);
        return;
    }
    /* When somebody else was faster the watch brings theirs. */
    if (save(manager, &authorities, "write the Secret"))
        manager_report(manager, is_restored ? AUTHORITIES_RESTORED : AUTHORITIES_CREATED,
                       manager->options.secret_name, 0);
}

/* Adds what is trusted by a bundle and perhaps signed for a replica, but not known. Returns how many. */
static size_t keep_unknown(struct certificate_manager *manager, struct authorities *authorities, time_t now)
{
    size_t before = authorities->retired_count;
    time_t until = rotation_retired_until(&manager->options.policy, now);
    if (manager->signer.certificate &&
        !authorities_retire(authorities, manager->signer.certificate, until, NULL))
        return 0;
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        const struct webhook_bundles *bundles = &manager->configurations[i].bundles;
        for (size_t j = 0; j < bundles->count; j++) {
            const certificate_list *list = bundles->items[j];
            for (int k = 0; list && k < sk_X509_num(list); k++) {
                X509 *certificate = sk_X509_value(list, k);
                time_t start = 0, end = 0;
                if (issue_is_own_authority(certificate) &&
                    certificate_read_validity(certificate, NULL, &start, &end) && now < end &&
                    !authorities_retire(authorities, certificate, until, NULL))
                    break;
            }
        }
    }
    return authorities->retired_count - before;
}

/* Takes one step on a copy. ROTATION_NONE when there is nothing to do. */
static bool advance(struct certificate_manager *manager, struct authorities *authorities, time_t now,
                    struct error *error, enum rotation_step *taken)
{
    const struct rotation_policy *policy = &manager->options.policy;
    struct authorities *known = &manager->authorities;
    X509 *newest = known->retired_count ? known->retired[known->retired_count - 1].certificate : NULL;
    const struct rotation_sightings sightings = {
        .next_published_s = manager_sight(&manager->next_published, known->next.certificate,
                                          manager_is_published(manager, known->next.certificate)),
        .retired_seen_s = manager_sight(&manager->retired_known, newest, true),
    };
    if (!rotation_plan(known, policy, &sightings, now, error, taken))
        return false;
    switch (*taken) {
    case ROTATION_PREPARE:
        return authorities_prepare(authorities, policy->algorithm, now, policy->authority_life_s, error);
    case ROTATION_PROMOTE:
        return authorities_promote(authorities, now, rotation_retired_until(policy, now), error);
    case ROTATION_DROP:
        authorities_drop(authorities, now);
        return true;
    case ROTATION_NONE:
        break;
    }
    return true;
}

void manager_rotate(struct certificate_manager *manager, time_t now)
{
    static const enum certificate_event_type events[] = {
        [ROTATION_NONE] = AUTHORITY_KEPT,
        [ROTATION_PREPARE] = AUTHORITY_PREPARED,
        [ROTATION_PROMOTE] = AUTHORITY_PROMOTED,
        [ROTATION_DROP] = AUTHORITY_DROPPED,
    };
    struct error error;
    enum rotation_step taken = ROTATION_NONE;
    struct authorities authorities = {0};
    if (!manager->is_secret_good || !manager_may_write(manager))
        return;
    if (!authorities_copy(&manager->authorities, &error, &authorities)) {
        manager_fail(manager, "rotate the authority", &error);
        return;
    }
    size_t kept = keep_unknown(manager, &authorities, now);
    if (!kept && !advance(manager, &authorities, now, &error, &taken))
        manager_fail(manager, "rotate the authority", &error);
    else if ((kept || taken != ROTATION_NONE) && kubernetes_lease_is_held(manager->lease) &&
             save(manager, &authorities, "write the Secret"))
        manager_report(manager, events[taken], NULL, 0);
    authorities_done(&authorities);
}
