/* Any pod that parses, made a sandbox pod by its labels. What must hold: what is injected once needs nothing
 * a second time, the patch parses, every operation has its reason. */
#include "common/cleanup.h"
#include "webhook/injection/injection.h"

#include <stdint.h>
#include <stdlib.h>

#define TEXT_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct configuration *load(const char *topology, const char *kind)
{
    const struct configuration_flag flags[] = {
        {.name = "topology", .value = topology},
        {.name = "sandbox-uid", .value = "1000"},
        {.name = "sidecar-kind", .value = kind},
        {.name = "client-tls-secret-name", .value = "tls"},
        {.name = "pod-security", .value = "none"},
        {.name = "app-armor-profile", .value = "RuntimeDefault"},
        {.name = "enable-user-namespaces", .value = "true"},
    };
    const struct configuration_sources sources = {.flags = flags, .flag_count = sizeof flags / sizeof *flags};
    struct configuration *configuration = NULL;
    struct error error;
    if (!configuration_load(&sources, &error, &configuration))
        abort();
    return configuration;
}

/* So that the search does not have to find the labels again and again. */
static void make_sandbox(cJSON *pod)
{
    cJSON *metadata = json_member(pod, "metadata");
    cJSON *labels = cJSON_IsObject(metadata) ? json_member(metadata, "labels") : NULL;
    if (!cJSON_IsObject(labels))
        return;
    static const char *const values[][2] = {{"openshell.ai/managed-by", "openshell"},
                                            {"openshell.ai/sandbox-id", "id"},
                                            {"openshell.ai/sandbox-name", "name"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(labels, values[i][0]);
        cJSON_AddStringToObject(labels, values[i][0], values[i][1]);
    }
}

static void check_patch(const struct injection_result *result)
{
    const struct json_limits limits = {.bytes = TEXT_BYTES, .depth = JSON_DEPTH_MAXIMUM};
    struct buffer patch = BUFFER_INIT(TEXT_BYTES);
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *operations = NULL;
    if (!injection_append_patch(result, &patch, &error) ||
        !json_parse(buffer_string(&patch), patch.length, &limits, &error, &operations) ||
        (size_t) cJSON_GetArraySize(operations) != result->operation_count)
        abort();
    for (size_t i = 0; i < result->operation_count; i++) {
        if (!result->operations[i].reason || !*result->operations[i].reason)
            abort();
    }
    buffer_done(&patch);
}

static void inject_twice(cJSON *pod, const struct configuration *configuration, bool is_stored)
{
    const struct injection_request request = {
        .pod = pod, .configuration = configuration, .is_stored = is_stored};
    struct injection_result first, second;
    struct error error;
    if (!injection_run(&request, &error, &first))
        return;
    check_patch(&first);
    if (first.decision == INJECTION_INJECTED) {
        if (!injection_run(&request, &error, &second) || second.decision != INJECTION_UNCHANGED)
            abort();
        injection_result_done(&second);
    }
    injection_result_done(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct configuration *configurations[3];
    if (!configurations[0]) {
        configurations[0] = load("combined", "container");
        configurations[1] = load("sidecar", "container");
        configurations[2] = load("sidecar", "native");
    }
    const struct json_limits limits = {.bytes = TEXT_BYTES, .depth = 64};
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        struct error error;
        _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
        _cleanup_(cJSON_Deletep) cJSON *stored = NULL;
        if (!json_parse((const char *) data, size, &limits, &error, &pod) ||
            !json_parse((const char *) data, size, &limits, &error, &stored))
            return 0;
        make_sandbox(pod);
        make_sandbox(stored);
        inject_twice(pod, configurations[i], false);
        inject_twice(stored, configurations[i], true);
    }
    return 0;
}
