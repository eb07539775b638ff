/* Whether the cluster can give a sandbox the GPUs it asks for (contract F.4). */
#pragma once

#include "common/error.h"
#include "kubernetes/client.h"

#include <cjson/cJSON.h>

/* True when the document asks for no GPU or a node has one to allocate. ERROR_FAILED_PRECONDITION: none has;
 * other errors: the nodes could not be listed. Says nothing of GPUs that are in use. */
bool gpu_check(struct kubernetes_client *client, const cJSON *document,
               struct error *error) _warn_unused_result_;
