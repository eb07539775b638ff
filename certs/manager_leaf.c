#include "certs/manager_state.h"

#include "kubernetes/clock.h"

#define RENEWAL_RETRY_MS 1000u
/* So long before it ends a cross certificate is served no more: time enough to make another chain. */
#define CROSS_MARGIN_S 60

/* A signer that is about to end is left even if the bundles are not known to hold its successor. */
static bool is_ending(const struct certificate_manager *manager, time_t now)
{
    time_t start = 0, end = 0;
    return !certificate_read_validity(manager->signer.certificate, NULL, &start, &end) ||
           end - now < manager->options.policy.leaf_life_s / 3;
}

/* Signs with `authorities.current` from now on. */
static bool adopt_signer(struct certificate_manager *manager, struct error *error)
{
    struct authorities copy = {0};
    if (!authorities_copy(&manager->authorities, error, &copy))
        return false;
    authority_done(&manager->signer);
    certificate_list_free(manager->signer_cross);
    manager->signer = copy.current;
    manager->signer_cross = copy.cross;
    manager->leaf.renewal = 0;
    copy.current = (struct authority){0};
    copy.cross = NULL;
    authorities_done(&copy);
    return true;
}

/* Whether the current authority is to sign for this replica and does not yet. */
static bool is_change_due(struct certificate_manager *manager, time_t now)
{
    X509 *current = manager->authorities.current.certificate;
    bool is_published = manager_is_published(manager, current);
    uint64_t published_s = manager_sight(&manager->current_published, current, is_published);
    if (!manager->has_authorities)
        return false;
    if (!manager->signer.certificate)
        return true;
    if (X509_cmp(manager->signer.certificate, current) == 0)
        return false;
    return (is_published && published_s >= (uint64_t) manager->options.policy.propagation_s) ||
           is_ending(manager, now);
}

static bool renew(struct certificate_manager *manager, time_t now, struct error *error)
{
    struct leaf leaf = {0};
    const struct certificate_manager_options *options = &manager->options;
    time_t part_s = options->policy.leaf_life_s / 4;
    const struct leaf_plan plan = {
        .signer = &manager->signer,
        .cross = manager->signer_cross,
        .cross_life_s = part_s < CROSS_MARGIN_S ? part_s : CROSS_MARGIN_S,
        .names = options->names,
        .policy = &options->policy,
        .random = backoff_random(),
    };
    if (!leaf_issue(&plan, now, error, &leaf))
        return false;
    if (!options->serve(options->context, leaf.chain_pem, leaf.key_pem, error)) {
        leaf_done(&leaf);
        return false;
    }
    leaf_done(&manager->leaf);
    manager->leaf = leaf;
    manager_report(manager, CERTIFICATE_SERVED, NULL, leaf.not_after);
    return true;
}

void manager_renew(struct certificate_manager *manager, time_t now)
{
    struct error error;
    bool is_change = is_change_due(manager, now);
    bool is_due = is_change || leaf_is_due(&manager->leaf, now);
    if (!manager->has_authorities || !is_due || clock_now_ns() < manager->renewal_retry_ns)
        return;
    if ((is_change && !adopt_signer(manager, &error)) || !renew(manager, now, &error)) {
        manager->renewal_retry_ns = clock_now_ns() + RENEWAL_RETRY_MS * NANOSECONDS_PER_MILLISECOND;
        manager_fail(manager, "renew the serving certificate", &error);
    }
}

bool manager_check_trust(const struct certificate_manager *manager, time_t now, struct error *error)
{
    if (!manager->leaf.chain)
        return error_set(error, ERROR_FAILED_PRECONDITION, "there is no certificate yet");
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        const struct managed_configuration *configuration = &manager->configurations[i];
        if (!configuration->name)
            continue;
        if (!configuration->object)
            return error_set(error, ERROR_FAILED_PRECONDITION, "%s %s: %s", configuration->resource->kind,
                             configuration->name,
                             configuration->is_known ? "does not exist" : "not read yet");
        if (!webhook_bundles_check(&configuration->bundles, manager->leaf.chain, manager->host, now, error))
            return error_prefix(error, "%s %s", configuration->resource->kind, configuration->name);
    }
    return true;
}
