#include "webhook/commands/verify.h"

#include "common/json.h"
#include "common/names.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/terminal.h"

#include <string.h>

static const char usage[] =
    "Usage: openshell-injector verify [OPTION...] [FILE|-|DIRECTORY]...\n"
    "\n"
    "Compares stored pods with the configuration: which sandboxes run supervised as configured, which do\n"
    "not, and in which field. Without a file it asks the cluster for all pods labelled\n"
    "openshell.ai/managed-by=openshell; files hold YAML or JSON, many documents, lists.\n"
    "\n"
    "  -o, --output text|json          text for people (default), or one JSON object a line\n"
    "      --namespace NAME            the cluster's pods in this namespace only\n"
    "      --kubeconfig FILE           how to reach the cluster, and\n"
    "      --context NAME              which context of it\n"
    "      --namespace-annotation K=V  an annotation of the pods' namespace (the cluster's are read);\n"
    "                                  may be repeated\n"
    "      --config FILE               the configuration file\n"
    "  -h, --help                      this text\n"
    "\n"
    "Each pod is supervised (exactly as configured), outdated (it differs, and its annotations name another\n"
    "configuration or version), drifted (it differs although they name this one) or unsupervised (its agent\n"
    "does not start under the supervisor).\n"
    "\n"
    "Exit codes: 0 all are supervised as configured, 1 one is not, 2 wrong usage or input, 3 the cluster\n"
    "cannot be reached, or an internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector verify --config injector.yaml\n"
    "  openshell-injector verify --config injector.yaml --namespace openshell -o json | jq -r .state\n"
    "  kubectl get pods -A -l openshell.ai/managed-by=openshell -o yaml | openshell-injector verify -\n"
    "  openshell-injector verify --config injector.yaml --sandbox-uid 1000 saved-pods/\n";

/* Room for one more. */
static bool reserve(struct verify_results *results, struct error *error)
{
    if (results->count == VERIFY_PODS)
        return error_set(error, ERROR_TOO_LARGE, "more than %u sandbox pods", VERIFY_PODS);
    if (results->count < results->reserved)
        return true;
    size_t reserved = results->reserved ? 2 * results->reserved : 64;
    struct verified_pod *pods = realloc(results->pods, reserved * sizeof *pods);
    if (!pods)
        return error_set_no_memory(error);
    results->pods = pods;
    results->reserved = reserved;
    return true;
}

static void verified_pod_done(struct verified_pod *pod)
{
    free(pod->place);
    free(pod->namespace_name);
    free(pod->name);
    free(pod->sandbox);
    verification_done(&pod->verification);
}

void verify_results_clear(struct verify_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        verified_pod_done(&results->pods[i]);
    free(results->pods);
    *results = (struct verify_results){.configuration = results->configuration};
}

/* Copies what the pod is called; what is missing is "". */
static bool name_pod(struct verified_pod *verified, const char *place, const cJSON *pod, struct error *error)
{
    const cJSON *metadata = json_member(pod, "metadata");
    const cJSON *labels = json_member(metadata, "labels");
    const char *workspace = json_text(labels, LABEL_SANDBOX_WORKSPACE);
    verified->place = place ? strdup(place) : NULL;
    verified->namespace_name = strdup(json_text(metadata, "namespace"));
    verified->name = strdup(json_text(metadata, "name"));
    if (asprintf(&verified->sandbox, "%s/%s", *workspace ? workspace : WORKSPACE_DEFAULT,
                 json_text(labels, LABEL_SANDBOX_NAME)) < 0)
        verified->sandbox = NULL;
    return ((verified->place || !place) && verified->namespace_name && verified->name && verified->sandbox) ||
           error_set_no_memory(error);
}

bool verify_results_add(struct verify_results *results, const char *place, cJSON *pod,
                        const cJSON *namespace_annotations, struct error *error)
{
    struct verified_pod verified = {0};
    const struct verification_request request = {
        .pod = pod, .namespace_annotations = namespace_annotations, .configuration = results->configuration};
    if (!verification_concerns(pod))
        return true;
    if (!reserve(results, error))
        return false;
    if (!name_pod(&verified, place, pod, error) ||
        !verification_run(&request, error, &verified.verification)) {
        if (place)
            error_prefix(error, "%s", place);
        else
            error_prefix(error, "pod %s/%s", json_text(json_member(pod, "metadata"), "namespace"),
                         json_text(json_member(pod, "metadata"), "name"));
        verified_pod_done(&verified);
        return false;
    }
    results->pods[results->count++] = verified;
    results->states[verified.verification.state]++;
    return true;
}

/* What is about the cluster means nothing with files. */
static bool check_line(const struct command_line *line, struct error *error)
{
    if (line->operand_count && (line->kubeconfig || line->context || line->namespace_name))
        return error_set(error, ERROR_INVALID,
                         "--kubeconfig, --context and --namespace are about the cluster, which is not asked "
                         "when files are given");
    return true;
}

static bool look(const struct command_line *line, struct error *error, struct verify_results *results)
{
    return line->operand_count ? verify_files(line, error, results) : verify_cluster(line, error, results);
}

static int print_results(const char *name, const struct command_line *line,
                         const struct verify_results *results)
{
    struct error error;
    bool is_coloured = terminal_has_colour(stdout);
    bool is_json = strcmp(line->format, "json") == 0;
    if (!is_json && !verify_report_print_table(results, stdout, is_coloured, &error))
        return command_fail_output(name, &error);
    struct buffer output = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    if (is_json)
        verify_report_append_json(results, &output);
    else
        verify_report_append_details(results, is_coloured, &output);
    bool are_all_supervised = results->states[VERIFICATION_SUPERVISED] == results->count;
    int exit_code = command_finish(name, &output, are_all_supervised ? COMMAND_OK : COMMAND_DENIED);
    buffer_done(&output);
    return exit_code;
}

static int verify(const char *name, const struct command_line *line)
{
    struct error error;
    struct configuration *configuration = NULL;
    if (!command_line_load_configuration(line, &error, &configuration))
        return command_fail(name, &error);
    struct verify_results results = {.configuration = configuration};
    int exit_code =
        look(line, &error, &results) ? print_results(name, line, &results) : command_fail(name, &error);
    verify_results_clear(&results);
    configuration_free(configuration);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const struct command_definition definition = {
        .usage = usage,
        .syntax = {.options = TAKES_FORMAT | TAKES_CONFIGURATION | TAKES_CLUSTER,
                   .formats = formats,
                   .operand_limit = SIZE_MAX},
        .check = check_line,
        .act = verify,
    };
    return command_line_run(&definition, argc, argv);
}

const struct command command_verify = {
    .name = "verify", .summary = "Compare stored pods with the configuration", .run = run};
