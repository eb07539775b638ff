/* The authorities as JSON text, which is what a Secret or a file holds:
 *
 *     {"version": 1,
 *      "current": {"certificate": PEM, "key": PEM, "cross": PEM},
 *      "next": {"certificate": PEM, "key": PEM, "cross": PEM},
 *      "retired": [{"certificate": PEM, "until": seconds since 1970}]}
 *
 * `next`, `cross` and `retired` may be absent. The text holds private keys: it is wiped when freed, and so is
 * everything made while reading it.
 */
#pragma once

#include "certs/authorities.h"

#include <cjson/cJSON.h>
#include <stdint.h>

#define AUTHORITIES_DOCUMENT_BYTES (512u * 1024)
#define AUTHORITIES_DOCUMENT_DEPTH 8
#define AUTHORITIES_DOCUMENT_VERSION 1
/* Latest `until`: 9999-12-31T23:59:59Z, the last moment that a certificate can name. */
#define AUTHORITIES_DOCUMENT_UNTIL_MAXIMUM INT64_C(253402300799)

/* Reads and checks: keys belong to their certificates, authorities may sign and are signed by themselves,
 * cross certificates are for the key they stand with. ERROR_INVALID naming the field, ERROR_TOO_LARGE. The
 * caller owns `*authorities`. */
bool authorities_document_parse(const char *text, size_t length, struct error *error,
                                struct authorities *authorities) _warn_unused_result_;

/* The caller frees `*text` with secret_free. */
bool authorities_document_print(const struct authorities *authorities, struct error *error,
                                char **text) _warn_unused_result_;

/* Frees a tree after wiping its strings. Accepts NULL. */
void authorities_document_wipe(cJSON *tree);
DEFINE_POINTER_CLEANUP(cJSON *, authorities_document_wipe)
