/* What explain and the differences of render and audit do not show: OPENSHELL_USER_ENVIRONMENT repeats the
 * values of the user's own variables, and such output gets pasted into tickets. Not for: the pod and the
 * patch, which are exact.
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>

/* Replaces the variable's value wherever it stands in `tree` by the names in it: `A, B (values not shown)`.
 * Fails with ERROR_NO_MEMORY; what was replaced stays so. */
bool masking_apply(cJSON *tree, struct error *error) _warn_unused_result_;
