/* The two pods that `doctor` tries by dry run, and what the API server's answers mean: a bare sandbox pod,
 * which must come back supervised, and the same with a variable of its own, which the webhook must refuse
 * whatever its configuration. Pure.
 *
 * Not for: sending them (doctor.h).
 */
#pragma once

#include "webhook/commands/checkup.h"
#include "webhook/injection/configuration.h"

#include <cjson/cJSON.h>

/* No pod may bring it: it begins like those that steer the supervisor, and is none of them. */
#define DOCTOR_VARIABLE "OPENSHELL_DOCTOR"

/* A pod with an image that allowedImages accepts. `is_hostile`: with the variable. The caller owns `*pod`. */
bool doctor_probe_make(const struct configuration *configuration, bool is_hostile, struct error *error,
                       cJSON **pod) _warn_unused_result_;

struct probe_request {
    cJSON *pod;                         /* as it came back, parsed by json_parse; used up */
    const cJSON *namespace_annotations; /* object of strings; NULL: none */
    bool are_annotations_unknown;       /* the namespace could not be read, and the decision depends on it */
    const struct configuration *configuration;
};

/* The bare pod came back. Adds `sandbox-pod`, by the judgement of verification.h. */
void doctor_judge_pod(const struct probe_request *request, struct checkup *checkup);

/* The bare pod was refused, for this reason. Adds `sandbox-pod`. */
void doctor_judge_refusal(const struct error *reason, struct checkup *checkup);

/* Whether an admission webhook denied it; other errors are of the call, of the API server or of the way. */
bool doctor_is_denial(const struct error *reason);

/* The hostile pod was refused for this reason, or admitted (NULL). Adds `denial`. */
void doctor_judge_hostile(const struct error *reason, struct checkup *checkup);
