#include "webhook/commands/explain.h"

#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/decisions.h"
#include "webhook/commands/terminal.h"

#include <string.h>

static const char usage[] =
    "Usage: openshell-injector explain [OPTION...] [FILE|-]...\n"
    "\n"
    "Says what the webhook does to each pod in the files (standard input without any), operation by\n"
    "operation with its reason, or why it skips or denies it. Reads YAML and JSON, many documents, and\n"
    "lists; decides by the same code as the server.\n"
    "\n"
    "  -o, --output text|json          text for people (default), or one JSON object a line\n"
    "      --namespace-annotation K=V  an annotation of the pod's namespace; may be repeated\n"
    "      --as USER                   decide as for a pod that USER creates (allowedCreators)\n"
    "      --as-group GROUP            and who is in GROUP; may be repeated\n"
    "      --config FILE               the configuration file\n"
    "  -h, --help                      this text\n"
    "\n"
    "Exit codes: 0 nothing denied, 1 a pod is denied, 2 wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector explain pod.yaml\n"
    "  openshell-injector explain --config injector.yaml -o json pod.yaml | jq -r '.operations[].reason'\n"
    "  kubectl get pod my-sandbox -o yaml | openshell-injector explain --topology sidecar\n";

static bool append_explanation(const struct explanation *explanation, bool is_json, struct error *error,
                               struct buffer *buffer)
{
    if (is_json)
        return explain_append_json(explanation, error, buffer);
    if (buffer->length)
        buffer_append_character(buffer, '\n');
    return explain_append_text(explanation, error, buffer);
}

static bool append_explanations(const struct decisions *decisions, bool is_json, struct error *error,
                                struct buffer *buffer)
{
    bool is_coloured = !is_json && terminal_has_colour(stdout);
    cJSON *before = decisions->before->child;
    for (size_t i = 0; i < decisions->count; i++, before = before->next) {
        const struct explanation explanation = {
            .object = &decisions->input.objects[i],
            .result = &decisions->results[i],
            .configuration = decisions->configuration,
            .before = before,
            .is_coloured = is_coloured,
        };
        if (!append_explanation(&explanation, is_json, error, buffer))
            return false;
    }
    return true;
}

static int explain(const char *name, const struct command_line *line)
{
    struct error error;
    struct decisions decisions;
    if (!decisions_make(line, true, &error, &decisions))
        return command_fail(name, &error);
    struct buffer buffer = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    int exit_code = decisions_deny(&decisions) ? COMMAND_DENIED : COMMAND_OK;
    if (append_explanations(&decisions, strcmp(line->format, "json") == 0, &error, &buffer))
        exit_code = command_finish(name, &buffer, exit_code);
    else
        exit_code = command_fail_output(name, &error);
    buffer_done(&buffer);
    decisions_done(&decisions);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const struct command_definition definition = {
        .usage = usage,
        .syntax = {.options = TAKES_FORMAT | TAKES_CONFIGURATION | TAKES_CREATOR,
                   .formats = formats,
                   .operand_limit = SIZE_MAX},
        .act = explain,
    };
    return command_line_run(&definition, argc, argv);
}

const struct command command_explain = {
    .name = "explain", .summary = "Say what the webhook does to a pod, and why", .run = run};
