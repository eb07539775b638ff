#include "webhook/audit/redaction.h"

#include "common/json.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static bool replace(cJSON *object, const char *key, struct error *error)
{
    if (!cJSON_IsString(json_member(object, key)))
        return true;
    cJSON *mark = cJSON_CreateString(REDACTED);
    if (!mark)
        return error_set_no_memory(error);
    if (cJSON_ReplaceItemInObjectCaseSensitive(object, key, mark))
        return true;
    cJSON_Delete(mark);
    return error_set_no_memory(error);
}

static bool redact_containers(const cJSON *containers, struct error *error)
{
    const cJSON *container, *variable;
    cJSON_ArrayForEach(container, containers)
    {
        const cJSON *variables = json_member(container, "env");
        for (variable = variables ? variables->child : NULL; variable; variable = variable->next)
            if (!replace((cJSON *) variable, "value", error))
                return false;
    }
    return true;
}

bool redaction_apply(cJSON *pod, struct error *error)
{
    const cJSON *spec = json_member(pod, "spec");
    return redact_containers(json_member(spec, "initContainers"), error) &&
           redact_containers(json_member(spec, "containers"), error) &&
           redact_containers(json_member(spec, "ephemeralContainers"), error) &&
           replace(json_member(json_member(pod, "metadata"), "annotations"), LAST_APPLIED, error);
}
