/* Load on an API server: requests as they stand in a file, some of them one after the other as one piece of
 * work, one piece under way on each thread. Prints pieces/s, latencies and the client's own processor time as
 * JSON. See show_usage.
 *
 * This is what the driver's creates are measured against, so it goes through the same client library.
 */
#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "kubernetes/client.h"
#include "tests/bench/driver/parallel_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_BYTES_MAXIMUM (256u * 1024 * 1024)
#define ANSWER_BYTES_MAXIMUM (1024u * 1024)

struct requests {
    struct kubernetes_client *client;
    char *text;   /* owned: the file, its separators replaced by NUL */
    char **lines; /* owned: METHOD, followed by path and body */
    size_t count;
    size_t in_piece;
};

/* METHOD PATH BODY, a line each. */
static bool read_requests(const char *path, struct error *error, struct requests *requests)
{
    size_t length;
    if (!file_read(path, REQUESTS_BYTES_MAXIMUM, error, &requests->text, &length))
        return false;
    size_t lines = 0;
    for (const char *at = requests->text; (at = strchr(at, '\n')); at++)
        lines++;
    requests->lines = calloc(lines + 1, sizeof *requests->lines);
    if (!requests->lines)
        return error_set_no_memory(error);
    for (char *line = requests->text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        char *space = strchr(line, ' '), *second = space ? strchr(space + 1, ' ') : NULL;
        if (!second)
            return error_set(error, ERROR_INVALID, "%s: a line is not METHOD PATH BODY", path);
        *space = *second = '\0';
        requests->lines[requests->count++] = line;
    }
    return requests->count > 0 || error_set(error, ERROR_INVALID, "%s: no requests", path);
}

static bool send_one(struct requests *requests, const char *method, struct buffer *answer,
                     struct error *error)
{
    const char *path = method + strlen(method) + 1, *body = path + strlen(path) + 1;
    const struct kubernetes_request request = {
        .method = method,
        .path = path,
        .body = body,
        .body_length = strlen(body),
        .content_type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : NULL,
        .verb = "load",
    };
    return kubernetes_client_request(requests->client, &request, NULL, error, answer);
}

static bool send_piece(void *context, size_t number, struct error *error)
{
    struct requests *requests = context;
    struct buffer answer = BUFFER_INIT(ANSWER_BYTES_MAXIMUM);
    bool is_sent = true;
    for (size_t index = 0; is_sent && index < requests->in_piece; index++)
        is_sent = send_one(requests, requests->lines[number * requests->in_piece + index], &answer, error);
    buffer_done(&answer);
    return is_sent;
}

static bool run(const char *const *arguments, struct error *error)
{
    struct requests requests = {0};
    struct parallel_load load = {.work = send_piece, .context = &requests};
    struct kubernetes_configuration *configuration;
    if (!parallel_load_read_count(arguments[1], error, &load.threads) ||
        (load.threads > PARALLEL_LOAD_THREADS_MAXIMUM &&
         !error_set(error, ERROR_INVALID, "at most %u threads", PARALLEL_LOAD_THREADS_MAXIMUM)) ||
        !parallel_load_read_count(arguments[2], error, &requests.in_piece) ||
        !read_requests(arguments[3], error, &requests))
        return false;
    if (requests.count % requests.in_piece != 0)
        return error_set(error, ERROR_INVALID, "the last piece of work is not complete");
    load.count = requests.count / requests.in_piece;
    if (!kubernetes_configuration_load(arguments[0], "", error, &configuration) ||
        !kubernetes_client_new(configuration, NULL, error, &requests.client))
        return false;
    bool is_done = parallel_load_run(&load, error);
    kubernetes_client_free(requests.client);
    free(requests.text);
    free(requests.lines);
    return is_done;
}

static int show_usage(void)
{
    fputs("Usage: bench_requests KUBECONFIG THREADS IN_PIECE REQUESTS\n"
          "\n"
          "Sends the lines of the file REQUESTS, each METHOD PATH BODY, IN_PIECE of them one after the other "
          "as one\n"
          "piece of work.\n",
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
    fprintf(stderr, "bench_requests: %s\n", error.message);
    return 1;
}
