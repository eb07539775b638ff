#include "driver/rpc/gateway_client.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "driver/rpc/message_guard.h"
#include "driver/rpc/server.h"

#include "gateway.pb-c.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdlib.h>
#include <string.h>

#define RENEW_METHOD "/openshell.v1.OpenShell/RefreshSandboxToken"
#define PEM_BYTES_MAXIMUM (1024u * 1024)

struct gateway_client {
    grpc_channel *channel;
};

static bool read_pem(const char *path, struct error *error, char **text)
{
    size_t length;
    if (!path || !*path)
        return true;
    return file_read(path, PEM_BYTES_MAXIMUM, error, text, &length);
}

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
}

static bool make_credentials(const struct gateway_client_options *options, struct error *error,
                             grpc_channel_credentials **credentials)
{
    _cleanup_(freep) char *authority = NULL, *certificate = NULL;
    _cleanup_(wipe) char *key = NULL;
    if (strncmp(options->endpoint, "http://", 7) == 0) {
        *credentials = grpc_insecure_credentials_create();
        return true;
    }
    if (!read_pem(options->authority_file, error, &authority) ||
        !read_pem(options->certificate_file, error, &certificate) ||
        !read_pem(options->key_file, error, &key))
        return false;
    grpc_ssl_pem_key_cert_pair pair = {key, certificate};
    *credentials = grpc_ssl_credentials_create_ex(authority, key ? &pair : NULL, NULL, NULL);
    return *credentials || error_set(error, ERROR_INVALID, "the gateway's TLS files cannot be used");
}

bool gateway_client_new(const struct gateway_client_options *options, struct error *error,
                        struct gateway_client **client)
{
    const char *target = strstr(options->endpoint, "://");
    if (!target)
        return error_set(error, ERROR_INVALID, "gateway endpoint: must begin with http:// or https://");
    target += 3;
    _cleanup_(freep) char *host = strndup(target, strcspn(target, "/"));
    _cleanup_(freep) struct gateway_client *created = calloc(1, sizeof *created);
    if (!created || !host)
        return error_set_no_memory(error);
    grpc_channel_credentials *credentials = NULL;
    if (!make_credentials(options, error, &credentials))
        return false;
    bool has_name = options->server_name && *options->server_name;
    grpc_arg name = {GRPC_ARG_STRING,
                     (char *) GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
                     {.string = has_name ? (char *) options->server_name : NULL}};
    grpc_channel_args arguments = {has_name, &name};
    created->channel = grpc_channel_create(host, credentials, &arguments);
    grpc_channel_credentials_release(credentials);
    *client = take_pointer(&created);
    return true;
}

void gateway_client_free(struct gateway_client *client)
{
    if (!client)
        return;
    grpc_channel_destroy(client->channel);
    free(client);
}

/* What one call is given and gives back. */
struct exchange {
    grpc_metadata authorization;
    grpc_byte_buffer *request;
    grpc_metadata_array headers;
    grpc_metadata_array trailers;
    grpc_byte_buffer *reply;
    grpc_status_code status;
    grpc_slice details;
};

static void exchange_init(struct exchange *exchange, const char *token)
{
    *exchange = (struct exchange){.details = grpc_empty_slice()};
    grpc_metadata_array_init(&exchange->headers);
    grpc_metadata_array_init(&exchange->trailers);
    size_t length = strlen("Bearer ") + strlen(token);
    exchange->authorization.key = grpc_slice_from_static_string("authorization");
    exchange->authorization.value = grpc_slice_malloc(length);
    memcpy(GRPC_SLICE_START_PTR(exchange->authorization.value), "Bearer ", strlen("Bearer "));
    memcpy(GRPC_SLICE_START_PTR(exchange->authorization.value) + strlen("Bearer "), token, strlen(token));
    /* A request without extension services is an empty message. */
    grpc_slice empty = grpc_empty_slice();
    exchange->request = grpc_raw_byte_buffer_create(&empty, 1);
}

static void exchange_done(struct exchange *exchange)
{
    grpc_slice_unref(exchange->authorization.value);
    grpc_slice_unref(exchange->details);
    grpc_metadata_array_destroy(&exchange->headers);
    grpc_metadata_array_destroy(&exchange->trailers);
    grpc_byte_buffer_destroy(exchange->request);
    if (exchange->reply)
        grpc_byte_buffer_destroy(exchange->reply);
}

static void run_exchange(grpc_channel *channel, struct exchange *exchange)
{
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(GATEWAY_CALL_SECONDS, GPR_TIMESPAN));
    grpc_call *call =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                 grpc_slice_from_static_string(RENEW_METHOD), NULL, deadline, NULL);
    grpc_op operations[6] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = 1, .metadata = &exchange->authorization}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = exchange->request},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &exchange->headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &exchange->reply},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &exchange->trailers,
                                        .status = &exchange->status,
                                        .status_details = &exchange->details}},
    };
    exchange->status = GRPC_STATUS_INTERNAL;
    if (grpc_call_start_batch(call, operations, 6, exchange, NULL) == GRPC_CALL_OK)
        (void) grpc_completion_queue_pluck(queue, exchange, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_call_unref(call);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
}

static bool set_status_error(const struct exchange *exchange, struct error *error)
{
    enum error_code code = ERROR_UNAVAILABLE;
    if (exchange->status == GRPC_STATUS_UNAUTHENTICATED ||
        exchange->status == GRPC_STATUS_PERMISSION_DENIED || exchange->status == GRPC_STATUS_NOT_FOUND)
        code = ERROR_PERMISSION_DENIED;
    else if (exchange->status == GRPC_STATUS_DEADLINE_EXCEEDED)
        code = ERROR_TIMEOUT;
    return error_set(error, code, "renewing a token: the gateway answered status %d: %.*s",
                     (int) exchange->status, (int) GRPC_SLICE_LENGTH(exchange->details),
                     (const char *) GRPC_SLICE_START_PTR(exchange->details));
}

static bool read_reply(const struct exchange *exchange, struct error *error, char **renewed)
{
    grpc_byte_buffer_reader reader;
    if (!exchange->reply || !grpc_byte_buffer_reader_init(&reader, exchange->reply))
        return error_set(error, ERROR_UNAVAILABLE, "renewing a token: the answer has no message");
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    Gateway__RefreshSandboxTokenResponse *answer = NULL;
    if (message_guard_check(&gateway__refresh_sandbox_token_response__descriptor, GRPC_SLICE_START_PTR(slice),
                            GRPC_SLICE_LENGTH(slice), error))
        answer = gateway__refresh_sandbox_token_response__unpack(NULL, GRPC_SLICE_LENGTH(slice),
                                                                 GRPC_SLICE_START_PTR(slice));
    grpc_slice_unref(slice);
    if (!answer || !*answer->token) {
        if (answer)
            gateway__refresh_sandbox_token_response__free_unpacked(answer, NULL);
        return error_set(error, ERROR_UNAVAILABLE, "renewing a token: the answer holds none");
    }
    char *copy = strdup(answer->token);
    explicit_bzero(answer->token, strlen(answer->token));
    gateway__refresh_sandbox_token_response__free_unpacked(answer, NULL);
    if (!copy)
        return error_set_no_memory(error);
    *renewed = copy;
    return true;
}

bool gateway_client_renew_token(struct gateway_client *client, const char *token, struct error *error,
                                char **renewed)
{
    struct exchange exchange;
    exchange_init(&exchange, token);
    run_exchange(client->channel, &exchange);
    bool is_renewed = exchange.status == GRPC_STATUS_OK ? read_reply(&exchange, error, renewed)
                                                        : set_status_error(&exchange, error);
    exchange_done(&exchange);
    return is_renewed;
}
