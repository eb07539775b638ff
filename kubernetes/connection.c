#include "kubernetes/connection.h"

#include "common/buffer.h"
#include "kubernetes/client.h"
#include "kubernetes/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Longest path with query; selectors and continue tokens are part of it. */
#define CONNECTION_TARGET_BYTES (64u * 1024)
/* A Retry-After beyond this is taken for this. */
#define CONNECTION_RETRY_AFTER_MAXIMUM_S 3600UL

struct connection {
    const struct connection_settings *settings;
    uint64_t generation;
    CURL *easy;
    CURLM *multi; /* of its own: it keeps the connection, and its poll can wait for a cancellation as well */
    char message[CURL_ERROR_SIZE];
    curl_socket_t socket; /* of the connection that is kept; CURL_SOCKET_BAD: none */

    /* The exchange that runs; NULL between two. */
    const struct exchange *exchange;
    struct exchange_result *result;
    struct error *error;
    bool is_refused; /* `receive` set the error */
    uint64_t heard_ns;
};

static bool check_codes(const CURLcode *codes, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (codes[i] == CURLE_OUT_OF_MEMORY)
            return error_set_no_memory(error);
        if (codes[i] != CURLE_OK)
            return error_set(error, ERROR_INTERNAL, "libcurl: %s", curl_easy_strerror(codes[i]));
    }
    return true;
}

#define CHECK_CODES(codes, error) check_codes((codes), sizeof(codes) / sizeof *(codes), (error))

static long answer_status(const struct connection *connection)
{
    long status = 0;
    curl_easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct connection *connection = context;
    const struct exchange *exchange = connection->exchange;
    connection->heard_ns = clock_now_ns();
    if (exchange->receive(exchange->context, answer_status(connection), data, size * count,
                          connection->error))
        return size * count;
    connection->is_refused = true;
    return size * count + 1;
}

static unsigned parse_retry_after(const char *value, size_t length)
{
    char digits[16] = "";
    if (length >= sizeof digits)
        return 0;
    memcpy(digits, value, length);
    unsigned long seconds = strtoul(digits, NULL, 10);
    return (unsigned) (seconds > CONNECTION_RETRY_AFTER_MAXIMUM_S ? CONNECTION_RETRY_AFTER_MAXIMUM_S
                                                                  : seconds);
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    static const char retry_after[] = "Retry-After:";
    struct connection *connection = context;
    size_t length = size * count;
    connection->heard_ns = clock_now_ns();
    connection->result->status = answer_status(connection);
    if (length > sizeof retry_after - 1 && strncasecmp(data, retry_after, sizeof retry_after - 1) == 0) {
        connection->result->retry_after_s =
            parse_retry_after(data + sizeof retry_after - 1, length - (sizeof retry_after - 1));
    }
    bool is_last = length <= 2;
    /* 1xx answers have headers too, and the real answer after them. */
    if (is_last && connection->result->status >= 200 && connection->exchange->begin)
        connection->exchange->begin(connection->exchange->context, connection->result->status);
    return length;
}

/* Called when a connection is there and the request is about to go out; a second time when libcurl found the
 * kept-alive connection dead and wants to send it again, which is not safe for every request. */
static int before_request(void *context, char *peer_address, char *own_address, int peer_port, int own_port)
{
    (void) peer_address, (void) own_address, (void) peer_port, (void) own_port;
    struct connection *connection = context;
    bool is_repeated = connection->result->was_sent;
    connection->result->was_sent = true;
    return is_repeated && !connection->exchange->is_idempotent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static bool set_fixed_options(struct connection *connection, struct error *error)
{
    CURL *easy = connection->easy;
    const struct connection_settings *settings = connection->settings;
    const CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L),
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, connection->message),
        curl_easy_setopt(easy, CURLOPT_URL, settings->server_url),
        curl_easy_setopt(easy, CURLOPT_USERAGENT, settings->user_agent),
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1),
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2),
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) KUBERNETES_CONNECT_LIMIT_MS),
        curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S),
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L),
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, CONNECTION_KEEPALIVE_IDLE_S),
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, CONNECTION_KEEPALIVE_INTERVAL_S),
        /* "" rather than NULL: neither the proxy nor the exceptions of the environment count. */
        curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy_url ? settings->proxy_url : ""),
        curl_easy_setopt(easy, CURLOPT_NOPROXY, ""),
        curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L),
        curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L),
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, settings->connect_to),
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body),
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, connection),
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header),
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, connection),
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request),
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, connection),
    };
    return CHECK_CODES(codes, error) && kubernetes_credentials_apply_tls(settings->credentials, easy, error);
}

bool connection_new(const struct connection_settings *settings, uint64_t generation, struct error *error,
                    struct connection **connection)
{
    _cleanup_(connection_freep) struct connection *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    made->settings = settings;
    made->generation = generation;
    made->socket = CURL_SOCKET_BAD;
    made->easy = curl_easy_init();
    made->multi = curl_multi_init();
    if (!made->easy || !made->multi)
        return error_set_no_memory(error);
    curl_multi_setopt(made->multi, CURLMOPT_MAXCONNECTS, 1L);
    if (!set_fixed_options(made, error))
        return false;
    *connection = take_pointer(&made);
    return true;
}

void connection_free(struct connection *connection)
{
    if (!connection)
        return;
    curl_easy_cleanup(connection->easy);
    if (connection->multi)
        curl_multi_cleanup(connection->multi);
    free(connection);
}

bool connection_is_stale(const struct connection *connection)
{
    if (connection->socket == CURL_SOCKET_BAD)
        return false;
    struct pollfd peer = {.fd = connection->socket, .events = POLLIN | POLLRDHUP};
    return poll(&peer, 1, 0) != 0;
}

uint64_t connection_generation(const struct connection *connection)
{
    return connection->generation;
}

static bool append_header(struct curl_slist **headers, const char *header, struct error *error)
{
    struct curl_slist *longer = curl_slist_append(*headers, header);
    if (!longer)
        return error_set_no_memory(error);
    *headers = longer;
    return true;
}

static bool make_headers(const struct exchange *exchange, struct error *error, struct curl_slist **headers)
{
    char accept[128], content_type[128];
    snprintf(accept, sizeof accept, "Accept: %s", exchange->accept);
    if (!append_header(headers, accept, error))
        return false;
    if (!exchange->body)
        return true;
    snprintf(content_type, sizeof content_type, "Content-Type: %s", exchange->content_type);
    /* No round trip to ask whether a body is welcome. */
    return append_header(headers, content_type, error) && append_header(headers, "Expect:", error);
}

static bool set_body(CURL *easy, const struct exchange *exchange, struct error *error)
{
    if (!exchange->body) {
        const CURLcode codes[] = {curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L)};
        return CHECK_CODES(codes, error);
    }
    const CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_POST, 1L),
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) exchange->body_length),
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body),
    };
    return CHECK_CODES(codes, error);
}

static bool set_request(struct connection *connection, const struct exchange *exchange,
                        const struct curl_slist *headers, struct error *error)
{
    _cleanup_(buffer_done) struct buffer target = BUFFER_INIT(CONNECTION_TARGET_BYTES);
    buffer_append_string(&target, connection->settings->base_path);
    buffer_append_string(&target, exchange->path);
    if (exchange->query && *exchange->query)
        buffer_append_format(&target, "?%s", exchange->query);
    if (!buffer_check(&target, error))
        return error_prefix(error, "path and query");
    if (!set_body(connection->easy, exchange, error))
        return false;
    const CURLcode codes[] = {
        /* Not as part of the URL: libcurl, taking it apart again, drops the query when memory is short. */
        curl_easy_setopt(connection->easy, CURLOPT_REQUEST_TARGET, buffer_string(&target)),
        curl_easy_setopt(connection->easy, CURLOPT_CUSTOMREQUEST, exchange->method),
        curl_easy_setopt(connection->easy, CURLOPT_HTTPHEADER, headers),
    };
    return CHECK_CODES(codes, error) &&
           kubernetes_credentials_apply_token(connection->settings->credentials, connection->easy, error);
}

static bool set_transfer_error(const struct connection *connection, CURLcode code, struct error *error)
{
    const char *message = *connection->message ? connection->message : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return error_set_no_memory(error);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return error_set(error, ERROR_INVALID, "%s", message);
    case CURLE_ABORTED_BY_CALLBACK:
        return error_set(error, ERROR_UNAVAILABLE, "the connection broke while the request was under way");
    default:
        return error_set(error, ERROR_UNAVAILABLE, "%s", message);
    }
}

/* How long to wait for the network: until deadline or silence limit, whichever comes first. 0: an error is
 * set. */
static int wait_limit_ms(const struct connection *connection, struct error *error)
{
    const struct exchange *exchange = connection->exchange;
    int wait_ms = clock_remaining_ms(exchange->deadline_ns);
    if (wait_ms == 0) {
        error_set(error, ERROR_TIMEOUT, "no complete answer within the time limit");
        return 0;
    }
    if (!exchange->stall_ms)
        return wait_ms;
    int stall_ms =
        clock_remaining_ms(connection->heard_ns + exchange->stall_ms * NANOSECONDS_PER_MILLISECOND);
    if (stall_ms == 0)
        error_set(error, ERROR_TIMEOUT, "no sign of life for %u ms", exchange->stall_ms);
    return stall_ms < wait_ms ? stall_ms : wait_ms;
}

static bool wait_for_network(struct connection *connection, struct error *error)
{
    const struct cancellation *cancellation = connection->exchange->cancellation;
    if (cancellation_is_requested(cancellation))
        return cancellation_set_error(error);
    int wait_ms = wait_limit_ms(connection, error);
    if (wait_ms == 0)
        return false;
    struct curl_waitfd wakeup = {.fd = cancellation ? cancellation->descriptor : -1,
                                 .events = CURL_WAIT_POLLIN};
    CURLMcode code = curl_multi_poll(connection->multi, &wakeup, cancellation ? 1 : 0, wait_ms, NULL);
    if (code != CURLM_OK)
        return error_set(error, code == CURLM_OUT_OF_MEMORY ? ERROR_NO_MEMORY : ERROR_IO, "libcurl: %s",
                         curl_multi_strerror(code));
    return true;
}

static bool run_transfer(struct connection *connection, struct error *error)
{
    for (;;) {
        int running = 0;
        CURLMcode code = curl_multi_perform(connection->multi, &running);
        if (code != CURLM_OK)
            return error_set(error, code == CURLM_OUT_OF_MEMORY ? ERROR_NO_MEMORY : ERROR_INTERNAL,
                             "libcurl: %s", curl_multi_strerror(code));
        if (running == 0)
            break;
        if (!wait_for_network(connection, error))
            return false;
    }
    int queued = 0;
    const CURLMsg *message = curl_multi_info_read(connection->multi, &queued);
    CURLcode code = message ? message->data.result : CURLE_OUT_OF_MEMORY;
    if (connection->is_refused)
        return false;
    return code == CURLE_OK || set_transfer_error(connection, code, error);
}

static bool perform_with_headers(struct connection *connection, const struct exchange *exchange,
                                 const struct curl_slist *headers, struct error *error)
{
    if (!set_request(connection, exchange, headers, error))
        return false;
    CURLMcode code = curl_multi_add_handle(connection->multi, connection->easy);
    if (code != CURLM_OK)
        return error_set(error, code == CURLM_OUT_OF_MEMORY ? ERROR_NO_MEMORY : ERROR_INTERNAL, "libcurl: %s",
                         curl_multi_strerror(code));
    bool is_done = run_transfer(connection, error);
    connection->socket = CURL_SOCKET_BAD;
    if (is_done)
        curl_easy_getinfo(connection->easy, CURLINFO_ACTIVESOCKET, &connection->socket);
    /* Of an exchange that did not end this closes the connection, so that its answer cannot reach the next.
     */
    curl_multi_remove_handle(connection->multi, connection->easy);
    return is_done;
}

bool connection_perform(struct connection *connection, const struct exchange *exchange, struct error *error,
                        struct exchange_result *result)
{
    *result = (struct exchange_result){0};
    connection->exchange = exchange;
    connection->result = result;
    connection->error = error;
    connection->is_refused = false;
    connection->heard_ns = clock_now_ns();
    connection->message[0] = '\0';
    struct curl_slist *headers = NULL;
    bool is_done =
        make_headers(exchange, error, &headers) && perform_with_headers(connection, exchange, headers, error);
    curl_slist_free_all(headers);
    connection->exchange = NULL;
    return is_done;
}
