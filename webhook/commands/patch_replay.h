/* Replays a patch, operation by operation, on the pod as it was, so that explain can say what an operation
 * met: a pointer alone (`remove /spec/containers/0/env/3`) says little to a reader.
 *
 * Not for: applying foreign patches; it knows only what the injection's editor writes.
 */
#pragma once

#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* Does one operation on `pod`. `*removed` is what went away by it (a removed, replaced or moved-from value's
 * copy) or NULL; the caller owns it. Fails with ERROR_INTERNAL when the operation does not apply,
 * ERROR_NO_MEMORY. */
bool patch_replay(cJSON *pod, const struct injection_operation *operation, struct error *error,
                  cJSON **removed) _warn_unused_result_;
