/* Whether a sandbox can be made: every rule that the gateway's user can be told about before anything is
 * created (contract F.3 to F.5, decisions section 1). Pure.
 *
 * Not for: what only the cluster knows (free names, GPUs; driver/sandboxes/create.h).
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/configuration.h"

#include <cjson/cJSON.h>

/* One environment string or argument of 128 KiB makes every exec fail; the webhook writes both as JSON into
 * one environment variable each. */
#define ENVIRONMENT_JSON_BYTES_MAXIMUM (120u * 1024)
#define COMMAND_JSON_BYTES_MAXIMUM (120u * 1024)

/* Kubernetes stores a Secret of at most 1 MiB; the token and the metadata need room too. */
#define RECORD_BYTES_MAXIMUM (900u * 1024)

#define LOG_LEVEL_LENGTH_MAXIMUM 32

/* Checks a document (document.h). ERROR_INVALID: the message begins with the field, as in
 * `spec.template.driver_config.volumes[0].name: ...`. */
bool sandbox_validate(const struct driver_configuration *configuration, const cJSON *document,
                      struct error *error) _warn_unused_result_;
