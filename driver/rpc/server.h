/* A gRPC server on a Unix socket: one table of methods, bounded in every direction.
 *
 * Requests pass the message guard and are unpacked by protobuf-c before a handler sees them. Handlers of
 * unary methods run on worker threads and may block. A server stream is not fed but asked: whenever it can
 * take a message, its `next` is called, so a reader that is slow costs nobody else anything.
 *
 * Not for: what the methods mean (driver/sandboxes).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <grpc/status.h>
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

/* Largest message either way: what gRPC clients accept unless told otherwise. */
#define RPC_MESSAGE_BYTES_MAXIMUM (4u * 1024 * 1024)

/* Calls that are not finished, streams counted; one more is answered RESOURCE_EXHAUSTED. */
#define RPC_CALLS_MAXIMUM 1024

/* How long a caller may take from the header of a call to the end of its request. */
#define RPC_REQUEST_SECONDS 10

/* How long calls may take to end once the server was asked to stop; what remains is cancelled. */
#define RPC_STOP_SECONDS 20

enum rpc_stream_step {
    RPC_STREAM_IDLE,    /* nothing to send now; rpc_server_wake_streams asks again */
    RPC_STREAM_MESSAGE, /* `message` holds the next one */
    RPC_STREAM_END,     /* no more, because of `error` (ERROR_NONE: a regular end) */
};

/* One method. Unary: `call` is set. Server stream: `open`, `next`, `sent` and `close` are. */
struct rpc_method {
    const char *name; /* without the service: "GetSandbox" */
    const ProtobufCMessageDescriptor *request;

    /* Answers a request: appends the packed reply to `reply` (rpc_pack). Blocking is fine. */
    bool (*call)(void *service, const ProtobufCMessage *request, struct error *error, struct buffer *reply);

    /* A new stream: `*cursor` is the service's own, passed to the rest. */
    bool (*open)(void *service, const ProtobufCMessage *request, struct error *error, void **cursor);
    /* The next message for this stream, packed into `message`. Must not block. */
    enum rpc_stream_step (*next)(void *service, void *cursor, struct error *error, struct buffer *message);
    /* The message that `next` gave last was handed to the transport. */
    void (*sent)(void *service, void *cursor);
    /* The stream is over; called once for each successful `open`. */
    void (*close)(void *service, void *cursor);
};

/* Told about every call that ended and every connection that was refused; any thread. */
struct rpc_observer {
    void (*call_finished)(void *context, const char *method, grpc_status_code status, const char *message,
                          uint64_t duration_ns);
    void (*connection_refused)(void *context, const struct error *reason);
    void *context;
};

struct rpc_server_options {
    const char *socket_path;
    const char *service_name; /* "openshell.compute.v1.ComputeDriver" */
    const struct rpc_method *methods;
    size_t method_count;
    void *service; /* passed to the methods */
    struct rpc_observer observer;
    unsigned request_seconds; /* 0: RPC_REQUEST_SECONDS */
};

struct rpc_server;

/* Opens the socket and serves. The process must have called grpc_init, and blocked the signals it handles,
 * before. What the options point to outlives the server. Errors: those of rpc_socket_open, ERROR_IO,
 * ERROR_NO_MEMORY. The caller owns `*started` (rpc_server_free). */
bool rpc_server_start(const struct rpc_server_options *options, struct error *error,
                      struct rpc_server **started) _warn_unused_result_;

/* Asks every idle stream for its next message. Any thread, cheap, returns at once. */
void rpc_server_wake_streams(struct rpc_server *server);

/* Stops accepting, ends the streams with UNAVAILABLE, lets unary calls finish for RPC_STOP_SECONDS, cancels
 * the rest, waits for the handlers, removes the socket, frees. Accepts NULL. */
void rpc_server_free(struct rpc_server *server);

/* Appends the packed message. ERROR_TOO_LARGE past RPC_MESSAGE_BYTES_MAXIMUM. */
bool rpc_pack(const ProtobufCMessage *message, struct error *error,
              struct buffer *packed) _warn_unused_result_;
