#include "common/json.h"
#include "webhook/admission/admission.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_line.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/input.h"

#include <signal.h>

static const char usage[] =
    "Usage: openshell-injector review [OPTION...] [FILE|-]\n"
    "\n"
    "Reads one AdmissionReview (JSON, from standard input without a file) and prints the response that the\n"
    "server would give, byte for byte.\n"
    "\n"
    "      --endpoint mutate|validate  which of the server's endpoints (default: mutate)\n"
    "      --namespace-annotation K=V  an annotation of the pod's namespace; may be repeated\n"
    "      --config FILE               the configuration file\n"
    "      --audit-directory DIRECTORY record the decision there, with the other --audit-... options of "
    "serve\n"
    "  -h, --help                      this text\n"
    "\n"
    "Exit codes: 0 allowed, 1 denied, 2 wrong usage or input, 3 internal failure (with --audit-required "
    "also\n"
    "when the decision cannot be recorded).\n"
    "\n"
    "Examples:\n"
    "  openshell-injector review < review.json\n"
    "  openshell-injector review --config injector.yaml < review.json | jq -r .response.patch | base64 -d\n"
    "  openshell-injector review --endpoint validate < review.json | jq .response.allowed\n";

/* Every namespace has the annotations that the command line gives. */
static bool find_annotations(void *context, const char *name, unsigned wait_ms, struct error *error,
                             cJSON **annotations)
{
    const struct command_line *line = context;
    (void) name, (void) wait_ms;
    cJSON *copy = NULL;
    if (line->namespace_annotations && !(copy = cJSON_Duplicate(line->namespace_annotations, true)))
        return error_set_no_memory(error);
    *annotations = copy;
    return true;
}

/* What was given to be reviewed. */
struct review_input {
    const char *name;
    char *body; /* owned */
    size_t length;
};

static bool answer(const struct command_line *line, const struct configuration *configuration,
                   const struct review_input *input, const struct admission_recorder *recorder,
                   struct error *error, struct buffer *response, struct admission_outcome *outcome)
{
    const struct namespace_source namespaces = {.find = find_annotations, .context = (void *) line};
    const struct admission_context context = {
        .configuration = configuration, .namespaces = &namespaces, .recorder = recorder};
    if (admission_review(&context, line->endpoint, input->body, input->length, error, response, outcome))
        return true;
    return outcome->has_failed_to_record ? false : error_prefix(error, "%s", input->name);
}

/* The answer leaves all the same, but nobody should believe that it was recorded. */
static void warn_of_loss(struct audit_log *log)
{
    struct audit_log_statistics statistics;
    audit_log_read_statistics(log, &statistics);
    if (statistics.dropped)
        fprintf(stderr, "openshell-injector review: the decision leaves without a record: %s\n",
                statistics.loss_reason);
}

/* The log is held for this one record: several runs may share a directory. */
static bool answer_recorded(const struct command_line *line, const struct configuration *configuration,
                            const struct review_input *input, struct error *error, struct buffer *response,
                            struct admission_outcome *outcome)
{
    struct audit_log *log;
    struct audit_recorder recorder;
    struct error close_error;
    if (!audit_log_open(&line->audit.log, error, &log)) {
        outcome->has_failed_to_record = line->audit.log.is_required;
        return false;
    }
    audit_recorder_init(&recorder, log, &line->audit.log, line->audit.objects);
    bool is_answered = answer(line, configuration, input, &recorder.admission, error, response, outcome);
    audit_recorder_done(&recorder);
    if (is_answered)
        warn_of_loss(log);
    if (audit_log_close(log, &close_error) || !is_answered || !line->audit.log.is_required)
        return is_answered;
    outcome->has_failed_to_record = true;
    *error = close_error;
    return false;
}

/* The input first: it may be long in coming, and the log must not wait for it. */
static bool read_and_answer(const struct command_line *line, const struct configuration *configuration,
                            struct error *error, struct buffer *response, struct admission_outcome *outcome)
{
    struct review_input input = {.body = NULL};
    const char *path = line->operand_count ? line->operands[0] : INPUT_STANDARD;
    if (!input_read_text(path, ADMISSION_BODY_BYTES, error, &input.name, &input.body, &input.length))
        return false;
    bool is_answered = line->audit.log.directory
                           ? answer_recorded(line, configuration, &input, error, response, outcome)
                           : answer(line, configuration, &input, NULL, error, response, outcome);
    free(input.body);
    return is_answered;
}

static int review_with(const char *name, const struct command_line *line,
                       const struct configuration *configuration, struct buffer *response)
{
    struct error error;
    struct admission_outcome outcome = {.reason = ""};
    if (!read_and_answer(line, configuration, &error, response, &outcome)) {
        int exit_code = command_fail(name, &error);
        return outcome.has_failed_to_record ? COMMAND_INTERNAL : exit_code;
    }
    buffer_append_character(response, '\n');
    return command_finish(name, response, outcome.decision == INJECTION_DENIED ? COMMAND_DENIED : COMMAND_OK);
}

static int review(const char *name, const struct command_line *line)
{
    struct error error;
    struct configuration *configuration = NULL;
    if (!command_line_load_configuration(line, &error, &configuration))
        return command_fail(name, &error);
    /* A file at its limit is a failed write, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    struct buffer response = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    int exit_code = review_with(name, line, configuration, &response);
    buffer_done(&response);
    configuration_free(configuration);
    return exit_code;
}

static bool check(const struct command_line *line, struct error *error)
{
    return audit_options_check(&line->audit, error);
}

static int run(int argc, char **argv)
{
    static const struct command_definition definition = {
        .usage = usage,
        .syntax = {.options = TAKES_CONFIGURATION | TAKES_ENDPOINT | TAKES_AUDIT_LOG, .operand_limit = 1},
        .check = check,
        .act = review,
    };
    return command_line_run(&definition, argc, argv);
}

const struct command command_review = {
    .name = "review", .summary = "Answer an AdmissionReview as the server would", .run = run};
