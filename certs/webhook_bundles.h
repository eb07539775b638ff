/* The caBundles of our webhooks in one Mutating- or ValidatingWebhookConfiguration: what is installed, and
 * the JSON patch that installs ours. Ours are the webhooks whose clientConfig names our Service; all others
 * in the object are left alone.
 *
 * Pure. Not for: reading and writing the object (certs/manager.h).
 */
#pragma once

#include "certs/certificate.h"

#include <cjson/cJSON.h>

/* Most webhooks of ours in one object. */
#define WEBHOOK_BUNDLES_MAXIMUM 32

struct webhook_service {
    const char *namespace_name;
    const char *name;
};

struct webhook_bundles {
    certificate_list *items[WEBHOOK_BUNDLES_MAXIMUM]; /* owned; NULL: empty or not readable */
    size_t count;
};

/* The certificates of a webhook's caBundle, base64 as it stands there. Fails as base64_decode and
 * certificate_list_parse do. The caller owns `*list`. */
bool webhook_bundle_decode(const char *encoded, struct error *error,
                           certificate_list **list) _warn_unused_result_;

/* Releases everything; accepts a zeroed struct. */
void webhook_bundles_done(struct webhook_bundles *bundles);

/* Reads them; a bundle that cannot be read counts as none. ERROR_TOO_LARGE past the limit. The caller owns
 * `*bundles`. */
bool webhook_bundles_read(const cJSON *object, const struct webhook_service *service, struct error *error,
                          struct webhook_bundles *bundles) _warn_unused_result_;

/* Whether every one of them holds this very certificate; false when there are none. */
bool webhook_bundles_hold(const struct webhook_bundles *bundles, const X509 *certificate);

/* ERROR_FAILED_PRECONDITION unless a client of each of our webhooks verifies `chain` for the Service at
 * `now`, and when no webhook is ours. */
bool webhook_bundles_check(const struct webhook_bundles *bundles, const certificate_list *chain,
                           const char *host, time_t now, struct error *error) _warn_unused_result_;

/* The operations that set the caBundle of each webhook of ours to `pem` where it is another: each preceded by
 * tests that the webhook is still the one that was read and its value still the one that was replaced. NULL
 * when nothing is to be done. The caller owns `*operations`. An empty `pem` is ERROR_INVALID. */
bool webhook_bundles_plan(const cJSON *object, const struct webhook_service *service, const char *pem,
                          size_t length, struct error *error, cJSON **operations) _warn_unused_result_;
