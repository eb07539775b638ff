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

/* The plainest pod, and one that has something of everything that the injection replaces or moves. */
static const char *const samples[] = {
    SAMPLE_HEAD
    "},\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,\"containers\":"
    "[{\"name\":\"agent\",\"image\":\"sample\",\"command\":[\"sample\"]}]}}",
    SAMPLE_HEAD
    ",\"annotations\":{\"sample\":\"\"}},\"spec\":{\"restartPolicy\":\"Never\","
    "\"automountServiceAccountToken\":false,\"securityContext\":{},\"volumes\":[{\"name\":\"workspace\","
    "\"persistentVolumeClaim\":{\"claimName\":\"sample\"}}],\"initContainers\":[],\"containers\":[{\"name\":"
    "\"agent\",\"image\":\"sample\",\"command\":[\"sample\"],\"args\":[\"sample\"],\"tty\":true,\"env\":["
    "{\"name\":\"SAMPLE\",\"value\":\"\"},{\"name\":\"OPENSHELL_LOG_LEVEL\",\"value\":\"info\"}],"
    "\"securityContext\":{\"capabilities\":{\"drop\":[\"ALL\"]}},\"volumeMounts\":[{\"name\":\"workspace\","
    "\"mountPath\":\"/sandbox\"}]}]}}",
    SAMPLE_HEAD "},\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
                "\"hostUsers\":false,\"containers\":[{\"name\":\"agent\",\"image\":\"sample\",\"command\":"
                "[\"sample\"]}]}}",
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

static bool learn_sample(struct reasons *reasons, const char *sample,
                         const struct configuration *configuration, struct error *error)
{
    const struct json_limits limits = {.bytes = strlen(sample), .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    _cleanup_(injection_result_done) struct injection_result result = {0};
    if (!json_parse(sample, limits.bytes, &limits, error, &pod))
        return false;
    const struct injection_request request = {.pod = pod, .configuration = configuration};
    if (!injection_run(&request, error, &result))
        return false;
    for (size_t i = 0; i < result.operation_count; i++)
        if (!learn_operation(reasons, &result.operations[i], error))
            return false;
    return true;
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

void reasons_done(struct reasons *reasons)
{
    key_index_done(&reasons->places);
    free(reasons->texts);
    *reasons = REASONS_INIT;
}
