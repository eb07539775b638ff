/* The pod of a sandbox: the one a person would write by hand to run the agent without OpenShell
 * (contract/decisions.md section 1). Pure; the webhook turns it into a supervised pod.
 *
 * Not for: checking the document (validation.h must have accepted it), and not for sending anything.
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/configuration.h"
#include "driver/sandboxes/tree.h"

#include <cjson/cJSON.h>

/* Builds the pod. The same document and configuration give the same pod. The caller owns `*pod`. */
bool bare_pod_build(const struct driver_configuration *configuration, const cJSON *document,
                    struct error *error, cJSON **pod) _warn_unused_result_;

/* Adds the labels of everything that belongs to the sandbox to `metadata`: the template's, then ours. */
void bare_pod_add_labels(struct tree *tree, cJSON *metadata, const struct driver_configuration *configuration,
                         const cJSON *document);

/* The agent's environment as a map, sorted by name, before `$` is escaped. The caller owns `*environment`. */
bool bare_pod_environment(const cJSON *document, struct error *error,
                          cJSON **environment) _warn_unused_result_;

/* The claim of the workspace volume; `*claim` is NULL when the sandbox has none. The caller owns it. */
bool bare_pod_build_claim(const struct driver_configuration *configuration, const cJSON *document,
                          struct error *error, cJSON **claim) _warn_unused_result_;

/* Makes `record`, the Secret with this uid, the owner of an object that was built above. */
bool bare_pod_set_owner(cJSON *object, const char *record_name, const char *record_uid,
                        struct error *error) _warn_unused_result_;
