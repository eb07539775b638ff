/* The way of a request's bytes: guard, unpack, document, validation, pod. What the guard lets through must
 * unpack, and whatever validation accepts must build. */

#include "common/cleanup.h"
#include "driver/rpc/message_guard.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/validation.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct driver_configuration *configuration;

static void use_sandbox(const Compute__DriverSandbox *sandbox)
{
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *document = NULL, *pod = NULL, *claim = NULL;
    if (!document_from_message(sandbox, &error, &document) ||
        !sandbox_validate(configuration, document, &error))
        return;
    if (!bare_pod_build(configuration, document, &error, &pod) ||
        !bare_pod_build_claim(configuration, document, &error, &claim))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const type = &compute__create_sandbox_request__descriptor;
    struct error error;
    if (!configuration && !driver_configuration_load(NULL, 0, NULL, &error, &configuration))
        abort();
    if (!message_guard_check(type, data, size, &error))
        return 0;
    Compute__CreateSandboxRequest *request = compute__create_sandbox_request__unpack(NULL, size, data);
    if (!request)
        abort();
    if (request->sandbox)
        use_sandbox(request->sandbox);
    compute__create_sandbox_request__free_unpacked(request, NULL);
    return 0;
}
