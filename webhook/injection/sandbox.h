/* Who the sandbox is: id and name from the labels, the agent's container, the credential, user and group.
 * Source: contract/decisions.md section 2, contract/supervised-pod.md H.6. What is wrong becomes a denial.
 */
#pragma once

#include "webhook/injection/denial.h"
#include "webhook/injection/plan.h"

/* The pod carries the label that selects sandbox pods. */
bool sandbox_is_selected(const cJSON *pod);

/* `[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`. */
bool sandbox_id_is_valid(const char *id);

/* F.5: up to 19 of `[a-z0-9-]`, no dash at either end, no two in a row. For sandboxes and workspaces. */
bool sandbox_name_is_valid(const char *name);

/* Fills plan->sandbox but for uid, gid and proxy uid. plan->agent's command must be planned already. */
bool sandbox_identify(struct plan *plan, struct error *error,
                      struct denial_list *denials) _warn_unused_result_;

/* Fills uid, gid and proxy uid from the configuration and the namespace's OpenShift annotations (NULL: none).
 */
bool sandbox_resolve_user(struct plan *plan, const cJSON *namespace_annotations, struct error *error,
                          struct denial_list *denials) _warn_unused_result_;
