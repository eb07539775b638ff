#include "common/cleanup.h"
#include "common/json.h"
#include "kubernetes/resource.h"
#include "webhook/commands/doctor_judge.h"
#include "webhook/injection/pod_view.h"

#include <string.h>

#define ENFORCE_LABEL "pod-security.kubernetes.io/enforce"
/* Past the longest key of a Secret, 253. */
#define KEY_BYTES 256
#define MISSING_BYTES 1024

static size_t count_ready(const cJSON *slices, size_t *total)
{
    size_t ready = 0;
    const cJSON *slice, *endpoint;
    cJSON_ArrayForEach(slice, slices)
    {
        cJSON_ArrayForEach(endpoint, json_member(slice, "endpoints"))
        {
            /* Not known counts as ready, as it does for the API server. */
            ready += !pod_is_false(json_member(endpoint, "conditions"), "ready");
            ++*total;
        }
    }
    return ready;
}

void doctor_judge_endpoints(const cJSON *slices, const char *namespace_name, const char *name,
                            struct checkup *checkup)
{
    size_t total = 0;
    size_t ready = count_ready(slices, &total);
    checkup_add(checkup, ready ? CHECK_OK : CHECK_FAILED, "service",
                "%zu of %zu endpoints of %.253s/%.253s ready", ready, total, namespace_name, name);
    if (!ready)
        checkup_advise(
            checkup,
            "no sandbox pod can be created: look at kubectl -n %.253s get pods, and at /readyz of one",
            namespace_name);
}

/* Both topologies grant capabilities that only the level `privileged` lets pass (docs/security.md). */
static void judge_pod_security(const cJSON *labels, const char *name,
                               const struct configuration *configuration, struct checkup *checkup)
{
    static const char check[] = "namespace.pod-security";
    const char *level = json_text(labels, ENFORCE_LABEL);
    if (!*level || strcmp(level, "privileged") == 0) {
        checkup_add(checkup, CHECK_OK, check, ENFORCE_LABEL " is %s", *level ? level : "not set");
        return;
    }
    checkup_add(checkup, CHECK_FAILED, check, ENFORCE_LABEL " is %.63s, which refuses %s", level,
                configuration->topology == TOPOLOGY_COMBINED
                    ? "SYS_ADMIN and NET_ADMIN of the agent's container"
                    : "NET_ADMIN of openshell-network-init");
    checkup_advise(checkup,
                   "kubectl label --overwrite namespace %.253s " ENFORCE_LABEL
                   "=privileged; the webhook holds the user's part of the pods to baseline",
                   name);
}

void doctor_judge_namespace(const cJSON *object, const char *name, const struct configuration *configuration,
                            struct checkup *checkup)
{
    static const char check[] = "namespace";
    const cJSON *metadata = json_member(object, "metadata");
    if (!object) {
        checkup_add(checkup, CHECK_FAILED, check, "namespace %.253s does not exist", name);
        checkup_advise(checkup, "create it, or name the sandboxes' by --namespace");
        return;
    }
    if (json_member(metadata, "deletionTimestamp")) {
        checkup_add(checkup, CHECK_FAILED, check, "namespace %.253s is being deleted", name);
        checkup_advise(checkup, "nothing can be created in it any more");
    } else {
        checkup_add(checkup, CHECK_OK, check, "namespace %.253s exists", name);
    }
    judge_pod_security(json_member(metadata, "labels"), name, configuration, checkup);
}

/* Some manager has the key: `f:<key>` below `f:data`. */
static bool has_key(const cJSON *managers, const char *key)
{
    char field[KEY_BYTES];
    const cJSON *entry;
    snprintf(field, sizeof field, "f:%s", key);
    cJSON_ArrayForEach(entry, managers)
    {
        if (json_member(json_member(json_member(entry, "fieldsV1"), "f:data"), field))
            return true;
    }
    return false;
}

/* Whether a key that no manager has is one that is not there. What was applied as stringData is not listed
 * by its keys, and goes on standing there when it is gone. */
static bool tell_all_keys(const cJSON *managers)
{
    bool tell_any = false;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, managers)
    {
        const cJSON *fields = json_member(entry, "fieldsV1");
        if (json_member(fields, "f:stringData"))
            return false;
        tell_any = tell_any || json_member(fields, "f:data");
    }
    return tell_any;
}

static void judge_keys(const struct secret_request *request, struct checkup *checkup)
{
    const cJSON *managers = json_member(json_member(request->object, "metadata"), "managedFields");
    _cleanup_(buffer_done) struct buffer missing = BUFFER_INIT(MISSING_BYTES);
    for (const char *const *key = request->keys; *key; key++) {
        if (!has_key(managers, *key))
            buffer_append_format(&missing, "%s%s", missing.length ? ", " : "", *key);
    }
    if (missing.failure != ERROR_NONE) {
        checkup_fail(checkup, missing.failure);
        return;
    }
    if (!missing.length) {
        checkup_add(checkup, CHECK_OK, request->check, "Secret %.253s has its keys", request->name);
        return;
    }
    bool tells_keys = tell_all_keys(managers);
    checkup_add(checkup, tells_keys ? CHECK_FAILED : CHECK_WARNING, request->check, "Secret %.253s %s %s",
                request->name, tells_keys ? "lacks" : "exists; its metadata does not tell whether it has",
                buffer_string(&missing));
    checkup_advise(checkup, "kubectl -n %.253s describe secret %.253s; sandboxes do not start without",
                   request->namespace_name, request->name);
}

void doctor_judge_secret(const struct secret_request *request, struct checkup *checkup)
{
    if (request->object) {
        judge_keys(request, checkup);
        return;
    }
    checkup_add(checkup, CHECK_FAILED, request->check, "Secret %.253s does not exist in namespace %.253s",
                request->name, request->namespace_name);
    checkup_advise(checkup, "create it, or correct %s", request->option);
}
