/* The sandbox as the driver keeps it: one JSON document with everything that a pod can be made from again.
 *
 *     {"version": 1, "id": "...", "name": "...", "workspace": "...", "log_level": "...",
 *      "environment": {...}, "command": [...], "tty": false, "gpu": {"count": 1},
 *      "template": {"image": "...", "labels": {...}, "environment": {...},
 *                   "resources": {"cpu_request": "...", ...},
 *                   "platform_config": {...}, "driver_config": {...}}}
 *
 * Members that are empty are left out. The token is never part of it. It is stored in the record's Secret
 * (`sandbox.json`), so its form is a promise to later versions.
 *
 * Not for: checking that it makes sense (validation.h).
 */
#pragma once

#include "common/error.h"

#include "compute_driver.pb-c.h"

#include <cjson/cJSON.h>

#define DOCUMENT_VERSION 1

/* The longest text of a document that is ever read: a Secret holds 1 MiB. */
#define DOCUMENT_BYTES_MAXIMUM (1024u * 1024)

/* Makes the document from the gateway's message. The last of duplicate map keys wins, members of maps are
 * sorted, whole numbers are written as integers. ERROR_INVALID: a number that is none (NaN, infinity).
 * The caller owns `*document`. */
bool document_from_message(const Compute__DriverSandbox *sandbox, struct error *error,
                           cJSON **document) _warn_unused_result_;

/* Reads the text of `sandbox.json`. ERROR_INVALID: not JSON, another version, or without id and name. The
 * caller owns `*document`. */
bool document_parse(const char *text, size_t length, struct error *error,
                    cJSON **document) _warn_unused_result_;

/* Members that are always there after either of the above; never NULL. */
const char *document_id(const cJSON *document);
const char *document_name(const cJSON *document);
const char *document_workspace(const cJSON *document);
