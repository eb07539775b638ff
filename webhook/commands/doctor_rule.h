/* What the rules of a registration or of a policy take in, as the API server reads them. Private to
 * doctor_*.c.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

/* A request about a namespaced resource of the core group, in v1. */
struct rule_subject {
    const char *operation; /* "CREATE" */
    const char *resource;  /* "pods", "pods/status" */
};

/* Whether `rule` takes the request in, whatever its resourceNames say. */
bool doctor_rule_covers(const cJSON *rule, const struct rule_subject *subject);
