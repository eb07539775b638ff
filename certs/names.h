/* The names a serving certificate is for: DNS names and IP addresses.
 *
 * Not for: names of Kubernetes objects (kubernetes/resource.h).
 */
#pragma once

#include "common/error.h"

#include <openssl/x509v3.h>
#include <stddef.h>

/* Most names of a certificate, and the longest. */
#define CERTIFICATE_NAMES_MAXIMUM 64
#define CERTIFICATE_NAME_BYTES 253

struct certificate_names {
    char *items[CERTIFICATE_NAMES_MAXIMUM]; /* owned; checked, each once */
    size_t count;
};

/* Releases everything; accepts a zeroed struct. */
void certificate_names_done(struct certificate_names *names);

/* Adds a DNS name (a first label of `*` included) or a numeric IP address; one that is there already stays
 * once. ERROR_INVALID when it is neither, ERROR_TOO_LARGE past the limit. */
bool certificate_names_add(struct certificate_names *names, const char *name,
                           struct error *error) _warn_unused_result_;

/* Adds the forms under which a Service is called: `<service>.<namespace>.svc`, which is the API server's, the
 * same with `.<cluster_domain>`, `<service>.<namespace>` and `<service>`. */
bool certificate_names_add_service(struct certificate_names *names, const char *service,
                                   const char *namespace_name, const char *cluster_domain,
                                   struct error *error) _warn_unused_result_;

/* The names as OpenSSL wants them for the extension; the caller frees (GENERAL_NAMES_free). */
bool certificate_names_make(const struct certificate_names *names, struct error *error,
                            GENERAL_NAMES **general_names) _warn_unused_result_;

/* The names in a certificate; empty when it has none. */
bool certificate_names_read(const X509 *certificate, struct error *error,
                            struct certificate_names *names) _warn_unused_result_;
