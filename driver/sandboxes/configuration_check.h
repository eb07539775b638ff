/* Whether a configuration's values make sense, alone and together.
 *
 * Not for: reading them (configuration.h); whether the cluster has what they name (driver/check.c).
 */
#pragma once

#include "driver/sandboxes/configuration.h"

/* ERROR_INVALID names the flag and what it would accept. */
bool driver_configuration_check(const struct driver_configuration *configuration,
                                struct error *error) _warn_unused_result_;
