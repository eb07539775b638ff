/* Load on one server of this machine: connections that are kept alive, each with one request under way at a
 * time, from one thread, for a given time. Prints requests/s, latencies and what both sides used as JSON. Any
 * answer but 200 with a body as long as the first one's, or longer (numbers of audit records grow), is a
 * failure. See show_usage.
 */
#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "tests/bench/http_response.h"
#include "tests/bench/process_usage.h"
#include "tests/bench/tls_client.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <time.h>

#define CONNECTIONS_MAXIMUM 256
#define TIME_MS_MAXIMUM 60000
/* A run ends early when it has measured so many. */
#define SAMPLES_MAXIMUM 4000000u
#define BODY_BYTES (1u << 20)
/* Longer than any server may think about an answer. */
#define STALL_MS 10000

struct options {
    const char *authority_file;
    const char *body_file;
    unsigned long port;
    unsigned long connections;
    unsigned long warm_up_ms;
    unsigned long time_ms;
    unsigned long server_process;
};

struct load_connection {
    struct tls_client client;
    struct http_response response;
    uint64_t sent_ns;
};

struct load {
    const struct options *options;
    struct buffer request;
    struct load_connection *connections; /* owned */
    int epoll;
    uint64_t measure_from_ns;
    uint64_t end_ns;
    size_t body_length;   /* of every answer; 0: none has come */
    uint32_t *samples_ns; /* owned */
    size_t sample_count;
    uint64_t last_ns; /* when the last sample was taken */
    struct process_usage before;
    uint64_t client_cpu_before_ns;
};

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static bool make_request(struct load *load, struct error *error)
{
    _cleanup_(freep) char *body = NULL;
    size_t length;
    if (!file_read(load->options->body_file, BODY_BYTES, error, &body, &length))
        return false;
    load->request = BUFFER_INIT(BODY_BYTES + 1024);
    buffer_append_format(&load->request,
                         "POST /mutate?timeout=10s HTTP/1.1\r\nHost: localhost:%lu\r\n"
                         "User-Agent: kube-apiserver-admission\r\nContent-Length: %zu\r\n"
                         "Accept: application/json, */*\r\nContent-Type: application/json\r\n\r\n",
                         load->options->port, length);
    buffer_append(&load->request, body, length);
    return buffer_check(&load->request, error);
}

static bool send_request(struct load *load, struct load_connection *connection, struct error *error)
{
    http_response_clear(&connection->response);
    connection->sent_ns = now_ns();
    return tls_client_write(&connection->client, load->request.data, load->request.length, error);
}

static bool open_connections(struct load *load, struct error *error)
{
    _cleanup_(SSL_CTX_freep) SSL_CTX *settings = NULL;
    if (!tls_client_settings(load->options->authority_file, error, &settings))
        return false;
    load->connections = calloc(load->options->connections, sizeof *load->connections);
    load->samples_ns = calloc(SAMPLES_MAXIMUM, sizeof *load->samples_ns);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!load->connections || !load->samples_ns || load->epoll < 0)
        return error_set_no_memory(error);
    for (size_t i = 0; i < load->options->connections; i++) {
        struct load_connection *connection = &load->connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (!tls_client_connect(settings, (uint16_t) load->options->port, error, &connection->client) ||
            !tls_client_set_nonblocking(&connection->client, error))
            return false;
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->client.descriptor, &event) < 0)
            return error_set_errno(error, ERROR_IO, errno, "epoll_ctl");
    }
    return true;
}

static bool check_response(struct load *load, const struct http_response *response, struct error *error)
{
    if (load->body_length == 0)
        load->body_length = response->body_length;
    if (response->status == 200 && response->body_length >= load->body_length)
        return true;
    return error_set(error, ERROR_INVALID, "answer %u with %zu bytes where 200 with %zu was expected",
                     response->status, response->body_length, load->body_length);
}

static bool start_measuring(struct load *load, struct error *error)
{
    load->client_cpu_before_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    load->measure_from_ns = load->last_ns = now_ns();
    load->end_ns = load->measure_from_ns + load->options->time_ms * 1000000u;
    return process_usage_read((pid_t) load->options->server_process, error, &load->before);
}

/* Takes the sample of a complete response and sends the next request. */
static bool finish_request(struct load *load, struct load_connection *connection, struct error *error)
{
    uint64_t now = now_ns();
    if (!check_response(load, &connection->response, error))
        return false;
    if (load->end_ns && connection->sent_ns >= load->measure_from_ns) {
        uint64_t elapsed_ns = now - connection->sent_ns;
        load->samples_ns[load->sample_count++] = elapsed_ns < UINT32_MAX ? (uint32_t) elapsed_ns : UINT32_MAX;
        load->last_ns = now;
    }
    return send_request(load, connection, error);
}

/* Reads until nothing is there any more. */
static bool serve_connection(struct load *load, struct load_connection *connection, struct error *error)
{
    struct http_response *response = &connection->response;
    for (;;) {
        size_t length;
        bool is_complete = false;
        if (!tls_client_read(&connection->client, response->bytes + response->length,
                             HTTP_RESPONSE_BYTES - response->length, error, &length))
            return false;
        if (length == 0)
            return true;
        if (!http_response_advance(response, length, error, &is_complete))
            return false;
        if (is_complete)
            return finish_request(load, connection, error);
    }
}

static bool run_until(struct load *load, uint64_t end_ns, struct error *error)
{
    struct epoll_event events[CONNECTIONS_MAXIMUM];
    while (now_ns() < end_ns && load->sample_count + CONNECTIONS_MAXIMUM < SAMPLES_MAXIMUM) {
        int count = epoll_wait(load->epoll, events, CONNECTIONS_MAXIMUM, STALL_MS);
        if (count == 0)
            return error_set(error, ERROR_TIMEOUT, "no answer for %d ms", STALL_MS);
        for (int i = 0; i < count; i++) {
            if (!serve_connection(load, events[i].data.ptr, error))
                return false;
        }
    }
    return true;
}

static bool run(struct load *load, struct error *error)
{
    if (!make_request(load, error) || !open_connections(load, error))
        return false;
    for (size_t i = 0; i < load->options->connections; i++) {
        if (!send_request(load, &load->connections[i], error))
            return false;
    }
    return run_until(load, now_ns() + load->options->warm_up_ms * 1000000u, error) &&
           start_measuring(load, error) && run_until(load, load->end_ns, error);
}

static int compare_samples(const void *left, const void *right)
{
    const uint32_t *first = left, *second = right;
    return (*first > *second) - (*first < *second);
}

/* The smallest sample that `per_mille` of all do not pass. */
static double percentile_us(const struct load *load, size_t per_mille)
{
    size_t rank = (load->sample_count * per_mille + 999) / 1000;
    return load->samples_ns[rank ? rank - 1 : 0] / 1e3;
}

static bool report(struct load *load, struct error *error)
{
    struct process_usage after;
    uint64_t client_cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID) - load->client_cpu_before_ns;
    if (!process_usage_read((pid_t) load->options->server_process, error, &after))
        return false;
    if (load->sample_count == 0)
        return error_set(error, ERROR_TIMEOUT, "not one request was answered in time");
    double seconds = (double) (load->last_ns - load->measure_from_ns) / 1e9;
    qsort(load->samples_ns, load->sample_count, sizeof *load->samples_ns, compare_samples);
    printf("{\"connections\":%lu,\"requests\":%zu,\"seconds\":%.3f,\"requests_per_second\":%.1f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"answer_bytes\":%zu,\"server_cpu_us_per_request\":%.2f,"
           "\"client_cpu_share\":%.3f,\"rss_kib\":%" PRIu64 ",\"rss_peak_kib\":%" PRIu64 "}\n",
           load->options->connections, load->sample_count, seconds, (double) load->sample_count / seconds,
           percentile_us(load, 500), percentile_us(load, 990), load->body_length,
           (double) (after.cpu_us - load->before.cpu_us) / (double) load->sample_count,
           (double) client_cpu_ns / 1e9 / seconds, after.resident_kib, after.resident_peak_kib);
    return true;
}

static void load_done(struct load *load)
{
    for (size_t i = 0; load->connections && i < load->options->connections; i++)
        tls_client_done(&load->connections[i].client);
    free(load->connections);
    free(load->samples_ns);
    buffer_done(&load->request);
    closep(&load->epoll);
}

static int show_usage(const char *program)
{
    fprintf(stderr,
            "usage: %s --ca FILE --body FILE --port PORT --connections 1..%d --warm-up-ms MS --time-ms "
            "1..%d --server-process PID\n",
            program, CONNECTIONS_MAXIMUM, TIME_MS_MAXIMUM);
    return 2;
}

static bool read_options(int argument_count, char **arguments, struct options *options)
{
    static const struct option names[] = {
        {"ca", required_argument, NULL, 'a'},
        {"body", required_argument, NULL, 'b'},
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"warm-up-ms", required_argument, NULL, 'w'},
        {"time-ms", required_argument, NULL, 't'},
        {"server-process", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    unsigned long *const numbers[] = {
        ['p'] = &options->port,    ['c'] = &options->connections,    ['w'] = &options->warm_up_ms,
        ['t'] = &options->time_ms, ['s'] = &options->server_process,
    };
    int name;
    while ((name = getopt_long(argument_count, arguments, "", names, NULL)) != -1) {
        if (name == '?')
            return false;
        if (name == 'a')
            options->authority_file = optarg;
        else if (name == 'b')
            options->body_file = optarg;
        else
            *numbers[name] = strtoul(optarg, NULL, 10);
    }
    return optind == argument_count && options->authority_file && options->body_file && options->port > 0 &&
           options->port <= UINT16_MAX && options->connections > 0 &&
           options->connections <= CONNECTIONS_MAXIMUM && options->warm_up_ms <= TIME_MS_MAXIMUM &&
           options->time_ms > 0 && options->time_ms <= TIME_MS_MAXIMUM && options->server_process > 0;
}

int main(int argument_count, char **arguments)
{
    struct options options = {0};
    if (!read_options(argument_count, arguments, &options))
        return show_usage(arguments[0]);
    struct load load = {.options = &options, .epoll = -1};
    struct error error;
    bool is_done = run(&load, &error) && report(&load, &error);
    load_done(&load);
    if (!is_done)
        fprintf(stderr, "%s: %s\n", arguments[0], error.message);
    return is_done ? 0 : 1;
}
