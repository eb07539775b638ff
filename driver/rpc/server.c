#include "driver/rpc/server.h"

#include "common/cleanup.h"
#include "driver/rpc/call.h"
#include "driver/rpc/connections.h"

#include <errno.h>
#include <grpc/compression.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

/* Calls that gRPC core may announce before we come round to asking for more. */
#define AWAITED_CALLS 16

/* Streams per connection; the gateway opens at most a few dozen. */
#define CONCURRENT_STREAMS 512

/* A connection without a call for this long is closed; the gateway connects again by itself. */
#define CONNECTION_IDLE_MS (5 * 60 * 1000)

#define HEADER_BYTES_MAXIMUM (16 * 1024)

/* How long the loop waits when memory was too short to await another call. */
#define MISSING_CALL_RETRY_MS 100

static grpc_server *create_server(void)
{
    grpc_arg arguments[] = {
        {GRPC_ARG_INTEGER,
         (char *) GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         {.integer = RPC_MESSAGE_BYTES_MAXIMUM}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, {.integer = RPC_MESSAGE_BYTES_MAXIMUM}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_MAX_METADATA_SIZE, {.integer = HEADER_BYTES_MAXIMUM}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_MAX_CONCURRENT_STREAMS, {.integer = CONCURRENT_STREAMS}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_MAX_CONNECTION_IDLE_MS, {.integer = CONNECTION_IDLE_MS}},
        /* Identity only: a compressed message may unfold to any size. */
        {GRPC_ARG_INTEGER, (char *) GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, {.integer = 1}},
        /* Clients that keep the connection alive with pings are not to be sent away for it. */
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, {.integer = 1}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, {.integer = 1000}},
        {GRPC_ARG_INTEGER, (char *) GRPC_ARG_HTTP2_MAX_PING_STRIKES, {.integer = 0}},
    };
    grpc_channel_args list = {sizeof arguments / sizeof *arguments, arguments};
    return grpc_server_create(&list, NULL);
}

static void serve_connection(void *context, int descriptor)
{
    struct rpc_server *server = context;
    grpc_server_credentials *none = grpc_insecure_server_credentials_create();
    grpc_server_add_channel_from_fd(server->handle, descriptor, none);
    grpc_server_credentials_release(none);
}

static void refuse_connection(void *context, const struct error *reason)
{
    struct rpc_server *server = context;
    if (server->options.observer.connection_refused)
        server->options.observer.connection_refused(server->options.observer.context, reason);
}

static void complete_shut_down(struct rpc_event *event, bool is_ok)
{
    (void) is_ok;
    struct rpc_server *server = (void *) ((char *) event - offsetof(struct rpc_server, shut_down));
    pthread_mutex_lock(&server->mutex);
    server->is_shut_down = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

static void expire_overdue(struct rpc_server *server)
{
    struct rpc_call *oldest;
    while ((oldest = server->awaiting_request.first) &&
           rpc_call_request_deadline_ns(oldest) <= rpc_clock_ns())
        rpc_call_expire(oldest);
}

static void await_missing_calls(struct rpc_server *server)
{
    while (server->missing_calls > 0 && rpc_call_await(server))
        server->missing_calls--;
}

/* When the loop has something to do even if nothing happens. */
static gpr_timespec next_wake_up(const struct rpc_server *server)
{
    const struct rpc_call *oldest = server->awaiting_request.first;
    gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);
    if (server->missing_calls > 0 && !atomic_load(&server->is_stopping))
        return gpr_time_add(now, gpr_time_from_millis(MISSING_CALL_RETRY_MS, GPR_TIMESPAN));
    if (!oldest)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    uint64_t clock = rpc_clock_ns(), deadline = rpc_call_request_deadline_ns(oldest);
    int64_t wait_ns = deadline > clock ? (int64_t) (deadline - clock) : 0;
    return gpr_time_add(now, gpr_time_from_nanos(wait_ns, GPR_TIMESPAN));
}

static void *run_queue(void *argument)
{
    struct rpc_server *server = argument;
    for (;;) {
        await_missing_calls(server);
        grpc_event happened = grpc_completion_queue_next(server->queue, next_wake_up(server), NULL);
        if (happened.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (happened.type == GRPC_OP_COMPLETE) {
            struct rpc_event *event = happened.tag;
            event->complete(event, happened.success);
        }
        expire_overdue(server);
    }
}

static void pump_streams(struct rpc_server *server)
{
    pthread_mutex_lock(&server->streams_mutex);
    for (struct rpc_call *call = server->streams.first; call; call = call->link.next)
        rpc_call_pump(call);
    pthread_mutex_unlock(&server->streams_mutex);
}

static void *run_streams(void *argument)
{
    struct rpc_server *server = argument;
    pthread_mutex_lock(&server->mutex);
    for (;;) {
        while (!server->has_wake_request && !server->is_ended)
            pthread_cond_wait(&server->changed, &server->mutex);
        if (server->is_ended)
            break;
        server->has_wake_request = false;
        pthread_mutex_unlock(&server->mutex);
        pump_streams(server);
        pthread_mutex_lock(&server->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

void rpc_server_wake_streams(struct rpc_server *server)
{
    pthread_mutex_lock(&server->mutex);
    if (!server->has_wake_request) {
        server->has_wake_request = true;
        pthread_cond_broadcast(&server->changed);
    }
    pthread_mutex_unlock(&server->mutex);
}

static bool start_threads(struct rpc_server *server, struct error *error)
{
    int failure = pthread_create(&server->queue_thread, NULL, run_queue, server);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "starting the queue's thread");
    server->has_queue_thread = true;
    failure = pthread_create(&server->stream_thread, NULL, run_streams, server);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "starting the streams' thread");
    server->has_stream_thread = true;
    const struct rpc_connections_consumer consumer = {serve_connection, refuse_connection, server};
    return rpc_connections_start(server->socket, &consumer, error, &server->connections);
}

DEFINE_POINTER_CLEANUP(struct rpc_server *, rpc_server_free)

bool rpc_server_start(const struct rpc_server_options *options, struct error *error,
                      struct rpc_server **started)
{
    _cleanup_(rpc_server_freep) struct rpc_server *server = calloc(1, sizeof *server);
    if (!server)
        return error_set_no_memory(error);
    server->options = *options;
    if (server->options.request_seconds == 0)
        server->options.request_seconds = RPC_REQUEST_SECONDS;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_mutex_init(&server->streams_mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->shut_down.complete = complete_shut_down;
    server->missing_calls = AWAITED_CALLS;

    struct buffer prefix = BUFFER_INIT(256);
    buffer_append_format(&prefix, "/%s/", options->service_name);
    if (!buffer_take(&prefix, error, &server->method_prefix)) {
        buffer_done(&prefix);
        return false;
    }
    if (!rpc_socket_open(options->socket_path, error, &server->socket) ||
        !rpc_workers_new(error, &server->workers))
        return false;
    server->handle = create_server();
    server->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server->handle, server->queue, NULL);
    grpc_server_start(server->handle);
    if (!start_threads(server, error))
        return false;
    *started = take_pointer(&server);
    return true;
}

/* Waits until every call has ended, but no longer than the deadline (NULL: for ever). */
static bool wait_for_shut_down(struct rpc_server *server, const struct timespec *deadline)
{
    int result = 0;
    pthread_mutex_lock(&server->mutex);
    while (!server->is_shut_down && result != ETIMEDOUT)
        result = deadline ? pthread_cond_timedwait(&server->changed, &server->mutex, deadline)
                          : pthread_cond_wait(&server->changed, &server->mutex);
    bool is_shut_down = server->is_shut_down;
    pthread_mutex_unlock(&server->mutex);
    return is_shut_down;
}

static void end_calls(struct rpc_server *server)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += RPC_STOP_SECONDS;
    rpc_server_wake_streams(server);
    grpc_server_shutdown_and_notify(server->handle, server->queue, &server->shut_down);
    if (wait_for_shut_down(server, &deadline))
        return;
    grpc_server_cancel_all_calls(server->handle);
    wait_for_shut_down(server, NULL);
}

static void end_stream_thread(struct rpc_server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_ended = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    pthread_join(server->stream_thread, NULL);
}

void rpc_server_free(struct rpc_server *server)
{
    if (!server)
        return;
    atomic_store(&server->is_stopping, true);
    rpc_connections_free(server->connections);
    rpc_socket_free(server->socket);
    if (server->handle && server->has_queue_thread)
        end_calls(server);
    /* A cancelled call's handler may still run; its batch needs the queue. */
    rpc_workers_free(server->workers);
    if (server->has_stream_thread)
        end_stream_thread(server);
    if (server->handle && server->has_queue_thread)
        grpc_server_destroy(server->handle);
    if (server->queue)
        grpc_completion_queue_shutdown(server->queue);
    if (server->has_queue_thread)
        pthread_join(server->queue_thread, NULL);
    if (server->queue)
        grpc_completion_queue_destroy(server->queue);
    pthread_mutex_destroy(&server->mutex);
    pthread_mutex_destroy(&server->streams_mutex);
    pthread_cond_destroy(&server->changed);
    free(server->method_prefix);
    free(server);
}

bool rpc_pack(const ProtobufCMessage *message, struct error *error, struct buffer *packed)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    if (!buffer_reserve(packed, length))
        return buffer_check(packed, error);
    protobuf_c_message_pack(message, (uint8_t *) packed->data + packed->length);
    packed->length += length;
    packed->data[packed->length] = '\0';
    return true;
}
