#include "common/http_worker_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* Large enough for the deepest JSON, small enough that the kernel does not back it with huge pages. */
#define STACK_BYTES (512u * 1024)

/* How long a worker sleeps that only waits for clients in their handshakes; what they send wakes it. */
#define STALL_MS 20

/* While so many requests are deferred, what arrived meanwhile is looked at, too, before they are answered.
 * Of fewer, the client would rather have the answers at once; with many, little is left to be won. */
#define GATHER_LEAST 4
#define GATHER_ENOUGH 16
/* Looks at what arrived in one round, at most. */
#define GATHER_LOOKS 4

/* The two descriptors that wake a worker: libmicrohttpd's and our own. */
#define WAKE_EVENTS 2

void http_connection_note_traffic(struct http_connection *connection)
{
    connection->worker->has_moved = true;
}

static struct http_connection *connection_new(struct http_worker *worker, struct MHD_Connection *handle)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection = info ? calloc(1, sizeof *connection) : NULL;
    if (!connection)
        return NULL;
    connection->connection = handle;
    connection->worker = worker;
    connection->descriptor = info->connect_fd;
    connection->next = worker->first;
    if (worker->first)
        worker->first->previous = connection;
    worker->first = connection;
    worker->handshakes++; /* zeroed, it is in one */
    if (worker->options.is_tls)
        http_phase_enter(connection, HTTP_HANDSHAKE);
    else
        http_phase_await_first_request(connection, 0);
    return connection;
}

static void connection_free(struct http_connection *connection)
{
    connection->worker->handshakes -= connection->phase == HTTP_HANDSHAKE;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connection->worker->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    free(connection);
}

static void on_opened(struct http_worker *worker, struct MHD_Connection *handle, void **slot)
{
    const struct http_service *service = worker->options.service;
    struct http_connection *connection = connection_new(worker, handle);
    if (connection && service->opened && !service->opened(worker->options.context, connection)) {
        connection_free(connection);
        connection = NULL;
    }
    *slot = connection;
    if (!connection) {
        /* libmicrohttpd cannot be told to refuse it here; on_request closes what still gets so far. */
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
    }
}

static void on_connection(void *context, struct MHD_Connection *handle, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_worker *worker = context;
    struct http_connection *connection = *slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        on_opened(worker, handle, slot);
    } else if (connection) {
        if (worker->options.service->closed)
            worker->options.service->closed(worker->options.context, connection);
        connection_free(connection);
        *slot = NULL;
    }
}

/* The request line is there. What it returns becomes `*slot` in the calls after it. */
static void *on_request_line(void *context, const char *uri, struct MHD_Connection *handle)
{
    (void) context, (void) uri;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *connection = info ? info->socket_context : NULL;
    if (connection && connection->phase != HTTP_HEADER)
        http_phase_enter(connection, HTTP_HEADER);
    return connection;
}

/* Its request ends before the round does. */
static void clear_deferred(struct http_connection *connection)
{
    struct http_worker *worker = connection->worker;
    struct http_connection *before = NULL;
    if (!connection->is_deferred)
        return;
    connection->is_deferred = false;
    for (struct http_connection *each = worker->first_deferred; each != connection;
         each = each->next_deferred)
        before = each;
    if (before)
        before->next_deferred = connection->next_deferred;
    else
        worker->first_deferred = connection->next_deferred;
    if (worker->last_deferred == connection)
        worker->last_deferred = before;
    worker->deferred--;
}

static void clear_suspended(struct http_connection *connection)
{
    if (connection->is_suspended)
        connection->worker->suspended--;
    connection->is_suspended = false;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *handle, const char *path,
                                  const char *method, const char *version, const char *data, size_t *length,
                                  void **slot)
{
    (void) handle, (void) version;
    struct http_worker *worker = context;
    const struct http_service *service = worker->options.service;
    struct http_connection *connection = *slot;
    bool goes_on;
    if (!connection || connection->is_late)
        return MHD_NO;
    worker->has_moved = true;
    /* Nothing is asked twice in a round. */
    if (connection->is_deferred)
        return MHD_YES;
    clear_suspended(connection);
    if (!connection->is_begun) {
        connection->is_begun = true;
        http_phase_enter(connection, HTTP_REQUEST);
        goes_on = service->begin(worker->options.context, connection, method, path);
    } else if (*length > 0) {
        goes_on = service->body(worker->options.context, connection, data, *length);
        *length = 0;
    } else {
        connection->is_complete = true;
        goes_on = service->finish(worker->options.context, connection);
    }
    return goes_on ? MHD_YES : MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *handle, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void) handle;
    struct http_worker *worker = context;
    struct http_connection *connection = *slot;
    if (!connection)
        return;
    worker->has_moved = true;
    clear_suspended(connection);
    clear_deferred(connection);
    if (connection->is_begun && worker->options.service->completed)
        worker->options.service->completed(worker->options.context, connection,
                                           code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    connection->is_begun = connection->is_complete = false;
    http_phase_enter(connection, HTTP_IDLE);
}

static void on_message(void *context, const char *format, va_list arguments) _printf_(2, 0);
static void on_message(void *context, const char *format, va_list arguments)
{
    struct http_worker *worker = context;
    char text[256];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    worker->options.service->message(worker->options.context, text);
}

static void drain_connections(struct http_worker *worker)
{
    if (!worker->has_quiesced) {
        worker->has_quiesced = true;
        MHD_quiesce_daemon(worker->daemon);
        sem_post(&worker->quiesced);
    }
    http_phase_close_quiet(worker);
    bool is_time = http_phase_now_ms() >= worker->drain_deadline_ms;
    /* libmicrohttpd aborts the process when it is stopped with a suspended connection. */
    if ((!worker->first || is_time) && worker->suspended == 0)
        worker->must_end = true;
}

/* Milliseconds until something must be looked at; -1: for ever. */
static int wait_limit(struct http_worker *worker)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms = 0;
    int limit_ms = worker->first ? HTTP_TICK_MS : -1;
    if (MHD_get_timeout(worker->daemon, &daemon_ms) == MHD_YES &&
        (limit_ms < 0 || daemon_ms < (MHD_UNSIGNED_LONG_LONG) limit_ms))
        limit_ms = (int) daemon_ms;
    /* libmicrohttpd asks a client in the middle of its handshake again at once: one that says no more would
     * cost a processor. After a round in which nothing moved, the next can wait until something does. */
    return limit_ms == 0 && worker->handshakes > 0 && !worker->has_moved ? STALL_MS : limit_ms;
}

static void wait_for_work(struct http_worker *worker)
{
    struct epoll_event events[WAKE_EVENTS];
    int limit_ms = wait_limit(worker);
    if (limit_ms == 0)
        return;
    int count = epoll_wait(worker->epoll, events, WAKE_EVENTS, limit_ms);
    for (int i = 0; i < count; i++) {
        eventfd_t ignored;
        if (events[i].data.fd == worker->wake)
            (void) eventfd_read(worker->wake, &ignored);
    }
}

/* Serves what has arrived. Requests to be answered together are gathered while each look finds more. */
static void look(struct http_worker *worker)
{
    for (int looks = 0; looks < GATHER_LOOKS; looks++) {
        unsigned before = worker->deferred;
        MHD_run(worker->daemon);
        if (worker->deferred <= before || worker->deferred < GATHER_LEAST ||
            worker->deferred >= GATHER_ENOUGH)
            break;
    }
}

static void serve_round(struct http_worker *worker)
{
    const struct http_service *service = worker->options.service;
    worker->has_moved = false;
    look(worker);
    if (worker->first_deferred)
        service->deferred(worker->options.context, worker->first_deferred);
    for (; worker->first_deferred; worker->first_deferred = worker->first_deferred->next_deferred)
        worker->first_deferred->is_deferred = false;
    worker->last_deferred = NULL;
    worker->deferred = 0;
}

static void *run(void *argument)
{
    struct http_worker *worker = argument;
    while (!worker->must_end) {
        wait_for_work(worker);
        serve_round(worker);
        http_phase_scan(worker);
        if (atomic_load_explicit(&worker->is_draining, memory_order_acquire))
            drain_connections(worker);
    }
    for (struct http_connection *connection = worker->first; connection; connection = connection->next)
        worker->cut_off += connection->is_begun;
    MHD_stop_daemon(worker->daemon);
    return NULL;
}

static bool start_daemon(struct http_worker *worker, struct error *error)
{
    const struct http_worker_options *options = &worker->options;
    static const struct MHD_OptionItem no_items[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    if (options->is_tls)
        flags |= MHD_USE_TLS;
    if (options->service->message)
        flags |= MHD_USE_ERROR_LOG;
    struct MHD_OptionItem logger[] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (options->service->message)
        logger[0] = (struct MHD_OptionItem){MHD_OPTION_EXTERNAL_LOGGER, (intptr_t) on_message, worker};
    worker->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, worker, MHD_OPTION_ARRAY, logger, MHD_OPTION_LISTEN_SOCKET,
        options->listening_descriptor, MHD_OPTION_CONNECTION_LIMIT, options->limits.connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->limits.memory_bytes, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker, MHD_OPTION_URI_LOG_CALLBACK, on_request_line,
        worker, MHD_OPTION_NOTIFY_COMPLETED, on_completed, worker, MHD_OPTION_ARRAY,
        options->items ? options->items : no_items, MHD_OPTION_END);
    if (!worker->daemon)
        return error_set(error, ERROR_INTERNAL, "libmicrohttpd refuses to start");
    return true;
}

static bool watch(struct http_worker *worker, int descriptor, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
        return error_set_errno(error, ERROR_IO, errno, "epoll_ctl");
    return true;
}

static bool watch_events(struct http_worker *worker, struct error *error)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!info || worker->wake < 0 || worker->epoll < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot make descriptors for an HTTP worker");
    return watch(worker, worker->wake, error) && watch(worker, info->epoll_fd, error);
}

static bool start_thread(struct http_worker *worker, struct error *error)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int failure = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!failure)
        failure = pthread_create(&worker->thread, &attributes, run, worker);
    pthread_attr_destroy(&attributes);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "cannot start an HTTP worker");
    pthread_setname_np(worker->thread, worker->options.thread_name);
    return true;
}

/* A worker whose thread does not run (any more). */
static void worker_destroy(struct http_worker *worker)
{
    closep(&worker->wake);
    closep(&worker->epoll);
    sem_destroy(&worker->quiesced);
    free(worker);
}

bool http_worker_start(const struct http_worker_options *options, struct error *error,
                       struct http_worker **result)
{
    struct http_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return error_set_no_memory(error);
    worker->options = *options;
    worker->wake = worker->epoll = -1;
    sem_init(&worker->quiesced, 0, 0);
    if (!start_daemon(worker, error)) {
        worker_destroy(worker);
        return false;
    }
    if (!watch_events(worker, error) || !start_thread(worker, error)) {
        /* Quiesced, it leaves the listening socket to the caller. */
        MHD_quiesce_daemon(worker->daemon);
        MHD_stop_daemon(worker->daemon);
        worker_destroy(worker);
        return false;
    }
    *result = worker;
    return true;
}

static void wake_worker(struct http_worker *worker)
{
    (void) eventfd_write(worker->wake, 1);
}

void http_worker_drain(struct http_worker *worker, unsigned timeout_ms)
{
    worker->drain_deadline_ms = http_phase_now_ms() + timeout_ms;
    atomic_store_explicit(&worker->is_draining, true, memory_order_release);
    wake_worker(worker);
    while (sem_wait(&worker->quiesced) < 0 && errno == EINTR)
        ;
}

unsigned http_worker_free(struct http_worker *worker)
{
    if (!worker)
        return 0;
    if (!atomic_load(&worker->is_draining))
        http_worker_drain(worker, 0);
    pthread_join(worker->thread, NULL);
    unsigned cut_off = worker->cut_off;
    worker_destroy(worker);
    return cut_off;
}

/* libmicrohttpd asks again, and does not wait for anything before, while a complete request has no answer. */
void http_connection_defer(struct http_connection *connection)
{
    struct http_worker *worker = connection->worker;
    connection->is_deferred = true;
    connection->next_deferred = NULL;
    if (worker->last_deferred)
        worker->last_deferred->next_deferred = connection;
    else
        worker->first_deferred = connection;
    worker->last_deferred = connection;
    worker->deferred++;
}

void http_connection_suspend(struct http_connection *connection)
{
    connection->is_suspended = true;
    connection->worker->suspended++;
    MHD_suspend_connection(connection->connection);
}

void http_connection_resume(struct http_connection *connection)
{
    struct http_worker *worker = connection->worker; /* the connection may end as soon as it goes on */
    MHD_resume_connection(connection->connection);
    wake_worker(worker);
}
