#include "driver/sandboxes/service.h"

#include "common/cleanup.h"
#include "common/version.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/gpu.h"
#include "driver/sandboxes/lifecycle.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/report.h"
#include "driver/sandboxes/validation.h"
#include "driver/sandboxes/watch.h"
#include "driver/sandboxes/workspaces.h"

#include "compute_driver.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define DRIVER_NAME "pods"
#define SSH_PORT 2222

static bool get_capabilities(void *context, const ProtobufCMessage *request, struct error *error,
                             struct buffer *reply)
{
    const struct service *service = context;
    const Compute__GetCapabilitiesRequest *asked = (const Compute__GetCapabilitiesRequest *) request;
    if (asked->gateway)
        return error_set(
            error, ERROR_FAILED_PRECONDITION,
            "this driver serves OpenShell gateways 0.0.x; a gateway of 0.1 or later speaks another "
            "contract (it sent its own metadata) and needs the driver made for it");
    Compute__GetCapabilitiesResponse answer = COMPUTE__GET_CAPABILITIES_RESPONSE__INIT;
    answer.driver_name = (char *) DRIVER_NAME;
    answer.driver_version = (char *) PRODUCT_VERSION;
    answer.default_image = service->sandboxes->configuration->default_image;
    return rpc_pack(&answer.base, error, reply);
}

/* Sandboxes reach the gateway by its Service: no listener of its own is needed. */
static bool get_listener_requirements(void *context, const ProtobufCMessage *request, struct error *error,
                                      struct buffer *reply)
{
    Compute__GetGatewayListenerRequirementsResponse answer =
        COMPUTE__GET_GATEWAY_LISTENER_REQUIREMENTS_RESPONSE__INIT;
    (void) context;
    (void) request;
    return rpc_pack(&answer.base, error, reply);
}

static bool read_document(const Compute__DriverSandbox *sandbox, struct error *error, cJSON **document)
{
    if (!sandbox)
        return error_set(error, ERROR_INVALID, "sandbox: is missing");
    return document_from_message(sandbox, error, document);
}

static bool validate_create(void *context, const ProtobufCMessage *request, struct error *error,
                            struct buffer *reply)
{
    const struct service *service = context;
    const Compute__ValidateSandboxCreateRequest *asked =
        (const Compute__ValidateSandboxCreateRequest *) request;
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    (void) reply;
    /* All that a create would refuse its user for: the gateway passes every status of this call on (J.13). */
    return read_document(asked->sandbox, error, &document) &&
           sandbox_validate(service->sandboxes->configuration, document, error) &&
           gpu_check(service->sandboxes->client, document, error);
}

static bool create(void *context, const ProtobufCMessage *request, struct error *error, struct buffer *reply)
{
    const struct service *service = context;
    const Compute__CreateSandboxRequest *asked = (const Compute__CreateSandboxRequest *) request;
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    (void) reply;
    const char *token = asked->sandbox && asked->sandbox->spec ? asked->sandbox->spec->sandbox_token : "";
    bool is_created = read_document(asked->sandbox, error, &document) &&
                      sandbox_create(service->sandboxes, document, token, error);
    const struct service_observer *observer = &service->observer;
    if (is_created && observer->created)
        observer->created(observer->context, document_id(document));
    if (!is_created && observer->create_failed)
        observer->create_failed(observer->context, error_code_name(error->code));
    return is_created;
}

static void make_snapshot(const struct service *service, struct snapshot *snapshot)
{
    snapshot_make(snapshot, service->sandboxes->configuration, monotonic_now_ns());
}

static bool get(void *context, const ProtobufCMessage *request, struct error *error, struct buffer *reply)
{
    const struct service *service = context;
    const Compute__GetSandboxRequest *asked = (const Compute__GetSandboxRequest *) request;
    struct snapshot snapshot;
    if (!sandboxes_find(service->sandboxes, asked->sandbox_id, error, &snapshot.state))
        return false;
    make_snapshot(service, &snapshot);
    Compute__GetSandboxResponse answer = COMPUTE__GET_SANDBOX_RESPONSE__INIT;
    answer.sandbox = &snapshot.sandbox;
    return rpc_pack(&answer.base, error, reply);
}

struct listing {
    const struct service *service;
    struct buffer *reply;
    struct error *error;
    bool has_failed;
};

/* A repeated field is one element after the other: packing a list of one each time appends to the list. */
static bool list_one(void *context, const struct sandbox_state *state)
{
    struct listing *listing = context;
    struct snapshot snapshot = {.state = *state};
    if (!state->record.exists || state->record.is_creating)
        return true;
    make_snapshot(listing->service, &snapshot);
    Compute__DriverSandbox *only = &snapshot.sandbox;
    Compute__ListSandboxesResponse part = COMPUTE__LIST_SANDBOXES_RESPONSE__INIT;
    part.sandboxes = &only;
    part.n_sandboxes = 1;
    listing->has_failed = !rpc_pack(&part.base, listing->error, listing->reply);
    return !listing->has_failed;
}

static bool list(void *context, const ProtobufCMessage *request, struct error *error, struct buffer *reply)
{
    const struct service *service = context;
    struct listing listing = {service, reply, error, false};
    (void) request;
    if (!registry_wait_synced(service->sandboxes->registry,
                              monotonic_now_ns() + SYNC_WAIT_SECONDS * MONOTONIC_SECOND_NS))
        return error_set(error, ERROR_UNAVAILABLE, "the sandboxes of the cluster have not been listed yet");
    registry_each(service->sandboxes->registry, list_one, &listing);
    return !listing.has_failed;
}

static bool stop(void *context, const ProtobufCMessage *request, struct error *error, struct buffer *reply)
{
    const struct service *service = context;
    (void) reply;
    return sandbox_stop(service->sandboxes, ((const Compute__StopSandboxRequest *) request)->sandbox_id,
                        error);
}

static bool start(void *context, const ProtobufCMessage *request, struct error *error, struct buffer *reply)
{
    const struct service *service = context;
    (void) reply;
    return sandbox_start(service->sandboxes, ((const Compute__StartSandboxRequest *) request)->sandbox_id,
                         error);
}

static bool delete_sandbox(void *context, const ProtobufCMessage *request, struct error *error,
                           struct buffer *reply)
{
    const struct service *service = context;
    const Compute__DeleteSandboxRequest *asked = (const Compute__DeleteSandboxRequest *) request;
    bool is_deleted;
    if (!sandbox_delete(service->sandboxes, asked->sandbox_id, error, &is_deleted))
        return false;
    Compute__DeleteSandboxResponse answer = COMPUTE__DELETE_SANDBOX_RESPONSE__INIT;
    answer.deleted = is_deleted;
    return rpc_pack(&answer.base, error, reply);
}

static bool ensure_workspace(void *context, const ProtobufCMessage *request, struct error *error,
                             struct buffer *reply)
{
    const struct service *service = context;
    (void) reply;
    return workspace_ensure(service->sandboxes,
                            ((const Compute__EnsureWorkspaceRequest *) request)->workspace, error);
}

static bool delete_workspace(void *context, const ProtobufCMessage *request, struct error *error,
                             struct buffer *reply)
{
    const struct service *service = context;
    (void) reply;
    return workspace_delete(service->sandboxes,
                            ((const Compute__DeleteWorkspaceRequest *) request)->workspace, error);
}

static bool resolve_endpoint(void *context, const ProtobufCMessage *request, struct error *error,
                             struct buffer *reply)
{
    const struct service *service = context;
    const Compute__ResolveSandboxEndpointRequest *asked =
        (const Compute__ResolveSandboxEndpointRequest *) request;
    struct sandbox_state state;
    char pod[LABEL_BYTES], host[3 * LABEL_BYTES];
    if (!sandboxes_find(service->sandboxes, asked->sandbox ? asked->sandbox->id : "", error, &state))
        return false;
    name_pod(service->sandboxes->configuration, state.workspace, state.name, pod);
    snprintf(host, sizeof host, "%s.%s.svc.cluster.local", pod, state.namespace_name);
    Compute__SandboxEndpoint endpoint = COMPUTE__SANDBOX_ENDPOINT__INIT;
    endpoint.port = SSH_PORT;
    if (*state.pod.address) {
        endpoint.target_case = COMPUTE__SANDBOX_ENDPOINT__TARGET_IP;
        endpoint.ip = state.pod.address;
    } else {
        endpoint.target_case = COMPUTE__SANDBOX_ENDPOINT__TARGET_HOST;
        endpoint.host = host;
    }
    Compute__ResolveSandboxEndpointResponse answer = COMPUTE__RESOLVE_SANDBOX_ENDPOINT_RESPONSE__INIT;
    answer.endpoint = &endpoint;
    return rpc_pack(&answer.base, error, reply);
}

const struct rpc_method service_methods[] = {
    {"GetCapabilities", &compute__get_capabilities_request__descriptor, .call = get_capabilities},
    {"GetGatewayListenerRequirements", &compute__get_gateway_listener_requirements_request__descriptor,
     .call = get_listener_requirements},
    {"ValidateSandboxCreate", &compute__validate_sandbox_create_request__descriptor, .call = validate_create},
    {"GetSandbox", &compute__get_sandbox_request__descriptor, .call = get},
    {"ListSandboxes", &compute__list_sandboxes_request__descriptor, .call = list},
    {"CreateSandbox", &compute__create_sandbox_request__descriptor, .call = create},
    {"StopSandbox", &compute__stop_sandbox_request__descriptor, .call = stop},
    {"StartSandbox", &compute__start_sandbox_request__descriptor, .call = start},
    {"DeleteSandbox", &compute__delete_sandbox_request__descriptor, .call = delete_sandbox},
    {"WatchSandboxes", &compute__watch_sandboxes_request__descriptor, .open = watch_open, .next = watch_next,
     .sent = watch_sent, .close = watch_close},
    {"EnsureWorkspace", &compute__ensure_workspace_request__descriptor, .call = ensure_workspace},
    {"DeleteWorkspace", &compute__delete_workspace_request__descriptor, .call = delete_workspace},
    {"ResolveSandboxEndpoint", &compute__resolve_sandbox_endpoint_request__descriptor,
     .call = resolve_endpoint},
};

const size_t service_method_count = sizeof service_methods / sizeof *service_methods;
