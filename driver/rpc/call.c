#include "driver/rpc/call.h"

#include "common/cleanup.h"
#include "driver/rpc/message_guard.h"
#include "driver/rpc/status.h"

#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000ull

uint64_t rpc_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t) now.tv_nsec;
}

void rpc_call_list_append(struct rpc_call_list *list, struct rpc_call *call)
{
    call->link = (struct rpc_link){.previous = list->last};
    if (list->last)
        list->last->link.next = call;
    else
        list->first = call;
    list->last = call;
}

void rpc_call_list_remove(struct rpc_call_list *list, struct rpc_call *call)
{
    if (call->link.previous)
        call->link.previous->link.next = call->link.next;
    else
        list->first = call->link.next;
    if (call->link.next)
        call->link.next->link.previous = call->link.previous;
    else
        list->last = call->link.previous;
}

static void call_release(struct rpc_call *call)
{
    if (atomic_fetch_sub(&call->references, 1) > 1)
        return;
    if (call->request)
        protobuf_c_message_free_unpacked(call->request, NULL);
    if (call->payload)
        grpc_byte_buffer_destroy(call->payload);
    grpc_call_details_destroy(&call->details);
    grpc_metadata_array_destroy(&call->metadata);
    if (call->handle)
        grpc_call_unref(call->handle);
    if (call->is_counted)
        atomic_fetch_sub(&call->server->calls, 1);
    pthread_mutex_destroy(&call->mutex);
    free(call);
}

/* Starts a batch that holds a reference until its event completes. False: the call is lost to us. */
static bool start_batch(struct rpc_call *call, const grpc_op *operations, size_t count,
                        struct rpc_event *event)
{
    atomic_fetch_add(&call->references, 1);
    if (grpc_call_start_batch(call->handle, operations, count, event, NULL) == GRPC_CALL_OK)
        return true;
    atomic_fetch_sub(&call->references, 1);
    grpc_call_cancel(call->handle, NULL);
    return false;
}

static grpc_byte_buffer *byte_buffer_from(const struct buffer *message)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(buffer_string(message), message->length);
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return bytes;
}

/* How a call ends. */
struct ending {
    grpc_status_code status;
    const char *message;
    const struct buffer *reply; /* NULL: none */
    bool is_header_sent;
};

/* Sends the status, and before it what has not been sent yet. Any thread; the last batch of a call. */
static void finish(struct rpc_call *call, const struct ending *ending)
{
    grpc_op operations[3] = {0};
    size_t count = 0;
    grpc_byte_buffer *bytes = NULL;
    if (!ending->is_header_sent)
        operations[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (ending->reply) {
        bytes = byte_buffer_from(ending->reply);
        operations[count].op = GRPC_OP_SEND_MESSAGE;
        operations[count++].data.send_message.send_message = bytes;
    }
    grpc_slice details = grpc_slice_from_copied_string(ending->message);
    operations[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    operations[count].data.send_status_from_server.status = ending->status;
    operations[count++].data.send_status_from_server.status_details = &details;
    /* Once the status is on its way the peer may act on it: count the call before. */
    const struct rpc_observer *observer = &call->server->options.observer;
    if (observer->call_finished)
        observer->call_finished(observer->context, call->method ? call->method->name : "unknown",
                                ending->status, ending->message, rpc_clock_ns() - call->started_ns);
    (void) start_batch(call, operations, count, &call->finished);
    grpc_slice_unref(details);
    if (bytes)
        grpc_byte_buffer_destroy(bytes);
}

static void refuse(struct rpc_call *call, const struct error *error)
{
    finish(call, &(struct ending){.status = rpc_status_of(error->code), .message = error->message});
}

static void complete_finished(struct rpc_event *event, bool is_ok)
{
    (void) is_ok;
    call_release(event->call);
}

/* The stream has ended for good: nothing uses the cursor after this. */
static void close_stream(struct rpc_call *call)
{
    pthread_mutex_lock(&call->mutex);
    bool is_close_owed = call->is_open;
    call->is_open = false;
    pthread_mutex_unlock(&call->mutex);
    if (!is_close_owed)
        return;
    pthread_mutex_lock(&call->server->streams_mutex);
    rpc_call_list_remove(&call->server->streams, call);
    pthread_mutex_unlock(&call->server->streams_mutex);
    call->method->close(call->server->options.service, call->cursor);
    call_release(call);
}

/* The peer has gone, or has its status. */
static void complete_closed(struct rpc_event *event, bool is_ok)
{
    (void) is_ok;
    close_stream(event->call);
    call_release(event->call);
}

static void run_unary(struct rpc_work *work)
{
    struct rpc_call *call = (void *) ((char *) work - offsetof(struct rpc_call, work));
    struct buffer reply = BUFFER_INIT(RPC_MESSAGE_BYTES_MAXIMUM);
    struct error error = {0};
    if (call->method->call(call->server->options.service, call->request, &error, &reply) &&
        buffer_check(&reply, &error))
        finish(call, &(struct ending){.status = GRPC_STATUS_OK, .message = "", .reply = &reply});
    else
        refuse(call, &error);
    buffer_done(&reply);
    call_release(call);
}

static void start_unary(struct rpc_call *call)
{
    call->work.run = run_unary;
    atomic_fetch_add(&call->references, 1);
    if (rpc_workers_submit(call->server->workers, &call->work))
        return;
    struct error error;
    error_set(&error, ERROR_UNAVAILABLE, "no thread could be started for the call");
    refuse(call, &error);
    call_release(call);
}

void rpc_call_pump(struct rpc_call *call)
{
    struct buffer message = BUFFER_INIT(RPC_MESSAGE_BYTES_MAXIMUM);
    struct error error = {0};
    pthread_mutex_lock(&call->mutex);
    if (!call->is_open || call->is_in_flight || call->is_status_sent) {
        pthread_mutex_unlock(&call->mutex);
        return;
    }
    enum rpc_stream_step step = RPC_STREAM_END;
    if (atomic_load(&call->server->is_stopping))
        error_set(&error, ERROR_UNAVAILABLE, "the driver is stopping");
    else
        step = call->method->next(call->server->options.service, call->cursor, &error, &message);
    if (step == RPC_STREAM_MESSAGE && !buffer_check(&message, &error))
        step = RPC_STREAM_END;
    if (step == RPC_STREAM_MESSAGE) {
        grpc_byte_buffer *bytes = byte_buffer_from(&message);
        grpc_op operation = {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes};
        call->is_in_flight = call->is_message_unsent = start_batch(call, &operation, 1, &call->sent);
        grpc_byte_buffer_destroy(bytes);
    } else if (step == RPC_STREAM_END) {
        call->is_status_sent = true;
        finish(call, &(struct ending){.status = rpc_status_of(error.code),
                                      .message = error.message,
                                      .is_header_sent = true});
    }
    pthread_mutex_unlock(&call->mutex);
    buffer_done(&message);
}

static void complete_sent(struct rpc_event *event, bool is_ok)
{
    struct rpc_call *call = event->call;
    pthread_mutex_lock(&call->mutex);
    call->is_in_flight = false;
    if (is_ok && call->is_message_unsent && call->is_open)
        call->method->sent(call->server->options.service, call->cursor);
    call->is_message_unsent = false;
    pthread_mutex_unlock(&call->mutex);
    if (is_ok)
        rpc_call_pump(call);
    call_release(call);
}

static void start_stream(struct rpc_call *call)
{
    struct error error = {0};
    if (!call->method->open(call->server->options.service, call->request, &error, &call->cursor)) {
        refuse(call, &error);
        return;
    }
    grpc_op header = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    pthread_mutex_lock(&call->mutex);
    call->is_open = true;
    call->is_in_flight = start_batch(call, &header, 1, &call->sent);
    pthread_mutex_unlock(&call->mutex);
    atomic_fetch_add(&call->references, 1);
    pthread_mutex_lock(&call->server->streams_mutex);
    rpc_call_list_append(&call->server->streams, call);
    pthread_mutex_unlock(&call->server->streams_mutex);
}

/* Turns the payload into `call->request`. */
static bool unpack_request(struct rpc_call *call, struct error *error)
{
    if (!call->payload)
        return error_set(error, ERROR_INVALID, "the call carries no message, or one past %u bytes",
                         RPC_MESSAGE_BYTES_MAXIMUM);
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, call->payload))
        return error_set(error, ERROR_INVALID, "the message cannot be read");
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    const uint8_t *bytes = GRPC_SLICE_START_PTR(slice);
    size_t length = GRPC_SLICE_LENGTH(slice);
    bool is_accepted = message_guard_check(call->method->request, bytes, length, error);
    if (is_accepted) {
        call->request = protobuf_c_message_unpack(call->method->request, NULL, length, bytes);
        /* What passed the guard is well formed. */
        is_accepted = call->request || error_set_no_memory(error);
    }
    grpc_slice_unref(slice);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    return is_accepted;
}

static void stop_awaiting_request(struct rpc_call *call)
{
    if (!call->is_awaiting_request)
        return;
    call->is_awaiting_request = false;
    rpc_call_list_remove(&call->server->awaiting_request, call);
}

static void complete_received(struct rpc_event *event, bool is_ok)
{
    struct rpc_call *call = event->call;
    struct error error = {0};
    bool was_expired = !call->is_awaiting_request;
    stop_awaiting_request(call);
    if (!was_expired && is_ok) {
        if (!unpack_request(call, &error))
            refuse(call, &error);
        else if (call->method->call)
            start_unary(call);
        else
            start_stream(call);
    }
    call_release(call);
}

uint64_t rpc_call_request_deadline_ns(const struct rpc_call *call)
{
    return call->started_ns + call->server->options.request_seconds * NANOSECONDS_PER_SECOND;
}

void rpc_call_expire(struct rpc_call *call)
{
    struct error error;
    stop_awaiting_request(call);
    error_set(&error, ERROR_TIMEOUT, "the request did not arrive within %u seconds",
              call->server->options.request_seconds);
    refuse(call, &error);
}

static const struct rpc_method *find_method(const struct rpc_server *server, grpc_slice path)
{
    size_t prefix_length = strlen(server->method_prefix);
    size_t length = GRPC_SLICE_LENGTH(path);
    const char *start = (const char *) GRPC_SLICE_START_PTR(path);
    if (length <= prefix_length || memcmp(start, server->method_prefix, prefix_length) != 0)
        return NULL;
    for (size_t index = 0; index < server->options.method_count; index++) {
        const struct rpc_method *method = &server->options.methods[index];
        if (strlen(method->name) == length - prefix_length &&
            memcmp(method->name, start + prefix_length, length - prefix_length) == 0)
            return method;
    }
    return NULL;
}

static void await_request(struct rpc_call *call)
{
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->payload};
    if (!start_batch(call, &receive, 1, &call->received))
        return;
    call->is_awaiting_request = true;
    rpc_call_list_append(&call->server->awaiting_request, call);
}

static void complete_announced(struct rpc_event *event, bool is_ok)
{
    struct rpc_call *call = event->call;
    if (!is_ok) { /* the server is shutting down */
        call_release(call);
        return;
    }
    call->server->missing_calls++;
    call->started_ns = rpc_clock_ns();
    call->is_counted = true;
    int unfinished = atomic_fetch_add(&call->server->calls, 1);

    grpc_op watch_close = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                           .data.recv_close_on_server.cancelled = &call->was_cancelled};
    if (start_batch(call, &watch_close, 1, &call->closed)) {
        struct error error;
        call->method = find_method(call->server, call->details.method);
        if (unfinished >= RPC_CALLS_MAXIMUM) {
            error_set(&error, ERROR_TOO_LARGE, "more than %d unfinished calls", RPC_CALLS_MAXIMUM);
            refuse(call, &error);
        } else if (!call->method) {
            finish(call, &(struct ending){.status = GRPC_STATUS_UNIMPLEMENTED,
                                          .message = "this driver has no such method"});
        } else {
            await_request(call);
        }
    }
    call_release(call);
}

bool rpc_call_await(struct rpc_server *server)
{
    struct rpc_call *call = calloc(1, sizeof *call);
    if (!call)
        return false;
    call->server = server;
    atomic_init(&call->references, 1);
    pthread_mutex_init(&call->mutex, NULL);
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    call->announced = (struct rpc_event){complete_announced, call};
    call->received = (struct rpc_event){complete_received, call};
    call->closed = (struct rpc_event){complete_closed, call};
    call->sent = (struct rpc_event){complete_sent, call};
    call->finished = (struct rpc_event){complete_finished, call};
    if (grpc_server_request_call(server->handle, &call->handle, &call->details, &call->metadata,
                                 server->queue, server->queue, &call->announced) == GRPC_CALL_OK)
        return true;
    call_release(call);
    return false;
}
