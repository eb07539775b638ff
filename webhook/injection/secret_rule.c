#include "webhook/injection/secret_rule.h"

#include "common/names.h"

#include <string.h>

bool secret_rule_deny(const char *name, const struct json_path *path, struct error *error,
                      struct denial_list *denials)
{
    if (strncmp(name, SANDBOX_SECRET_PREFIX, sizeof SANDBOX_SECRET_PREFIX - 1) != 0)
        return true;
    return denial_list_add(
        denials, "SandboxSecret", path, error,
        "\"%.120s\" holds a sandbox's token, which only the webhook may mount; use another Secret", name);
}
