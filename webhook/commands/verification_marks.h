/* What a stored pod itself shows of its supervision, whatever the configuration: that its agent starts from
 * the supervisor's volume, and which configuration and version its annotations name. Anybody who may change a
 * pod may change its annotations: they are a claim. Private to verification and doctor.
 */
#pragma once

#include "webhook/commands/verification.h"
#include "webhook/injection/marks.h"

/* Adds a finding for each of these that is missing: the supervisor's volume, its mount in the agent, an agent
 * whose command is a program in it. The pod passed pod_view_open. ERROR_NO_MEMORY. */
bool verification_marks_check(const cJSON *pod, struct error *error,
                              struct verification *verification) _warn_unused_result_;

/* The configuration's digest as the annotation has it; "" without a well-formed one. ERROR_NO_MEMORY. */
bool verification_marks_read_digest(const cJSON *pod, struct error *error,
                                    char digest[static MARKS_DIGEST_CHARACTERS + 1]) _warn_unused_result_;

/* `*claims`: well-formed annotations say that the pod was made from a configuration with another digest, or
 * by another version. ERROR_NO_MEMORY. */
bool verification_marks_claim_other_origin(const cJSON *pod, const struct configuration *configuration,
                                           struct error *error, bool *claims) _warn_unused_result_;
