/* The `driver_config` of a sandbox's template: what users of the gateway may ask of Kubernetes beyond the
 * common fields (contract/gateway-driver.md F.3). Only checks; bare_pod.h applies it.
 *
 * Not for: `platform_config`, which the gateway itself writes (validation.h).
 */
#pragma once

#include "common/error.h"
#include "common/json.h"

#include <cjson/cJSON.h>

/* The configuration in a document, NULL when it has none. Users key it by the driver's name and the gateway
 * strips that; a block that still carries `pods` or `kubernetes` as its only key is taken apart here. */
const cJSON *driver_config_of(const cJSON *document);

/* Checks every rule of F.3; unknown keys are errors, but within a toleration. `config` NULL: fine.
 * ERROR_INVALID with the field's path. */
bool driver_config_check(const cJSON *config, const struct json_path *path,
                         struct error *error) _warn_unused_result_;

/* True when a mount of the configuration lies below /sandbox: there is no workspace volume then. */
bool driver_config_replaces_workspace(const cJSON *config);

/* The list at `keys` (a path of object members, ended by NULL), NULL when any of it is absent. */
const cJSON *driver_config_find(const cJSON *config, const char *const *keys);
