/* The record of a sandbox: one Secret with the token and the document, written before the pod and removed
 * last (contract/decisions.md section 1). Builds and reads objects; sends nothing.
 *
 * Not for: the in-memory digest of it (state.h).
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/configuration.h"
#include "driver/sandboxes/state.h"

#include <cjson/cJSON.h>

#define RECORD_DOCUMENT_KEY "sandbox.json"

#define ANNOTATION_DESIRED_STATE "openshell.ai/desired-state"
#define ANNOTATION_PHASE "openshell.ai/phase"
/* Until the pod of a create or a start is there: which driver process sees to it. */
#define ANNOTATION_STARTING "openshell.ai/starting"

/* The longest token that is kept; the gateway's are below one kilobyte. */
#define TOKEN_BYTES_MAXIMUM (64u * 1024)

/* The Secret of a sandbox whose create has begun; `starting_by` as in struct record_state. The caller owns
 * `*record`. */
bool record_build(const struct driver_configuration *configuration, const cJSON *document, const char *token,
                  const char *starting_by, struct error *error, cJSON **record) _warn_unused_result_;

/* Merge patches. The caller owns `*patch`. */
bool record_patch_created(struct error *error, cJSON **patch) _warn_unused_result_;
/* `starting_by` as in struct record_state. */
bool record_patch_desired(enum desired_state desired, const char *starting_by, struct error *error,
                          cJSON **patch) _warn_unused_result_;
/* Only applies while the record is at this version, so that a token never overwrites a newer one. */
bool record_patch_token(const char *token, const char *resource_version, struct error *error,
                        cJSON **patch) _warn_unused_result_;

/* Fills `record`. A Secret with annotations that are not ours counts as Running and Created. */
void record_read(const cJSON *object, struct record_state *record);

/* The document in the Secret. ERROR_INVALID when it cannot be read. The caller owns `*document`. */
bool record_read_document(const cJSON *object, struct error *error, cJSON **document) _warn_unused_result_;

/* The token in the Secret, a secret: the caller frees it with secret_free. */
bool record_read_token(const cJSON *object, struct error *error, char **token) _warn_unused_result_;
