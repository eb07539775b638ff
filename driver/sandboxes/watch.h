/* WatchSandboxes: a stream reads the registry's journal at its own pace (contract C.2). The four functions of
 * a server stream in struct rpc_method; the service is a `struct service`.
 */
#pragma once

#include "driver/rpc/server.h"

bool watch_open(void *context, const ProtobufCMessage *request, struct error *error, void **cursor);
enum rpc_stream_step watch_next(void *context, void *cursor, struct error *error, struct buffer *message);
void watch_sent(void *context, void *cursor);
void watch_close(void *context, void *cursor);
