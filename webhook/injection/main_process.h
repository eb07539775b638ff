/* The user's process: what the supervisor starts (OPENSHELL_MAIN_PROCESS_SPEC) and with which environment
 * (OPENSHELL_USER_ENVIRONMENT). Source: contract/supervised-pod.md G, contract/decisions.md section 2.
 */
#pragma once

#include "webhook/injection/denial.h"
#include "webhook/injection/plan.h"

/* Longest JSON of either: the kernel takes no environment string past 128 KiB. */
#define MAIN_PROCESS_BYTES (120u * 1024)

/* Plans both variables of the agent. Denials: arguments without a command, an empty program name, a
 * OPENSHELL_MAIN_PROCESS_SPEC of ours that does not parse, either text past MAIN_PROCESS_BYTES. */
bool main_process_plan(struct plan *plan, struct error *error,
                       struct denial_list *denials) _warn_unused_result_;
