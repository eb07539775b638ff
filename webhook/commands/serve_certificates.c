#include "webhook/commands/serve_certificates.h"

#include "certs/manager.h"
#include "common/log.h"
#include "webhook/server/certificate_memory.h"

#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define TIME_BYTES 32
#define IDENTITY_RANDOM_BYTES 6

struct serve_certificates {
    struct certificate_memory *memory;
    struct certificate_names names;
    struct certificate_manager *_Atomic manager; /* NULL before the start and after the end */
    struct prometheus_family *rotations;
    struct prometheus_family *bundle_writes;
    struct prometheus_series *failures;
};

bool serve_certificates_new(struct error *error, struct serve_certificates **result)
{
    struct serve_certificates *certificates = calloc(1, sizeof *certificates);
    if (!certificates)
        return error_set_no_memory(error);
    if (!certificate_memory_new(error, &certificates->memory)) {
        free(certificates);
        return false;
    }
    *result = certificates;
    return true;
}

static const char *json_text(time_t moment, char text[TIME_BYTES])
{
    struct tm calendar;
    strftime(text, TIME_BYTES, "%FT%TZ", gmtime_r(&moment, &calendar));
    return text;
}

static void log_event(const struct certificate_event *event)
{
    char text[TIME_BYTES];
    struct log_entry entry;
    bool is_failure = event->type == CERTIFICATE_FAILURE;
    log_begin(&entry, is_failure ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
              is_failure ? "certificates: failed, will be tried again" : "certificates");
    log_string(&entry, "event", certificate_event_name(event->type));
    if (event->name)
        log_string(&entry, is_failure ? "step" : "name", event->name);
    if (event->not_after)
        log_string(&entry, "not_after", json_text(event->not_after, text));
    if (event->error)
        log_error(&entry, event->error);
    log_end(&entry);
}

static void count(struct prometheus_family *family, const char *label)
{
    prometheus_add(prometheus_series(family, (const char *[]){label}), 1);
}

static void report(void *context, const struct certificate_event *event)
{
    struct serve_certificates *certificates = context;
    log_event(event);
    if (event->type == CERTIFICATE_SERVED)
        count(certificates->rotations, "serving");
    else if (event->type == AUTHORITY_PROMOTED)
        count(certificates->rotations, "authority");
    else if (event->type == BUNDLE_WRITTEN)
        count(certificates->bundle_writes, event->name);
    else if (event->type == CERTIFICATE_FAILURE)
        prometheus_add(certificates->failures, 1);
}

static bool serve(void *context, const char *chain_pem, const char *key_pem, struct error *error)
{
    struct serve_certificates *certificates = context;
    return certificate_memory_set(certificates->memory, chain_pem, key_pem, error);
}

static void collect_lease(void *context, struct prometheus_output *output)
{
    struct serve_certificates *certificates = context;
    struct certificate_manager_statistics statistics = {0};
    struct certificate_manager *manager = atomic_load(&certificates->manager);
    if (manager)
        certificate_manager_read_statistics(manager, &statistics);
    prometheus_sample(output, NULL, statistics.is_lease_held ? 1 : 0);
}

void serve_certificates_collect_expiry(struct serve_certificates *certificates,
                                       struct prometheus_output *output)
{
    struct certificate_manager_statistics statistics = {0};
    struct certificate_manager *manager = atomic_load(&certificates->manager);
    if (!manager)
        return;
    certificate_manager_read_statistics(manager, &statistics);
    const struct {
        const char *label;
        time_t not_after;
    } samples[] = {{"serving", statistics.serving_not_after},
                   {"authority", statistics.authority_not_after},
                   {"next-authority", statistics.next_authority_not_after}};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (samples[i].not_after)
            prometheus_sample(output, (const char *[]){samples[i].label}, (double) samples[i].not_after);
}

static bool add_metrics(struct serve_certificates *certificates, struct prometheus_registry *registry,
                        struct error *error)
{
    static const struct prometheus_description rotations = {
        .name = "openshell_injector_certificate_rotations_total",
        .help =
            "Certificates put into use: serving certificates of this process, authorities promoted by it.",
        .type = PROMETHEUS_COUNTER,
        .labels = {"certificate"},
        .series_limit = 2};
    static const struct prometheus_description bundle_writes = {
        .name = "openshell_injector_certificate_bundle_writes_total",
        .help = "Times that this process set the caBundle of a webhook configuration.",
        .type = PROMETHEUS_COUNTER,
        .labels = {"name"},
        .series_limit = 2};
    static const struct prometheus_description failures = {
        .name = "openshell_injector_certificate_failures_total",
        .help = "Failed steps in keeping certificates, tried again each.",
        .type = PROMETHEUS_COUNTER};
    static const struct prometheus_description lease = {
        .name = "openshell_injector_certificate_lease_held",
        .help = "1 while this process holds the Lease for the authorities and the caBundle.",
        .type = PROMETHEUS_GAUGE};
    struct prometheus_family *failure_family = NULL;
    if (!prometheus_add_family(registry, &rotations, error, &certificates->rotations) ||
        !prometheus_add_family(registry, &bundle_writes, error, &certificates->bundle_writes) ||
        !prometheus_add_family(registry, &failures, error, &failure_family) ||
        !prometheus_add_collector(registry, &lease, collect_lease, certificates, error))
        return false;
    certificates->failures = prometheus_series(failure_family, NULL);
    return true;
}

/* The host's name, which is the pod's, and something that a restart changes. */
static bool make_identity(struct error *error, char identity[KUBERNETES_LEASE_IDENTITY_BYTES + 1])
{
    unsigned char random[IDENTITY_RANDOM_BYTES];
    char host[128] = "";
    if (gethostname(host, sizeof host - 1) < 0 || RAND_bytes(random, sizeof random) != 1)
        return error_set(error, ERROR_INTERNAL, "cannot make an identity for the Lease");
    int used = snprintf(identity, KUBERNETES_LEASE_IDENTITY_BYTES + 1, "%s_", host);
    for (size_t i = 0; i < sizeof random; i++)
        used +=
            snprintf(identity + used, KUBERNETES_LEASE_IDENTITY_BYTES + 1 - (size_t) used, "%02x", random[i]);
    return true;
}

bool serve_certificates_start(struct serve_certificates *certificates, const struct certs_options *options,
                              struct kubernetes_client *client, struct prometheus_registry *registry,
                              struct error *error)
{
    char identity[KUBERNETES_LEASE_IDENTITY_BYTES + 1];
    struct certificate_manager *manager = NULL;
    const char *own = kubernetes_client_configuration(client)->namespace_name;
    struct certificate_manager_options start = {
        .namespace_name = certs_option_or(options->namespace_name, certs_option_or(own, CERTS_DEFAULT_NAME)),
        .secret_name = certs_option_or(options->secret, CERTS_DEFAULT_SECRET),
        .lease_name = certs_option_or(options->lease, CERTS_DEFAULT_LEASE),
        .identity = identity,
        .service_name = certs_option_or(options->service, CERTS_DEFAULT_NAME),
        .mutating_configuration = certs_option_or(options->mutating_configuration, CERTS_DEFAULT_NAME),
        .validating_configuration = certs_option_or(options->validating_configuration, CERTS_DEFAULT_NAME),
        .names = &certificates->names,
        .serve = serve,
        .report = report,
        .context = certificates,
    };
    if (!certs_options_policy(options, error, &start.policy) ||
        !certs_options_names(options, start.namespace_name, error, &certificates->names) ||
        !make_identity(error, identity) || !add_metrics(certificates, registry, error) ||
        !certificate_manager_start(client, &start, error, &manager))
        return false;
    atomic_store(&certificates->manager, manager);
    return true;
}

void serve_certificates_stop(struct serve_certificates *certificates)
{
    if (certificates)
        certificate_manager_free(atomic_exchange(&certificates->manager, NULL));
}

void serve_certificates_free(struct serve_certificates *certificates)
{
    if (!certificates)
        return;
    serve_certificates_stop(certificates);
    certificate_memory_free(certificates->memory);
    certificate_names_done(&certificates->names);
    free(certificates);
}

static struct serving_certificate *acquire(void *context)
{
    struct serve_certificates *certificates = context;
    struct certificate_source source = certificate_memory_source(certificates->memory);
    return source.acquire(source.context);
}

static bool check(void *context, struct error *error)
{
    struct serve_certificates *certificates = context;
    struct certificate_manager *manager = atomic_load(&certificates->manager);
    struct certificate_source source = certificate_memory_source(certificates->memory);
    if (!manager)
        return error_set(error, ERROR_FAILED_PRECONDITION, "certificates are not kept yet, or not any more");
    return source.check(source.context, error) && certificate_manager_check(manager, error);
}

struct certificate_source serve_certificates_source(struct serve_certificates *certificates)
{
    return (struct certificate_source){.acquire = acquire, .check = check, .context = certificates};
}
