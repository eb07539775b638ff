#include "driver/sandboxes/gpu.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "kubernetes/objects.h"

#include <string.h>

static bool look_at_node(void *context, cJSON **node, struct error *error)
{
    bool *has_gpu = context;
    const cJSON *allocatable = json_member(json_member(*node, "status"), "allocatable");
    const cJSON *gpus = json_member(allocatable, "nvidia.com/gpu");
    (void) error;
    if (cJSON_IsString(gpus) && strcmp(gpus->valuestring, "0") != 0)
        *has_gpu = true;
    return true;
}

bool gpu_check(struct kubernetes_client *client, const cJSON *document, struct error *error)
{
    static const struct kubernetes_target nodes = {.resource = &kubernetes_nodes};
    bool has_gpu = false;
    const struct kubernetes_list_handler handler = {.object = look_at_node, .context = &has_gpu};
    _cleanup_(freep) char *ignored = NULL;
    if (!json_member(document, "gpu"))
        return true;
    if (!kubernetes_list_each(client, &nodes, NULL, NULL, &handler, error, &ignored))
        return error_prefix(error, "looking for a GPU");
    return has_gpu || error_set(error, ERROR_FAILED_PRECONDITION,
                                "a GPU was asked for, but no node has nvidia.com/gpu to allocate");
}
