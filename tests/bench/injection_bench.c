/* What the decision costs without server and socket, printed as JSON: parsing the pod, the pure injection
 * (parsed pod to printed patch), and a whole AdmissionReview. Each operation is timed by itself, with its
 * input made afresh outside of the timed part, since injection_run edits the pod.
 */
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/json_arena.h"
#include "webhook/admission/admission.h"
#include "webhook/injection/injection.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define TEXT_BYTES (1u << 20)
#define WARM_UP 2000
#define ITERATIONS 20000
#define ITERATIONS_MAXIMUM 1000000

struct input {
    const struct configuration *configuration;
    const char *text; /* a pod or a review, as JSON */
    size_t length;
    struct buffer output; /* what the last operation wrote */
};

/* Runs one operation on the input; returns the nanoseconds of its timed part. */
typedef bool operation(struct input *input, struct error *error, uint64_t *elapsed_ns);

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static bool parse(struct input *input, struct error *error, uint64_t *elapsed_ns)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    uint64_t start_ns = now_ns();
    if (!json_parse(input->text, input->length, &limits, error, &value))
        return false;
    *elapsed_ns = now_ns() - start_ns;
    return true;
}

static bool inject(struct input *input, struct error *error, uint64_t *elapsed_ns)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    if (!json_parse(input->text, input->length, &limits, error, &pod))
        return false;
    const struct injection_request request = {.pod = pod, .configuration = input->configuration};
    struct injection_result result;
    buffer_clear(&input->output);

    uint64_t start_ns = now_ns();
    if (!injection_run(&request, error, &result))
        return false;
    bool is_printed = injection_append_patch(&result, &input->output, error);
    *elapsed_ns = now_ns() - start_ns;

    if (is_printed && result.decision != INJECTION_INJECTED)
        is_printed = error_set(error, ERROR_FAILED_PRECONDITION, "the pod is %s, not injected",
                               injection_decision_name(result.decision));
    injection_result_done(&result);
    return is_printed;
}

static bool review(struct input *input, struct error *error, uint64_t *elapsed_ns)
{
    const struct admission_context context = {.configuration = input->configuration};
    struct admission_outcome outcome;
    buffer_clear(&input->output);
    uint64_t start_ns = now_ns();
    if (!admission_review(&context, ADMISSION_MUTATE, input->text, input->length, error, &input->output,
                          &outcome))
        return false;
    *elapsed_ns = now_ns() - start_ns;
    return outcome.decision == INJECTION_INJECTED ||
           error_set(error, ERROR_FAILED_PRECONDITION, "the pod in the review is %s, not injected",
                     injection_decision_name(outcome.decision));
}

static int compare_times(const void *left, const void *right)
{
    const uint64_t *first = left, *second = right;
    return (*first > *second) - (*first < *second);
}

/* As the server does it: with one arena for a request's trees. */
static bool run_in_arena(operation *run, struct input *input, struct error *error, uint64_t *elapsed_ns)
{
    struct json_arena arena;
    json_arena_enter(&arena);
    bool has_run = run(input, error, elapsed_ns);
    json_arena_leave(&arena);
    return has_run;
}

/* Prints `"<name>":{...}` with median and 99th percentile. */
static bool measure(const char *name, operation *run, struct input *input, size_t iterations,
                    struct error *error)
{
    _cleanup_(freep) uint64_t *times_ns = calloc(iterations, sizeof *times_ns);
    if (!times_ns)
        return error_set_no_memory(error);
    uint64_t ignored_ns;
    for (size_t i = 0; i < WARM_UP && i < iterations; i++) {
        if (!run_in_arena(run, input, error, &ignored_ns))
            return error_prefix(error, "%s", name);
    }
    for (size_t i = 0; i < iterations; i++) {
        if (!run_in_arena(run, input, error, &times_ns[i]))
            return error_prefix(error, "%s", name);
    }
    qsort(times_ns, iterations, sizeof *times_ns, compare_times);
    printf("\"%s\":{\"input_bytes\":%zu,\"output_bytes\":%zu,\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}",
           name, input->length, input->output.length, times_ns[iterations / 2],
           times_ns[iterations - 1 - iterations / 100]);
    return true;
}

static bool measure_all(char **files, size_t iterations, struct error *error)
{
    const struct configuration_sources sources = {.file = files[0]};
    _cleanup_(configuration_freep) struct configuration *configuration = NULL;
    _cleanup_(freep) char *pod = NULL;
    _cleanup_(freep) char *request = NULL;
    size_t pod_length, request_length;
    if (!configuration_load(&sources, error, &configuration) ||
        !file_read(files[1], TEXT_BYTES, error, &pod, &pod_length) ||
        !file_read(files[2], TEXT_BYTES, error, &request, &request_length))
        return false;
    struct input input = {
        .configuration = configuration,
        .text = pod,
        .length = pod_length,
        .output = BUFFER_INIT(TEXT_BYTES),
    };
    putchar('{');
    bool is_measured = measure("parse", parse, &input, iterations, error) && putchar(',') != EOF &&
                       measure("injection", inject, &input, iterations, error) && putchar(',') != EOF;
    input.text = request;
    input.length = request_length;
    is_measured = is_measured && measure("review", review, &input, iterations, error) && puts("}") != EOF;
    buffer_done(&input.output);
    return is_measured;
}

int main(int argument_count, char **arguments)
{
    size_t iterations = argument_count == 5 ? strtoul(arguments[4], NULL, 10) : ITERATIONS;
    if (argument_count < 4 || argument_count > 5 || iterations == 0 || iterations > ITERATIONS_MAXIMUM) {
        fprintf(stderr, "usage: %s CONFIGURATION POD REVIEW [ITERATIONS]\n", arguments[0]);
        return 2;
    }
    json_arena_install();
    struct error error;
    if (measure_all(&arguments[1], iterations, &error))
        return 0;
    fprintf(stderr, "%s: %s\n", arguments[0], error.message);
    return 1;
}
