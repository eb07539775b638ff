/* What the things of a sandbox are called.
 *
 * Not for: whether a thing of that name exists; Kubernetes' own names (common/syntax.h).
 */
#pragma once

#include "common/syntax.h"
#include "driver/sandboxes/configuration.h"

#include <stdbool.h>

/* With the terminating NUL: the longest sandbox and workspace name, DNS label, DNS subdomain. */
#define SANDBOX_NAME_BYTES 20
#define SANDBOX_ID_BYTES LABEL_BYTES /* an id is a DNS label */
#define LABEL_BYTES (SYNTAX_LABEL_BYTES + 1)
#define SUBDOMAIN_BYTES (SYNTAX_SUBDOMAIN_BYTES + 1)

/* A sandbox's or workspace's name (contract F.5): a label of at most 19 characters without "--". */
bool name_is_sandbox(const char *name);

/* The names below are written into buffers of these sizes, which fit whatever passed the checks above. */

/* The pod: `<workspace>--<name>` in shared mode, else the bare name. */
void name_pod(const struct driver_configuration *configuration, const char *workspace, const char *name,
              char pod[LABEL_BYTES]);

/* The namespace that the sandboxes of a workspace live in. */
void name_namespace(const struct driver_configuration *configuration, const char *workspace,
                    char namespace_name[LABEL_BYTES]);

/* The record's Secret and the workspace volume's claim. */
void name_record(const char *sandbox_id, char record[SUBDOMAIN_BYTES]);
void name_claim(const char *sandbox_id, char claim[SUBDOMAIN_BYTES]);

/* Selects what belongs to this gateway: `openshell.ai/managed-by=openshell,openshell.ai/sandbox-id,
 * openshell.ai/gateway-id=<gateway>`. */
#define SELECTOR_BYTES 256
void name_selector(const struct driver_configuration *configuration, char selector[SELECTOR_BYTES]);
