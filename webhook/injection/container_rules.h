/* Rules about containers: what each placement can supervise, and our own names. Source: contract/decisions.md
 * section 2.
 */
#pragma once

#include "webhook/injection/denial.h"
#include "webhook/injection/plan.h"

/* Containers that bear a name of ours without being ours; pod-wide settings that no placement can run under.
 */
bool container_rules_deny(const struct plan *plan, struct error *error,
                          struct denial_list *denials) _warn_unused_result_;

/* The fence wraps the agent's process only: no other container, nothing that runs beside the supervisor, no
 * user of the agent's own. */
bool container_rules_deny_combined(const struct plan *plan, struct error *error, struct denial_list *denials);

/* The fence exempts the proxy's uid: other containers must run as another, known uid and be unable to change
 * it. */
bool container_rules_deny_sidecar(const struct plan *plan, struct error *error, struct denial_list *denials);
