/* Takes out of a pod what its author may have meant to be secret, before it is recorded: the value of every
 * literal environment variable, and kubectl's copy of the whole pod in an annotation. Names stay.
 *
 * Not for: patches, which are recorded as they were emitted.
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>

/* What stands in the place of a value. */
#define REDACTED "[redacted]"

/* Changes the pod. Members of unexpected types are left as they are. ERROR_NO_MEMORY. */
bool redaction_apply(cJSON *pod, struct error *error) _warn_unused_result_;
