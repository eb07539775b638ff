/* Pods and configurations for tests of the injection: a small sandbox pod, changed by an RFC 7386 merge
 * patch, and a configuration made from flags. All helpers fail the running test when they cannot do their
 * work.
 */
#pragma once

#include "webhook/injection/injection.h"

#include <cjson/cJSON.h>

/* A bare sandbox pod (agent `/bin/app --serve`) with `merge_patch` (JSON text, NULL: none) applied. */
cJSON *pod_fixture_make(const char *merge_patch);

/* The configuration that "name=value ..." options (NULL: none) give: flags, or else top-level keys of the
 * file with a YAML value without spaces. sandbox-uid=1000 is always among them. */
struct configuration *configuration_fixture_make(const char *options);

/* injection_run on the pod, with the configuration's namespace annotations NULL. */
struct injection_result injection_fixture_run(cJSON *pod, const struct configuration *configuration);

/* The operation on `path` (the `ordinal`th, from 0), or NULL. */
const struct injection_operation *injection_fixture_find(const struct injection_result *result,
                                                         const char *path, size_t ordinal);

/* The denial with this reason and field, or NULL. */
const struct denial *injection_fixture_find_denial(const struct injection_result *result, const char *reason,
                                                   const char *field);
