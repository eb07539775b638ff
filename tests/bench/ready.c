/* How long a server takes from its start to its first answer of 200 on /readyz: starts the command on a given
 * processor, asks until it is ready, prints the milliseconds and ends the server. See show_usage.
 */
#include "common/cleanup.h"
#include "tests/bench/http_response.h"
#include "tests/bench/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define TIME_LIMIT_NS (30u * UINT64_C(1000000000))
/* Between two attempts: the figure's precision. */
#define PAUSE_NS 200000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* In the child: becomes the server. Its output is of no interest. */
static _Noreturn void become(int processor, char **command)
{
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(processor, &processors);
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0 && dup2(nowhere, STDIN_FILENO) >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0 &&
        dup2(nowhere, STDERR_FILENO) >= 0 && sched_setaffinity(0, sizeof processors, &processors) == 0)
        execvp(command[0], command);
    _exit(127);
}

/* True when the server answered 200. */
static bool is_ready(SSL_CTX *settings, uint16_t port)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct error ignored;
    struct tls_client client;
    struct http_response response;
    http_response_clear(&response);
    if (!tls_client_connect(settings, port, &ignored, &client))
        return false;
    bool is_complete = false;
    bool is_read = tls_client_write(&client, request, sizeof request - 1, &ignored);
    while (is_read && !is_complete) {
        size_t length;
        is_read = tls_client_read(&client, response.bytes + response.length,
                                  HTTP_RESPONSE_BYTES - response.length, &ignored, &length) &&
                  http_response_advance(&response, length, &ignored, &is_complete);
    }
    tls_client_done(&client);
    return is_read && response.status == 200;
}

static bool wait_until_ready(SSL_CTX *settings, uint16_t port, pid_t server, uint64_t start_ns,
                             struct error *error)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    while (!is_ready(settings, port)) {
        if (waitpid(server, NULL, WNOHANG) != 0)
            return error_set(error, ERROR_FAILED_PRECONDITION, "the server ended before it was ready");
        if (now_ns() - start_ns > TIME_LIMIT_NS)
            return error_set(error, ERROR_TIMEOUT, "the server was not ready in time");
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool measure(const char *authority_file, uint16_t port, int processor, char **command,
                    struct error *error)
{
    _cleanup_(SSL_CTX_freep) SSL_CTX *settings = NULL;
    if (!tls_client_settings(authority_file, error, &settings))
        return false;
    if (is_ready(settings, port))
        return error_set(error, ERROR_ALREADY_EXISTS, "a server is there already");
    uint64_t start_ns = now_ns();
    pid_t server = fork();
    if (server < 0)
        return error_set_errno(error, ERROR_IO, errno, "fork");
    if (server == 0)
        become(processor, command);
    bool was_ready = wait_until_ready(settings, port, server, start_ns, error);
    if (was_ready)
        printf("%.2f\n", (double) (now_ns() - start_ns) / 1e6);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return was_ready;
}

static int show_usage(const char *program)
{
    fprintf(stderr, "usage: %s CA-FILE PORT PROCESSOR COMMAND [ARGUMENT...]\n", program);
    return 2;
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 5)
        return show_usage(arguments[0]);
    unsigned long port = strtoul(arguments[2], NULL, 10);
    unsigned long processor = strtoul(arguments[3], NULL, 10);
    if (port == 0 || port > UINT16_MAX || processor >= CPU_SETSIZE)
        return show_usage(arguments[0]);
    struct error error;
    if (measure(arguments[1], (uint16_t) port, (int) processor, &arguments[4], &error))
        return 0;
    fprintf(stderr, "%s: %s\n", arguments[0], error.message);
    return 1;
}
