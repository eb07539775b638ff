/* Load on the driver: unary gRPC calls over its socket, one under way on each thread. Prints calls/s,
 * latencies and the client's own processor time as JSON. See show_usage.
 *
 * Python's gRPC needs several times what the driver does for a call, so it cannot measure it.
 */
#include "common/cleanup.h"
#include "common/file.h"
#include "tests/bench/driver/parallel_load.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_BYTES_MAXIMUM (256u * 1024 * 1024)
#define METHOD_BYTES 128
#define SERVICE "/openshell.compute.v1.ComputeDriver/"
#define CALL_SECONDS 120

/* The messages to send, one for each call: a file of lengths (4 bytes, little-endian) and bytes. */
struct messages {
    char *bytes; /* owned; NULL: every message is empty */
    size_t *starts;
    size_t count;
};

struct calls {
    grpc_channel *channel;
    char method[METHOD_BYTES];
    struct messages messages;
};

static uint32_t read_length(const char *at)
{
    const unsigned char *bytes = (const unsigned char *) at;
    return bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 | (uint32_t) bytes[3] << 24;
}

static bool read_messages(const char *path, struct error *error, struct messages *messages)
{
    size_t length, at = 0;
    if (!file_read(path, MESSAGES_BYTES_MAXIMUM, error, &messages->bytes, &length))
        return false;
    messages->starts = calloc(length / 4 + 1, sizeof *messages->starts);
    if (!messages->starts)
        return error_set_no_memory(error);
    while (length - at >= 4 && length - at - 4 >= read_length(messages->bytes + at)) {
        messages->starts[messages->count++] = at;
        at += 4 + read_length(messages->bytes + at);
    }
    return (at == length && messages->count > 0) || error_set(error, ERROR_INVALID, "%s: no messages", path);
}

static grpc_byte_buffer *make_request(const struct calls *calls, size_t number)
{
    grpc_slice slice = grpc_empty_slice();
    if (calls->messages.bytes) {
        const char *start = calls->messages.bytes + calls->messages.starts[number];
        slice = grpc_slice_from_copied_buffer(start + 4, read_length(start));
    }
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return request;
}

static bool call_once(void *context, size_t number, struct error *error)
{
    struct calls *calls = context;
    grpc_metadata_array headers, trailers;
    grpc_byte_buffer *request = make_request(calls, number), *reply = NULL;
    grpc_status_code status = GRPC_STATUS_INTERNAL;
    grpc_slice details = grpc_empty_slice();
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(CALL_SECONDS, GPR_TIMESPAN));
    grpc_call *call =
        grpc_channel_create_call(calls->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                 grpc_slice_from_static_string(calls->method), NULL, deadline, NULL);
    grpc_metadata_array_init(&headers);
    grpc_metadata_array_init(&trailers);
    const grpc_op operations[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = request},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &reply},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &trailers,
                                        .status = &status,
                                        .status_details = &details}},
    };
    if (grpc_call_start_batch(call, operations, sizeof operations / sizeof *operations, call, NULL) ==
        GRPC_CALL_OK)
        (void) grpc_completion_queue_pluck(queue, call, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    bool is_ok = status == GRPC_STATUS_OK ||
                 error_set(error, ERROR_UNAVAILABLE, "call %zu: status %d: %.*s", number, (int) status,
                           (int) GRPC_SLICE_LENGTH(details), (const char *) GRPC_SLICE_START_PTR(details));
    grpc_call_unref(call);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    grpc_byte_buffer_destroy(request);
    grpc_byte_buffer_destroy(reply);
    grpc_metadata_array_destroy(&headers);
    grpc_metadata_array_destroy(&trailers);
    grpc_slice_unref(details);
    return is_ok;
}

static bool run(const char *const *arguments, struct error *error)
{
    struct calls calls = {0};
    struct parallel_load load = {.work = call_once, .context = &calls};
    char target[256];
    if (!parallel_load_read_count(arguments[2], error, &load.threads) ||
        (load.threads > PARALLEL_LOAD_THREADS_MAXIMUM &&
         !error_set(error, ERROR_INVALID, "at most %u threads", PARALLEL_LOAD_THREADS_MAXIMUM)))
        return false;
    if (strchr(arguments[3], '/') ? !read_messages(arguments[3], error, &calls.messages)
                                  : !parallel_load_read_count(arguments[3], error, &load.count))
        return false;
    if (calls.messages.bytes)
        load.count = calls.messages.count;
    snprintf(target, sizeof target, "unix:%s", arguments[0]);
    snprintf(calls.method, sizeof calls.method, SERVICE "%s", arguments[1]);
    grpc_init();
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    calls.channel = grpc_channel_create(target, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    bool is_done = parallel_load_run(&load, error);
    grpc_channel_destroy(calls.channel);
    grpc_shutdown_blocking();
    free(calls.messages.bytes);
    free(calls.messages.starts);
    return is_done;
}

static int show_usage(void)
{
    fputs("Usage: bench_calls SOCKET METHOD THREADS COUNT|/MESSAGES\n"
          "\n"
          "Calls METHOD of the driver COUNT times with an empty message, or once with each message of a "
          "file: a\n"
          "length of 4 bytes, little-endian, and as many bytes, again and again.\n",
          stderr);
    return 2;
}

int main(int count, char **arguments)
{
    struct error error = {0};
    if (count != 5)
        return show_usage();
    if (run((const char *const *) arguments + 1, &error))
        return 0;
    fprintf(stderr, "bench_calls: %s\n", error.message);
    return 1;
}
