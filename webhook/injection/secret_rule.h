/* One rule that volumes and variables share: the Secrets that hold sandboxes' tokens are mounted by the
 * webhook alone. */
#pragma once

#include "webhook/injection/denial.h"

/* Denies a reference to a Secret named openshell-sandbox-*. `name` "" passes. Fails only without memory. */
bool secret_rule_deny(const char *name, const struct json_path *path, struct error *error,
                      struct denial_list *denials) _warn_unused_result_;
