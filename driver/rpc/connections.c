#include "driver/rpc/connections.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* Out of descriptors or memory, accepting fails at once again and again: wait a little instead. */
#define ACCEPT_FAILURE_PAUSE_MS 100

enum { POLL_STOP, POLL_LISTENER, POLL_FIRST_CONNECTION };

struct rpc_connections {
    struct rpc_socket *listener;
    struct rpc_connections_consumer consumer;
    int stop_event;
    pthread_t thread;
    bool is_running;
    size_t count;
    int watched[CONNECTIONS_MAXIMUM]; /* duplicates of the descriptors handed over */
};

static void report_refusal(struct rpc_connections *connections, const struct error *reason)
{
    if (connections->consumer.refused)
        connections->consumer.refused(connections->consumer.context, reason);
}

static void take_connection(struct rpc_connections *connections, int descriptor)
{
    _cleanup_(closep) int accepted = descriptor;
    struct error reason;
    if (connections->count == CONNECTIONS_MAXIMUM) {
        error_set(&reason, ERROR_TOO_LARGE, "more than %d connections", CONNECTIONS_MAXIMUM);
        report_refusal(connections, &reason);
        return;
    }
    int watched = fcntl(accepted, F_DUPFD_CLOEXEC, 0);
    if (watched < 0) {
        error_set_errno(&reason, ERROR_IO, errno, "watching a connection");
        report_refusal(connections, &reason);
        return;
    }
    connections->watched[connections->count++] = watched;
    connections->consumer.accepted(connections->consumer.context, take_descriptor(&accepted));
}

/* Takes all that wait; false when accepting fails in a way that will not pass at once. */
static bool accept_waiting(struct rpc_connections *connections)
{
    for (;;) {
        struct error error;
        int descriptor = -1;
        if (rpc_socket_accept(connections->listener, &error, &descriptor)) {
            take_connection(connections, descriptor);
            continue;
        }
        if (error.code == ERROR_UNAVAILABLE)
            return true;
        report_refusal(connections, &error);
        if (error.code == ERROR_IO)
            return false;
    }
}

static void forget_ended(struct rpc_connections *connections, const struct pollfd *polled, size_t count)
{
    for (size_t index = count; index-- > 0;) {
        if (!(polled[index].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)))
            continue;
        close(connections->watched[index]);
        connections->watched[index] = connections->watched[--connections->count];
    }
}

static void *accept_until_stopped(void *argument)
{
    struct rpc_connections *connections = argument;
    struct pollfd polled[POLL_FIRST_CONNECTION + CONNECTIONS_MAXIMUM];
    int pause_ms = -1;
    for (;;) {
        size_t count = connections->count;
        polled[POLL_STOP] = (struct pollfd){.fd = connections->stop_event, .events = POLLIN};
        polled[POLL_LISTENER] = (struct pollfd){
            .fd = pause_ms < 0 ? rpc_socket_descriptor(connections->listener) : -1, .events = POLLIN};
        for (size_t index = 0; index < count; index++)
            polled[POLL_FIRST_CONNECTION + index] =
                (struct pollfd){.fd = connections->watched[index], .events = POLLRDHUP};
        if (poll(polled, POLL_FIRST_CONNECTION + count, pause_ms) < 0 && errno != EINTR)
            return NULL;
        pause_ms = -1;
        if (polled[POLL_STOP].revents)
            return NULL;
        forget_ended(connections, polled + POLL_FIRST_CONNECTION, count);
        if (polled[POLL_LISTENER].revents && !accept_waiting(connections))
            pause_ms = ACCEPT_FAILURE_PAUSE_MS;
    }
}

DEFINE_POINTER_CLEANUP(struct rpc_connections *, rpc_connections_free)

bool rpc_connections_start(struct rpc_socket *opened, const struct rpc_connections_consumer *consumer,
                           struct error *error, struct rpc_connections **started)
{
    _cleanup_(rpc_connections_freep) struct rpc_connections *connections = calloc(1, sizeof *connections);
    if (!connections)
        return error_set_no_memory(error);
    connections->listener = opened;
    connections->consumer = *consumer;
    connections->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (connections->stop_event < 0)
        return error_set_errno(error, ERROR_IO, errno, "creating an event descriptor");
    int failure = pthread_create(&connections->thread, NULL, accept_until_stopped, connections);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "starting the accepting thread");
    connections->is_running = true;
    *started = take_pointer(&connections);
    return true;
}

void rpc_connections_stop(struct rpc_connections *connections)
{
    if (!connections->is_running)
        return;
    uint64_t one = 1;
    while (write(connections->stop_event, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    pthread_join(connections->thread, NULL);
    connections->is_running = false;
}

void rpc_connections_free(struct rpc_connections *connections)
{
    if (!connections)
        return;
    rpc_connections_stop(connections);
    for (size_t index = 0; index < connections->count; index++)
        close(connections->watched[index]);
    if (connections->stop_event >= 0)
        close(connections->stop_event);
    free(connections);
}
