#include "certs/manager_state.h"

#include "kubernetes/clock.h"

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

/* Takes the object over as it is in the cluster. */
static void take_configuration(struct certificate_manager *manager,
                               struct managed_configuration *configuration, cJSON *object)
{
    struct error error;
    cJSON_Delete(configuration->object);
    configuration->object = object;
    configuration->is_known = true;
    webhook_bundles_done(&configuration->bundles);
    if (!webhook_bundles_read(object, &manager->service, &error, &configuration->bundles))
        manager_fail(manager, configuration->name, &error);
}

void manager_absorb_configurations(struct certificate_manager *manager)
{
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        cJSON *object = NULL;
        struct managed_configuration *configuration = &manager->configurations[i];
        if (configuration->name && watched_object_take(&configuration->watched, &object))
            take_configuration(manager, configuration, object);
    }
}

bool manager_is_published(const struct certificate_manager *manager, const X509 *certificate)
{
    if (!certificate)
        return false;
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++) {
        const struct managed_configuration *configuration = &manager->configurations[i];
        /* An object that does not exist calls nobody. */
        bool calls = configuration->name && (!configuration->is_known || configuration->object);
        if (calls && !webhook_bundles_hold(&configuration->bundles, certificate))
            return false;
    }
    return true;
}

uint64_t manager_sight(struct sighting *sighting, X509 *certificate, bool is_seen)
{
    bool is_same = sighting->certificate && certificate && X509_cmp(sighting->certificate, certificate) == 0;
    if (!is_same) {
        X509_free(sighting->certificate);
        if (certificate)
            X509_up_ref(certificate);
        *sighting = (struct sighting){.certificate = certificate};
    }
    if (!certificate || !is_seen) {
        sighting->since_ns = 0;
        return 0;
    }
    uint64_t now_ns = clock_now_ns();
    if (!sighting->since_ns)
        sighting->since_ns = now_ns;
    return (now_ns - sighting->since_ns) / NANOSECONDS_PER_SECOND;
}

static void write_bundle(struct certificate_manager *manager, struct managed_configuration *configuration,
                         const struct buffer *pem)
{
    struct error error;
    cJSON *patched = NULL;
    _cleanup_(cJSON_Deletep) cJSON *operations = NULL;
    const struct kubernetes_call call = manager_call(manager);
    const struct kubernetes_target target = {.resource = configuration->resource,
                                             .name = configuration->name};
    if (!webhook_bundles_plan(configuration->object, &manager->service, buffer_string(pem), pem->length,
                              &error, &operations)) {
        manager_fail(manager, configuration->name, &error);
        return;
    }
    if (!operations || !kubernetes_lease_is_held(manager->lease))
        return;
    if (!kubernetes_patch_json(manager->client, &target, operations, &call, &error, &patched)) {
        manager_fail(manager, configuration->name, &error);
        return;
    }
    backoff_reset(&manager->backoff);
    take_configuration(manager, configuration, patched);
    manager_report(manager, BUNDLE_WRITTEN, configuration->name, 0);
}

void manager_write_bundles(struct certificate_manager *manager)
{
    struct error error;
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    /* Only what the Secret holds is published: else two processes could each publish their own. */
    if (!manager->is_secret_good || !manager_may_write(manager))
        return;
    if (!authorities_make_bundle(&manager->authorities, &error, &bundle) ||
        !certificate_list_append_pem(bundle, &error, &pem)) {
        manager_fail(manager, "make the bundle", &error);
        return;
    }
    for (size_t i = 0; i < MANAGER_CONFIGURATIONS; i++)
        if (manager->configurations[i].object)
            write_bundle(manager, &manager->configurations[i], &pem);
}
