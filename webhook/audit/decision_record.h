/* What an audit record says, read for those who show, replay, match or report it. Fields as in
 * docs/auditing.md.
 *
 * Not for: writing records, and not for the chain (previous, hash).
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define AUDIT_RECORD_VERSION 1

/* The fields that every record has. Strings belong to the record; "" when absent. */
struct audit_record {
    const char *type; /* "decision", "checkpoint", "gap", ... */
    int64_t sequence;
    const char *time; /* RFC 3339, UTC, so that text order is time order */
    const char *replica;
    const char *product;
};

/* A record of type "decision". Strings belong to the record; "" when absent. Trees are NULL when absent. */
struct audit_decision {
    const char *endpoint; /* mutate or validate */
    const char *uid;
    const char *operation;
    const char *resource;
    const char *user;
    const cJSON *groups;
    const char *namespace_name;
    const char *pod;
    const char *generate_name;
    const char *sandbox_id;
    const char *sandbox_name;
    bool is_dry_run;
    const char *decision;
    const char *reason;
    const char *message;
    const cJSON *causes;
    const char *configuration; /* digest */
    const char *object_sha256;
    const cJSON *namespace_annotations;
    const char *patch; /* base64 */
    const char *patch_sha256;
    const cJSON *object;
};

/* ERROR_INVALID naming the field when one of them is of another type, or the version is not
 * AUDIT_RECORD_VERSION. */
bool audit_record_read(const cJSON *tree, struct error *error,
                       struct audit_record *record) _warn_unused_result_;
bool audit_decision_read(const cJSON *tree, struct error *error,
                         struct audit_decision *decision) _warn_unused_result_;

/* True for a record of type "decision". */
bool audit_record_is_decision(const struct audit_record *record);

/* The pod's name, or the beginning that the API server makes one of; "" when the record has neither. */
const char *audit_decision_pod_name(const struct audit_decision *decision);
