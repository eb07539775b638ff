/* What the API server may show: any object as record, pod and event, read into the registry and reported. */

#include "common/cleanup.h"
#include "common/json.h"
#include "driver/sandboxes/platform_event.h"
#include "driver/sandboxes/pod_state.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/registry.h"
#include "driver/sandboxes/report.h"
#include "kubernetes/secret.h"

#include <stdlib.h>

#define OBJECT_BYTES (1024u * 1024)
#define OBJECT_DEPTH 128
#define EVENT_BYTES (16u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_registry(const struct driver_configuration *configuration, const cJSON *object)
{
    struct error error;
    struct registry *registry = NULL;
    struct snapshot snapshot;
    if (!registry_new(configuration, &error, &registry) ||
        !registry_put(registry, REGISTRY_RECORD, object, &error) ||
        !registry_put(registry, REGISTRY_POD, object, &error))
        abort();
    const cJSON *id =
        json_member(json_member(json_member(object, "metadata"), "labels"), "openshell.ai/sandbox-id");
    if (cJSON_IsString(id) && registry_find(registry, id->valuestring, &snapshot.state))
        snapshot_make(&snapshot, configuration, 0);
    registry_free(registry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {OBJECT_BYTES, OBJECT_DEPTH};
    static struct driver_configuration *configuration;
    struct error error;
    if (!configuration && !driver_configuration_load(NULL, 0, NULL, &error, &configuration))
        abort();
    _cleanup_(cJSON_Deletep) cJSON *object = NULL, *document = NULL;
    if (!json_parse((const char *) data, size, &limits, &error, &object))
        return 0;
    _cleanup_(secret_freep) char *token = NULL;
    struct buffer packed = BUFFER_INIT(EVENT_BYTES);
    (void) !record_read_document(object, &error, &document);
    (void) !record_read_token(object, &error, &token);
    (void) pod_is_supervised(object);
    (void) platform_event_pod(object);
    (void) !platform_event_pack(object, "an-id", &error, &packed);
    buffer_done(&packed);
    read_registry(configuration, object);
    return 0;
}
