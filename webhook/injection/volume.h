/* Planned volumes as Kubernetes objects. */
#pragma once

#include "webhook/injection/plan.h"

/* Builds the volume; NULL without memory. The caller owns it. */
cJSON *volume_build(const struct planned_volume *volume);

/* `present` is exactly the planned volume, defaults of the API server aside. Fails only without memory. */
bool volume_matches(const struct planned_volume *volume, const cJSON *present, struct error *error,
                    bool *matches) _warn_unused_result_;
