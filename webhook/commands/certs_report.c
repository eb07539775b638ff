#include "webhook/commands/certs_report.h"

#include "certs/webhook_bundles.h"
#include "common/json.h"

#include <math.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_BYTES 128
#define TIME_BYTES 32
#define DAY_S 86400.0

/* What the cluster's part of a report is made of. */
struct view {
    const struct certs_place *place;
    const struct certs_line *line;
    X509 *current;                  /* the authority that signs */
    const certificate_list *served; /* at the line's address; NULL: none was asked for */
    time_t now;
};

/* What a certificate is, as an object with its role. NULL with the error set. */
static cJSON *describe(X509 *certificate, const char *role, time_t now, struct error *error)
{
    char subject[SUBJECT_BYTES] = "", fingerprint[CERTIFICATE_FINGERPRINT_BYTES], text[TIME_BYTES];
    time_t start = 0, end = 0;
    struct tm calendar;
    if (!certificate_read_validity(certificate, error, &start, &end) ||
        !certificate_read_fingerprint(certificate, error, fingerprint))
        return NULL;
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject, sizeof subject);
    strftime(text, sizeof text, "%FT%TZ", gmtime_r(&end, &calendar));
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddStringToObject(object, "role", role) ||
        !cJSON_AddStringToObject(object, "subject", subject) ||
        !cJSON_AddStringToObject(object, "sha256", fingerprint) ||
        !cJSON_AddStringToObject(object, "notAfter", text) ||
        !cJSON_AddNumberToObject(object, "daysLeft", floor((double) (end - now) / DAY_S))) {
        error_set_no_memory(error);
        return NULL;
    }
    return take_pointer(&object);
}

static bool add_certificate(cJSON *list, X509 *certificate, const char *role, time_t now, struct error *error)
{
    cJSON *object = describe(certificate, role, now, error);
    if (!object)
        return false;
    if (cJSON_AddItemToArray(list, object))
        return true;
    cJSON_Delete(object);
    return error_set_no_memory(error);
}

static bool add_authorities(cJSON *report, const struct authorities *authorities, time_t now,
                            struct error *error)
{
    cJSON *list = cJSON_AddArrayToObject(report, "authorities");
    if (!list)
        return error_set_no_memory(error);
    if (!add_certificate(list, authorities->current.certificate, "current", now, error) ||
        (authorities->next.certificate &&
         !add_certificate(list, authorities->next.certificate, "next", now, error)))
        return false;
    for (size_t i = 0; i < authorities->retired_count; i++)
        if (!add_certificate(list, authorities->retired[i].certificate, "retired", now, error))
            return false;
    return true;
}

static bool add_names(cJSON *serving, const X509 *certificate, struct error *error)
{
    struct certificate_names names = {0};
    if (!certificate_names_read(certificate, error, &names))
        return false;
    cJSON *list = cJSON_AddArrayToObject(serving, "names");
    bool is_added = list != NULL;
    for (size_t i = 0; is_added && i < names.count; i++) {
        cJSON *name = cJSON_CreateString(names.items[i]);
        is_added = name && cJSON_AddItemToArray(list, name);
        if (!is_added)
            cJSON_Delete(name);
    }
    certificate_names_done(&names);
    return is_added || error_set_no_memory(error);
}

static bool add_serving(cJSON *report, const certificate_list *chain, time_t now, struct error *error)
{
    if (!chain)
        return true;
    cJSON *serving = cJSON_AddObjectToObject(report, "serving");
    cJSON *list = serving ? cJSON_AddArrayToObject(serving, "chain") : NULL;
    if (!list)
        return error_set_no_memory(error);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (!add_certificate(list, sk_X509_value(chain, i), i ? "cross" : "serving", now, error))
            return false;
    return add_names(serving, sk_X509_value(chain, 0), error);
}

static bool add_lease(cJSON *report, const struct view *view, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    const struct kubernetes_target target = {
        .resource = &kubernetes_leases,
        .namespace_name = view->place->namespace_name,
        .name = certs_option_or(view->line->options.lease, CERTS_DEFAULT_LEASE)};
    if (!kubernetes_get(view->place->client, &target, NULL, error, &object) && error->code != ERROR_NOT_FOUND)
        return false;
    /* When it was renewed last tells a holder that is alive from one that is gone. */
    const cJSON *spec = json_member(object, "spec");
    cJSON *lease = cJSON_AddObjectToObject(report, "lease");
    return (lease && cJSON_AddStringToObject(lease, "name", target.name) &&
            cJSON_AddStringToObject(lease, "holder", json_text(spec, "holderIdentity")) &&
            cJSON_AddStringToObject(lease, "renewed", json_text(spec, "renewTime"))) ||
           error_set_no_memory(error);
}

/* Whether the API server, by these bundles, verifies what is served, and if not why. */
static bool add_verification(cJSON *item, const struct view *view, const struct webhook_bundles *bundles)
{
    struct error reason;
    char host[CERTS_HOST_BYTES];
    certs_place_host(view->place, view->line, host);
    bool verifies = webhook_bundles_check(bundles, view->served, host, view->now, &reason);
    return cJSON_AddBoolToObject(item, "verifies", verifies) &&
           (verifies || cJSON_AddStringToObject(item, "reason", reason.message));
}

/* One webhook configuration: how many webhooks are ours, and whether they trust the current authority. */
static bool add_configuration(cJSON *list, const struct view *view,
                              const struct kubernetes_resource *resource, const char *name,
                              struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    struct webhook_bundles bundles = {0};
    const struct kubernetes_target target = {.resource = resource,
                                             .name = certs_option_or(name, CERTS_DEFAULT_NAME)};
    const struct webhook_service service = {
        .namespace_name = view->place->namespace_name,
        .name = certs_option_or(view->line->options.service, CERTS_DEFAULT_NAME)};
    bool exists = kubernetes_get(view->place->client, &target, NULL, error, &object);
    if ((!exists && error->code != ERROR_NOT_FOUND) ||
        !webhook_bundles_read(object, &service, error, &bundles))
        return false;
    _cleanup_(cJSON_Deletep) cJSON *item = cJSON_CreateObject();
    bool is_built = item && cJSON_AddStringToObject(item, "kind", resource->kind) &&
                    cJSON_AddStringToObject(item, "name", target.name) &&
                    cJSON_AddBoolToObject(item, "exists", exists) &&
                    cJSON_AddNumberToObject(item, "webhooks", (double) bundles.count) &&
                    cJSON_AddBoolToObject(item, "trusted", webhook_bundles_hold(&bundles, view->current)) &&
                    (!view->served || add_verification(item, view, &bundles));
    webhook_bundles_done(&bundles);
    if (!is_built || !cJSON_AddItemToArray(list, item))
        return error_set_no_memory(error);
    take_pointer(&item);
    return true;
}

static bool add_cluster(cJSON *report, const struct view *view, struct error *error)
{
    const struct certs_options *options = &view->line->options;
    if (view->place->is_directory)
        return true;
    cJSON *list = cJSON_AddArrayToObject(report, "webhooks");
    if (!list)
        return error_set_no_memory(error);
    return add_lease(report, view, error) &&
           add_configuration(list, view, &kubernetes_mutating_webhook_configurations,
                             options->mutating_configuration, error) &&
           add_configuration(list, view, &kubernetes_validating_webhook_configurations,
                             options->validating_configuration, error);
}

bool certs_report_make(const struct certs_place *place, const struct certs_line *line,
                       const certificate_list *served, time_t now, struct error *error, cJSON **result)
{
    struct authorities authorities = {0};
    _cleanup_(cJSON_Deletep) cJSON *report = cJSON_CreateObject();
    if (!report)
        return error_set_no_memory(error);
    if (!certs_place_read(place, error, &authorities, NULL))
        return false;
    const struct view view = {.place = place,
                              .line = line,
                              .current = authorities.current.certificate,
                              .served = served,
                              .now = now};
    bool is_made = add_authorities(report, &authorities, now, error) &&
                   add_serving(report, served, now, error) && add_cluster(report, &view, error);
    authorities_done(&authorities);
    if (is_made)
        *result = take_pointer(&report);
    return is_made;
}

static void append_certificates(const cJSON *list, struct buffer *output)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
        buffer_append_format(output, "%-9s %-34s %9.0f  %s  %.16s\n", json_text(item, "role"),
                             json_text(item, "subject"), cJSON_GetNumberValue(json_member(item, "daysLeft")),
                             json_text(item, "notAfter"), json_text(item, "sha256"));
}

void certs_report_append_table(const cJSON *report, struct buffer *output)
{
    const cJSON *serving = json_member(report, "serving"), *lease = json_member(report, "lease"),
                *item = NULL;
    buffer_append_format(output, "%-9s %-34s %9s  %-20s  %s\n", "ROLE", "SUBJECT", "DAYS LEFT", "NOT AFTER",
                         "SHA-256");
    append_certificates(json_member(report, "authorities"), output);
    append_certificates(json_member(serving, "chain"), output);
    if (serving) {
        buffer_append_string(output, "\nNames:");
        cJSON_ArrayForEach(item, json_member(serving, "names"))
            buffer_append_format(output, " %s", cJSON_GetStringValue(item));
        buffer_append_string(output, "\n");
    }
    if (lease && *json_text(lease, "holder"))
        buffer_append_format(output, "\nLease %s: %s, renewed %s\n", json_text(lease, "name"),
                             json_text(lease, "holder"), json_text(lease, "renewed"));
    else if (lease)
        buffer_append_format(output, "\nLease %s: nobody holds it\n", json_text(lease, "name"));
    cJSON_ArrayForEach(item, json_member(report, "webhooks"))
    {
        const char *state = cJSON_IsTrue(json_member(item, "trusted")) ? "trusts the current authority"
                            : cJSON_IsTrue(json_member(item, "exists"))
                                ? "does not trust the current authority"
                                : "does not exist";
        buffer_append_format(output, "%s %s: %s\n", json_text(item, "kind"), json_text(item, "name"), state);
        if (cJSON_IsFalse(json_member(item, "verifies")))
            buffer_append_format(output, "  what is served is not verified: %s\n", json_text(item, "reason"));
    }
}
