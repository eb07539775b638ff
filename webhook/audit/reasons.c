#include "webhook/audit/reasons.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/injection/injection.h"

#include <ctype.h>
#include <string.h>

#define PLACE_BYTES (64u * 1024)

#define SAMPLE_HEAD                                                                                          \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"sample\",\"namespace\":\"sample\","    \
    "\"labels\":{\"openshell.ai/managed-by\":\"openshell\",\"openshell.ai/sandbox-id\":\"sample\","          \
    "\"openshell.ai/sandbox-name\":\"sample\"}"

#define SAMPLE_WORKSPACE                                                                                     \
    "\"volumes\":[{\"name\":\"workspace\",\"persistentVolumeClaim\":{\"claimName\":\"sample\"}}]"
#define SAMPLE_MOUNT "\"volumeMounts\":[{\"name\":\"workspace\",\"mountPath\":\"/sandbox\"}]"

/* The plainest pod; one that has something of everything that the injection replaces or moves; and pods that
 * have only a part of it, for which what is around that part must be made. */
static const char *const samples[] = {
    SAMPLE_HEAD
    "},\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,\"containers\":"
    "[{\"name\":\"agent\",\"image\":\"sample\",\"command\":[\"sample\"]}]}}",
    SAMPLE_HEAD
    ",\"annotations\":{\"sample\":\"\"}},\"spec\":{\"restartPolicy\":\"Never\","
    "\"automountServiceAccountToken\":false,\"securityContext\":{}," SAMPLE_WORKSPACE
    ",\"initContainers\":[],\"containers\":[{\"name\":\"agent\",\"image\":\"sample\",\"command\":["
    "\"sample\"],\"args\":[\"sample\"],\"tty\":true,\"stdin\":true,\"stdinOnce\":true,\"env\":["
    "{\"name\":\"SAMPLE\",\"value\":\"\"},{\"name\":\"OPENSHELL_LOG_LEVEL\",\"value\":\"info\"}],"
    "\"securityContext\":{\"capabilities\":{\"drop\":[\"ALL\"]}}," SAMPLE_MOUNT "}]}}",
    SAMPLE_HEAD "},\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
                "\"hostUsers\":false,\"containers\":[{\"name\":\"agent\",\"image\":\"sample\",\"command\":"
                "[\"sample\"]}]}}",
    SAMPLE_HEAD
    "},\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false," SAMPLE_WORKSPACE
    ",\"containers\":[{\"name\":\"agent\",\"image\":\"sample\",\"command\":[\"sample\"]," SAMPLE_MOUNT "}]}}",
};

#define SAMPLE_COUNT (sizeof samples / sizeof *samples)

/* A pointer's steps with every index as `*`: elements of lists have the same reason at any place. */
static void append_path(struct buffer *place, const char *path)
{
    while (*path) {
        size_t length = 1 + strcspn(path + 1, "/");
        bool is_index = length > 1 && (isdigit((unsigned char) path[1]) || strncmp(path, "/-", length) == 0);
        if (is_index)
            buffer_append_string(place, "/*");
        else
            buffer_append(place, path, length);
        path += length;
    }
}

/* Elements are told apart by their name. */
static void append_name(struct buffer *place, const cJSON *value)
{
    const cJSON *name = json_member(value, "name");
    if (cJSON_IsString(name))
        buffer_append_format(place, " %s", name->valuestring);
}

static void make_place(struct buffer *place, const char *path, const cJSON *value)
{
    buffer_clear(place);
    append_path(place, path);
    append_name(place, value);
}

static bool add_place(struct reasons *reasons, const struct buffer *place, const char *reason,
                      struct error *error)
{
    size_t number, known = reasons->places.count;
    if (!buffer_check(place, error) || !key_index_add(&reasons->places, buffer_string(place), error, &number))
        return false;
    if (reasons->places.count == known)
        return true;
    if (number == reasons->reserved) {
        size_t reserved = reasons->reserved ? reasons->reserved * 2 : 128;
        const char **texts = realloc(reasons->texts, reserved * sizeof *texts);
        if (!texts)
            return error_set_no_memory(error);
        reasons->texts = texts;
        reasons->reserved = reserved;
    }
    reasons->texts[number] = reason;
    return true;
}

static bool learn_operation(struct reasons *reasons, const struct injection_operation *operation,
                            struct error *error)
{
    _cleanup_(buffer_done) struct buffer place = BUFFER_INIT(PLACE_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    if (operation->value) {
        const struct json_limits limits = {.bytes = strlen(operation->value), .depth = JSON_DEPTH_MAXIMUM};
        if (!json_parse(operation->value, limits.bytes, &limits, error, &value))
            return false;
    }
    make_place(&place, operation->path, value);
    return add_place(reasons, &place, operation->reason, error);
}

static bool learn_pod(struct reasons *reasons, const struct injection_request *request, struct error *error)
{
    _cleanup_(injection_result_done) struct injection_result result = {0};
    if (!injection_run(request, error, &result))
        return false;
    for (size_t i = 0; i < result.operation_count; i++)
        if (!learn_operation(reasons, &result.operations[i], error))
            return false;
    return true;
}

static bool learn_sample(struct reasons *reasons, const char *sample,
                         const struct configuration *configuration, struct error *error)
{
    const struct json_limits limits = {.bytes = strlen(sample), .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    if (!json_parse(sample, limits.bytes, &limits, error, &pod))
        return false;
    const struct injection_request request = {.pod = pod, .configuration = configuration};
    return learn_pod(reasons, &request, error);
}

bool reasons_learn(struct reasons *reasons, const struct configuration *configuration, struct error *error)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        if (!learn_sample(reasons, samples[i], configuration, error))
            return false;
    return true;
}

bool reasons_find(const struct reasons *reasons, const cJSON *operation, struct error *error,
                  const char **reason)
{
    _cleanup_(buffer_done) struct buffer place = BUFFER_INIT(PLACE_BYTES);
    const cJSON *path = json_member(operation, "path");
    *reason = NULL;
    if (!cJSON_IsString(path))
        return true;
    make_place(&place, path->valuestring, json_member(operation, "value"));
    size_t number = key_index_find(&reasons->places, buffer_string(&place));
    if (number != KEY_INDEX_NONE)
        *reason = reasons->texts[number];
    return buffer_check(&place, error);
}

static bool knows_all(const struct reasons *reasons, const cJSON *patch, struct error *error, bool *is_known)
{
    const cJSON *operation;
    *is_known = true;
    cJSON_ArrayForEach(operation, patch)
    {
        const char *reason;
        if (!reasons_find(reasons, operation, error, &reason))
            return false;
        *is_known = *is_known && reason;
    }
    return true;
}

bool reasons_learn_decision(struct reasons *reasons, const struct audit_decision *decision,
                            const cJSON *object, const cJSON *patch, struct error *error)
{
    bool is_known;
    const struct configuration *configuration =
        recorded_configurations_find(&reasons->configurations, decision->configuration);
    if (!knows_all(reasons, patch, error, &is_known))
        return false;
    if (is_known || !object || !configuration)
        return true;
    _cleanup_(cJSON_Deletep) cJSON *pod = cJSON_Duplicate(object, true);
    if (!pod)
        return error_set_no_memory(error);
    const struct injection_request request = {
        .pod = pod,
        .namespace_annotations = decision->namespace_annotations,
        .user_name = decision->user,
        .user_groups = decision->groups,
        .configuration = configuration,
    };
    /* A record that is not as it was written may have anything for an object. */
    return learn_pod(reasons, &request, error) || error->code == ERROR_INVALID;
}

bool reasons_open(struct reasons *reasons, const char *directory, struct error *error)
{
    const struct recorded_configurations *configurations = &reasons->configurations;
    bool is_learned = recorded_configurations_read(directory, error, &reasons->configurations);
    for (size_t i = 0; is_learned && i < configurations->count; i++)
        is_learned = reasons_learn(reasons, configurations->items[i], error);
    return is_learned;
}

void reasons_done(struct reasons *reasons)
{
    recorded_configurations_done(&reasons->configurations);
    key_index_done(&reasons->places);
    free(reasons->texts);
    *reasons = REASONS_INIT;
}
