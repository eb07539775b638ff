/* Rules about the pod as a whole: what a sandbox pod must already be, what it may not bring.
 * Source: contract/decisions.md section 2. Each function adds denials and returns false only without memory.
 */
#pragma once

#include "webhook/injection/denial.h"
#include "webhook/injection/injection.h"
#include "webhook/injection/plan.h"

/* Restart policy, service account token, sandbox annotation, ephemeral containers, creator, image. */
bool pod_rules_deny(const struct plan *plan, const struct injection_request *request, struct error *error,
                    struct denial_list *denials) _warn_unused_result_;

/* Volumes with our names and other content, Secrets of sandboxes, projected tokens. Needs the finished plan.
 */
bool volume_rules_deny(const struct plan *plan, struct error *error,
                       struct denial_list *denials) _warn_unused_result_;

/* Mounts over, under or above the supervisor's directories, mounts of our volumes. Needs the finished plan.
 */
bool mount_rules_deny(const struct plan *plan, struct error *error,
                      struct denial_list *denials) _warn_unused_result_;

/* OPENSHELL_ variables and envFrom of the agent, variables that read a sandbox's Secret. Needs the finished
 * plan. */
bool environment_rules_deny(const struct plan *plan, struct error *error,
                            struct denial_list *denials) _warn_unused_result_;

/* The Pod Security Standard baseline for the user's part of the pod. */
bool baseline_deny(const struct plan *plan, struct error *error,
                   struct denial_list *denials) _warn_unused_result_;
