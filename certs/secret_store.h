/* The Secret that holds the authorities of an installation: key `authorities.json` (certs/
 * authorities_document.h) and, for people and other tools, `ca-bundle.crt` with what clients are to trust.
 */
#pragma once

#include "certs/authorities.h"
#include "kubernetes/objects.h"

#define SECRET_STORE_KEY "authorities.json"
#define SECRET_STORE_BUNDLE_KEY "ca-bundle.crt"

struct secret_store {
    struct kubernetes_client *client;
    const char *namespace_name;
    const char *name;
};

/* The authorities in a Secret. ERROR_NOT_FOUND when the key is absent or empty: such a Secret may be filled.
 * ERROR_INVALID when it holds something else. The caller owns `*authorities`. */
bool secret_store_parse(const cJSON *secret, struct error *error,
                        struct authorities *authorities) _warn_unused_result_;

/* Reads the Secret, as it is; ERROR_NOT_FOUND. The caller wipes `*secret` (authorities_document_wipe). */
bool secret_store_read(const struct secret_store *store, const struct kubernetes_call *call,
                       struct error *error, cJSON **secret) _warn_unused_result_;

/* Writes: creates the Secret when `previous` is NULL (ERROR_ALREADY_EXISTS when somebody was faster), else
 * replaces the two keys in `previous`, leaving everything else as it was (ERROR_CONFLICT when it has changed
 * since). The caller wipes `*written`. */
bool secret_store_write(const struct secret_store *store, const cJSON *previous,
                        const struct authorities *authorities, const struct kubernetes_call *call,
                        struct error *error, cJSON **written) _warn_unused_result_;
