#include "driver/sandboxes/watch.h"

#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/report.h"
#include "driver/sandboxes/service.h"

#include "compute_driver.pb-c.h"

#include <stdlib.h>

bool watch_open(void *context, const ProtobufCMessage *request, struct error *error, void **cursor)
{
    const struct service *service = context;
    struct registry_reader *reader = malloc(sizeof *reader);
    (void) request;
    if (!reader)
        return error_set_no_memory(error);
    registry_reader_init(service->sandboxes->registry, reader);
    if (service->observer.stream_opened)
        service->observer.stream_opened(service->observer.context);
    *cursor = reader;
    return true;
}

static bool pack_snapshot(const struct service *service, struct snapshot *snapshot, struct error *error,
                          struct buffer *message)
{
    snapshot_make(snapshot, service->sandboxes->configuration, monotonic_now_ns());
    Compute__WatchSandboxesSandboxEvent changed = COMPUTE__WATCH_SANDBOXES_SANDBOX_EVENT__INIT;
    changed.sandbox = &snapshot->sandbox;
    Compute__WatchSandboxesEvent event = COMPUTE__WATCH_SANDBOXES_EVENT__INIT;
    event.payload_case = COMPUTE__WATCH_SANDBOXES_EVENT__PAYLOAD_SANDBOX;
    event.sandbox = &changed;
    return rpc_pack(&event.base, error, message);
}

enum rpc_stream_step watch_next(void *context, void *cursor, struct error *error, struct buffer *message)
{
    const struct service *service = context;
    struct snapshot snapshot;
    switch (registry_read(service->sandboxes->registry, cursor, &snapshot.state, message)) {
    case REGISTRY_NOTHING:
        return RPC_STREAM_IDLE;
    case REGISTRY_STATE:
        return pack_snapshot(service, &snapshot, error, message) ? RPC_STREAM_MESSAGE : RPC_STREAM_END;
    case REGISTRY_EVENT:
        return RPC_STREAM_MESSAGE;
    }
    return RPC_STREAM_IDLE;
}

void watch_sent(void *context, void *cursor)
{
    const struct service *service = context;
    if (registry_reader_sent(service->sandboxes->registry, cursor))
        keeper_wake(service->sandboxes->keeper);
    if (service->observer.event_sent)
        service->observer.event_sent(service->observer.context);
}

void watch_close(void *context, void *cursor)
{
    const struct service *service = context;
    free(cursor);
    if (service->observer.stream_closed)
        service->observer.stream_closed(service->observer.context);
}
