/* The floor of the benchmarks: what libmicrohttpd and GnuTLS cost when nobody thinks about the request. Reads
 * an AdmissionReview's body, throws it away and answers a fixed text, over TLS with the injector's ciphers
 * and as many threads as there are processors to run on. GET is answered with 200, so that it can be asked
 * whether it is ready. Ends at SIGTERM.
 */
#include "common/cleanup.h"
#include "common/error.h"
#include "common/file.h"
#include "webhook/server/tls.h"

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#define FILE_BYTES (1u << 20)

static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data, size_t *length,
                              void **state)
{
    (void) path, (void) method, (void) version, (void) data;
    if (!*state) { /* the header alone */
        *state = response;
        return MHD_YES;
    }
    if (*length) {
        *length = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static unsigned count_processors(void)
{
    cpu_set_t processors;
    return sched_getaffinity(0, sizeof processors, &processors) == 0 ? (unsigned) CPU_COUNT(&processors) : 1;
}

static struct MHD_Daemon *start(uint16_t port, const char *certificate, const char *key,
                                struct MHD_Response *response)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned threads = count_processors();
    /* A pool must be larger than one. */
    const struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL},
                                          {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer, response,
                            MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_HTTPS_MEM_CERT, certificate,
                            MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
                            MHD_OPTION_ARRAY, threads > 1 ? pool : none, MHD_OPTION_END);
}

static struct MHD_Response *make_response(char *text, size_t length)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_PERSISTENT);
    if (response && MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES)
        return response;
    if (response)
        MHD_destroy_response(response);
    return NULL;
}

static bool serve(char **arguments, struct error *error)
{
    _cleanup_(freep) char *certificate = NULL;
    _cleanup_(freep) char *key = NULL;
    _cleanup_(freep) char *text = NULL;
    size_t length, text_length;
    unsigned long port = strtoul(arguments[1], NULL, 10);
    if (port == 0 || port > UINT16_MAX)
        return error_set(error, ERROR_INVALID, "not a port: %.20s", arguments[1]);
    if (!file_read(arguments[2], FILE_BYTES, error, &certificate, &length) ||
        !file_read(arguments[3], FILE_BYTES, error, &key, &length) ||
        !file_read(arguments[4], FILE_BYTES, error, &text, &text_length))
        return false;
    sigset_t termination;
    sigemptyset(&termination);
    sigaddset(&termination, SIGTERM);
    sigaddset(&termination, SIGINT);
    pthread_sigmask(SIG_BLOCK, &termination, NULL);
    struct MHD_Response *response = make_response(text, text_length);
    struct MHD_Daemon *daemon = response ? start((uint16_t) port, certificate, key, response) : NULL;
    if (daemon) {
        int ignored;
        sigwait(&termination, &ignored);
        MHD_stop_daemon(daemon);
    }
    if (response)
        MHD_destroy_response(response);
    return daemon || error_set(error, ERROR_INTERNAL, "libmicrohttpd refuses to start");
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 5) {
        fprintf(stderr, "usage: %s PORT CERTIFICATE-FILE KEY-FILE ANSWER-FILE\n", arguments[0]);
        return 2;
    }
    struct error error;
    if (serve(arguments, &error))
        return 0;
    fprintf(stderr, "%s: %s\n", arguments[0], error.message);
    return 1;
}
