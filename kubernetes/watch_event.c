#include "kubernetes/watch_event.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "kubernetes/client.h"
#include "kubernetes/resource.h"

#include <string.h>

static bool find_type(const char *name, enum watch_event_type *type)
{
    static const char *const names[] = {
        [WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
        [WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *type = (enum watch_event_type) i;
            return true;
        }
    }
    return false;
}

static bool set_malformed(struct error *error, const char *reason)
{
    return error_set(error, ERROR_UNAVAILABLE, "watch event: %s", reason);
}

bool watch_event_parse(const char *line, size_t length, struct error *error, struct watch_event *event)
{
    const struct json_limits limits = {.bytes = length, .depth = KUBERNETES_JSON_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    struct error malformed;
    if (!json_parse(line, length, &limits, &malformed, &value)) {
        if (malformed.code == ERROR_NO_MEMORY)
            return error_set_no_memory(error);
        return set_malformed(error, malformed.message);
    }
    const char *name = NULL;
    cJSON *object = NULL;
    enum watch_event_type type = WATCH_ERROR;
    if (!json_require_string(value, JSON_ROOT, "type", &malformed, &name) ||
        !json_require_object(value, JSON_ROOT, "object", &malformed, &object))
        return set_malformed(error, malformed.message);
    if (!find_type(name, &type))
        return set_malformed(error, "type is not known");
    const char *resource_version = kubernetes_object_resource_version(object);
    if (type != WATCH_ERROR && (!resource_version || !*resource_version))
        return set_malformed(error, "object has no metadata.resourceVersion");
    cJSON_DetachItemViaPointer(value, object);
    *event = (struct watch_event){.type = type, .object = object, .resource_version = resource_version};
    return true;
}

void watch_event_done(struct watch_event *event)
{
    cJSON_Delete(event->object);
    *event = (struct watch_event){0};
}
