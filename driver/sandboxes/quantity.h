/* Kubernetes quantities ("500m", "4Gi", "1e3"): is this one. Not for: arithmetic. */
#pragma once

#include <stdbool.h>

bool quantity_is_valid(const char *text);

/* A valid quantity that is not zero. */
bool quantity_is_positive(const char *text);
