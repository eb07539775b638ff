/* The certificates, key and token of a configuration as they are now: files are read again when they change,
 * since mounted tokens and certificates rotate under a running program. While a changed file cannot be read,
 * what was known stays in use. Thread-safe.
 */
#pragma once

#include "common/cleanup.h"
#include "kubernetes/configuration.h"

#include <curl/curl.h>
#include <stdint.h>

struct kubernetes_credentials;

/* Reads everything once. `configuration` outlives the result. Fails as file_read does. */
bool kubernetes_credentials_new(const struct kubernetes_configuration *configuration, struct error *error,
                                struct kubernetes_credentials **credentials) _warn_unused_result_;

/* Wipes. Accepts NULL. */
void kubernetes_credentials_free(struct kubernetes_credentials *credentials);
DEFINE_POINTER_CLEANUP(struct kubernetes_credentials *, kubernetes_credentials_free)

/* Counts the changes of certificates and key; a connection made under an older number is not to be used
 * again. */
uint64_t kubernetes_credentials_generation(struct kubernetes_credentials *credentials);

/* Gives certificates and key to a curl handle, which copies them. */
bool kubernetes_credentials_apply_tls(struct kubernetes_credentials *credentials, CURL *easy,
                                      struct error *error) _warn_unused_result_;

/* Gives the token, when there is one, to a curl handle, which copies it. ERROR_INVALID for a token that
 * cannot stand in a header. */
bool kubernetes_credentials_apply_token(struct kubernetes_credentials *credentials, CURL *easy,
                                        struct error *error) _warn_unused_result_;
