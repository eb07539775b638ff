/* The life of one call, from the header that announces it to its status. Internal to driver/rpc.
 *
 * Everything here happens on the completion queue's thread unless a function says otherwise. A call lives as
 * long as a reference to it: each batch in flight holds one, so do the worker and the list of streams.
 */
#pragma once

#include "driver/rpc/server.h"
#include "driver/rpc/workers.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

struct rpc_call;

/* What the completion queue hands back: which step of which call is done. */
struct rpc_event {
    void (*complete)(struct rpc_event *event, bool is_ok);
    struct rpc_call *call; /* NULL for the server's own */
};

/* A list of calls, linked through their `link`. */
struct rpc_link {
    struct rpc_call *previous;
    struct rpc_call *next;
};

struct rpc_call_list {
    struct rpc_call *first;
    struct rpc_call *last;
};

struct rpc_server {
    struct rpc_server_options options;
    char *method_prefix; /* "/openshell.compute.v1.ComputeDriver/" */
    grpc_server *handle;
    grpc_completion_queue *queue;
    struct rpc_socket *socket;
    struct rpc_connections *connections;
    struct rpc_workers *workers;
    pthread_t queue_thread;
    pthread_t stream_thread;
    bool has_queue_thread;
    bool has_stream_thread;

    struct rpc_call_list awaiting_request; /* oldest first; the queue's thread alone */
    unsigned missing_calls;                /* to be asked for by rpc_call_await; the queue's thread alone */
    atomic_int calls;                      /* unfinished ones */
    atomic_bool is_stopping;

    pthread_mutex_t streams_mutex; /* taken before a call's own */
    struct rpc_call_list streams;

    pthread_mutex_t mutex; /* for what follows; never held while another is taken */
    pthread_cond_t changed;
    bool has_wake_request;
    bool is_ended; /* the stream thread shall end */
    bool is_shut_down;
    struct rpc_event shut_down;
};

struct rpc_call {
    struct rpc_server *server;
    grpc_call *handle;
    grpc_call_details details;
    grpc_metadata_array metadata;
    atomic_int references;
    const struct rpc_method *method; /* NULL: unknown */
    uint64_t started_ns;
    bool is_counted;
    int was_cancelled;

    struct rpc_event announced, received, closed, sent, finished;
    grpc_byte_buffer *payload;
    struct rpc_link link; /* in awaiting_request or streams, never both */
    bool is_awaiting_request;

    struct rpc_work work; /* unary */
    ProtobufCMessage *request;

    pthread_mutex_t mutex; /* streams: for what follows */
    void *cursor;
    bool is_open;           /* `open` succeeded, `close` is owed */
    bool is_in_flight;      /* a batch with `sent` is */
    bool is_message_unsent; /* the batch in flight carries a message */
    bool is_status_sent;
};

/* Asks gRPC core for the next call. False when memory is short or the server is shutting down. */
bool rpc_call_await(struct rpc_server *server);

/* Answers a call whose request did not come in time. */
void rpc_call_expire(struct rpc_call *call);

/* When the request of this call is overdue. */
uint64_t rpc_call_request_deadline_ns(const struct rpc_call *call);

/* Sends the stream's next message unless one is in flight. Any thread. */
void rpc_call_pump(struct rpc_call *call);

uint64_t rpc_clock_ns(void);

void rpc_call_list_append(struct rpc_call_list *list, struct rpc_call *call);
void rpc_call_list_remove(struct rpc_call_list *list, struct rpc_call *call);
