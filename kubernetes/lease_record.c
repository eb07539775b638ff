#include "kubernetes/lease_record.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "kubernetes/clock.h"

#include <string.h>

#define TRANSITIONS_MAXIMUM INT32_MAX
/* What a released Lease carries, since 0 is refused. */
#define RELEASED_DURATION_S 1

const char *lease_record_holder(const cJSON *lease)
{
    const char *holder = cJSON_GetStringValue(json_member(json_member(lease, "spec"), "holderIdentity"));
    return holder ? holder : "";
}

unsigned lease_record_duration_s(const cJSON *lease, unsigned fallback_s)
{
    int64_t seconds = 0;
    const cJSON *value = json_member(json_member(lease, "spec"), "leaseDurationSeconds");
    if (!value || !json_get_integer(value, &seconds) || seconds <= 0 || seconds > INT32_MAX)
        return fallback_s;
    return (unsigned) seconds;
}

bool lease_record_is_equal(const cJSON *left, const cJSON *right)
{
    const cJSON *left_spec = json_member(left, "spec");
    const cJSON *right_spec = json_member(right, "spec");
    return left_spec && right_spec ? json_equal(left_spec, right_spec) : left_spec == right_spec;
}

bool lease_record_new(const char *namespace_name, const char *name, struct error *error, cJSON **lease)
{
    _cleanup_(cJSON_Deletep) cJSON *made = cJSON_CreateObject();
    cJSON *metadata = NULL;
    if (!made || !cJSON_AddStringToObject(made, "apiVersion", "coordination.k8s.io/v1") ||
        !cJSON_AddStringToObject(made, "kind", "Lease") ||
        !(metadata = cJSON_AddObjectToObject(made, "metadata")) ||
        !cJSON_AddStringToObject(metadata, "namespace", namespace_name) ||
        !cJSON_AddStringToObject(metadata, "name", name))
        return error_set_no_memory(error);
    *lease = take_pointer(&made);
    return true;
}

static bool set_member(cJSON *object, const char *key, cJSON *value)
{
    if (!value)
        return false;
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (cJSON_AddItemToObject(object, key, value))
        return true;
    cJSON_Delete(value);
    return false;
}

static bool set_time(cJSON *spec, const char *key, const struct timespec *now)
{
    char text[MICROTIME_BYTES];
    clock_format_microtime(now, text);
    return set_member(spec, key, cJSON_CreateString(text));
}

/* The spec, made when it is missing; NULL when memory is short. */
static cJSON *need_spec(cJSON *lease)
{
    cJSON *spec = json_member(lease, "spec");
    if (cJSON_IsObject(spec))
        return spec;
    cJSON_DeleteItemFromObjectCaseSensitive(lease, "spec");
    return cJSON_AddObjectToObject(lease, "spec");
}

static bool count_transition(cJSON *spec)
{
    int64_t transitions = 0;
    const cJSON *value = json_member(spec, "leaseTransitions");
    if (!value || !json_get_integer(value, &transitions) || transitions < 0 ||
        transitions >= TRANSITIONS_MAXIMUM)
        transitions = 0;
    /* The first holder of a new Lease is no transition. */
    if (value || json_member(spec, "acquireTime"))
        transitions++;
    return set_member(spec, "leaseTransitions", cJSON_CreateNumber((double) transitions));
}

bool lease_record_hold(cJSON *lease, const char *identity, unsigned duration_s, const struct timespec *now,
                       struct error *error)
{
    bool is_renewal = strcmp(lease_record_holder(lease), identity) == 0;
    cJSON *spec = need_spec(lease);
    if (!spec)
        return error_set_no_memory(error);
    if (!is_renewal && (!count_transition(spec) || !set_time(spec, "acquireTime", now) ||
                        !set_member(spec, "holderIdentity", cJSON_CreateString(identity))))
        return error_set_no_memory(error);
    if (!set_member(spec, "leaseDurationSeconds", cJSON_CreateNumber(duration_s)) ||
        !set_time(spec, "renewTime", now))
        return error_set_no_memory(error);
    return true;
}

bool lease_record_release(cJSON *lease, const struct timespec *now, struct error *error)
{
    cJSON *spec = need_spec(lease);
    if (!spec)
        return error_set_no_memory(error);
    /* Removed rather than "": an empty name is refused by newer servers. */
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "holderIdentity");
    if (!set_member(spec, "leaseDurationSeconds", cJSON_CreateNumber(RELEASED_DURATION_S)) ||
        !set_time(spec, "acquireTime", now) || !set_time(spec, "renewTime", now))
        return error_set_no_memory(error);
    return true;
}
