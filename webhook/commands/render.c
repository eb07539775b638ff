#include "common/json.h"
#include "common/yaml.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/decisions.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/tree_diff.h"

#include <string.h>

static const char usage[] =
    "Usage: openshell-injector render [OPTION...] [FILE|-]...\n"
    "\n"
    "Reads Kubernetes objects (YAML or JSON, one or many documents, lists; standard input without a file)\n"
    "and prints them with every sandbox pod supervised, as the webhook would make it. Everything else\n"
    "passes through. If one pod is denied, nothing is printed but the denials, on standard error.\n"
    "\n"
    "  -o, --output FORMAT             yaml (default); json; patch: the JSON Patch of each object, one a\n"
    "                                  line; diff: what changes, field by field\n"
    "      --namespace-annotation K=V  an annotation of the pod's namespace; may be repeated\n"
    "      --as USER                   decide as for a pod that USER creates (allowedCreators)\n"
    "      --as-group GROUP            and who is in GROUP; may be repeated\n"
    "      --config FILE               the configuration file\n"
    "  -h, --help                      this text\n"
    "\n"
    "Exit codes: 0 done, 1 a pod is denied, 2 wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector render pod.yaml\n"
    "  openshell-injector render -o diff --config injector.yaml pod.yaml\n"
    "  kustomize build . | openshell-injector render --topology sidecar | kubectl apply -f -\n"
    "  openshell-injector render -o patch --sandbox-uid 1000 pod.json\n";

static bool append_yaml(const struct decisions *decisions, struct error *error, struct buffer *output)
{
    const struct input *input = &decisions->input;
    for (size_t i = 0; i < input->document_count; i++) {
        if (i)
            buffer_append_string(output, "---\n");
        if (!yaml_append_document(input->documents[i], error, output))
            return false;
    }
    return true;
}

static bool append_json(const struct decisions *decisions, struct error *error, struct buffer *output)
{
    const struct input *input = &decisions->input;
    for (size_t i = 0; i < input->document_count; i++) {
        _cleanup_(freep) char *text = NULL;
        if (!json_print(input->documents[i], true, error, &text))
            return false;
        buffer_append_string(output, text);
        buffer_append_character(output, '\n');
    }
    return true;
}

static bool append_patches(const struct decisions *decisions, struct error *error, struct buffer *output)
{
    for (size_t i = 0; i < decisions->count; i++) {
        if (!injection_append_patch(&decisions->results[i], output, error))
            return false;
        buffer_append_character(output, '\n');
    }
    return true;
}

static bool append_diff(const struct input_object *object, const cJSON *before, struct error *error,
                        struct buffer *output)
{
    bool is_coloured = terminal_has_colour(stdout);
    _cleanup_(cJSON_Deletep) cJSON *after = cJSON_Duplicate(object->value, true);
    if (!after)
        return error_set_no_memory(error);
    if (!masking_apply(after, error))
        return false;
    buffer_append_format(output, "%s--- %s: ", is_coloured ? TERMINAL_BOLD : "", object->place);
    decisions_append_name(object, output);
    buffer_append_format(output, "\n+++ the same, supervised%s\n", is_coloured ? TERMINAL_PLAIN : "");
    return tree_diff_append(before, after, is_coloured, error, output);
}

static bool append_diffs(const struct decisions *decisions, struct error *error, struct buffer *output)
{
    const cJSON *before = decisions->before->child;
    for (size_t i = 0; i < decisions->count; i++, before = before->next) {
        if (decisions->results[i].decision == INJECTION_INJECTED &&
            !append_diff(&decisions->input.objects[i], before, error, output))
            return false;
    }
    return true;
}

/* What -o accepts, and how each is written; in the same order. */
static const char *const formats[] = {"yaml", "json", "patch", "diff", NULL};
static bool (*const writers[])(const struct decisions *decisions, struct error *error,
                               struct buffer *output) = {
    append_yaml,
    append_json,
    append_patches,
    append_diffs,
};

static bool append_output(const struct decisions *decisions, const char *format, struct error *error,
                          struct buffer *output)
{
    size_t index = 0;
    while (strcmp(formats[index], format) != 0)
        index++;
    return writers[index](decisions, error, output);
}

static void print_denials(const struct input_object *object, const struct denial_list *denials)
{
    struct buffer name = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    decisions_append_name(object, &name);
    fprintf(stderr, "%s: %s is denied:\n", object->place, buffer_string(&name));
    buffer_done(&name);
    for (size_t i = 0; i < denials->count; i++) {
        const struct denial *denial = &denials->items[i];
        fprintf(stderr, "  %s: %s (%s)\n", denial->field, denial->message, denial->reason);
    }
    if (denials->dropped)
        fprintf(stderr, "  and %zu more\n", denials->dropped);
}

/* Denials and warnings; the output holds pods alone. */
static void print_remarks(const struct decisions *decisions)
{
    for (size_t i = 0; i < decisions->count; i++) {
        const struct input_object *object = &decisions->input.objects[i];
        const struct injection_result *result = &decisions->results[i];
        if (result->decision == INJECTION_DENIED)
            print_denials(object, &result->denials);
        if (result->warning)
            fprintf(stderr, "%s: warning: %s\n", object->place, result->warning);
    }
}

static int render(const char *name, const struct command_line *line)
{
    struct error error;
    struct decisions decisions;
    if (!decisions_make(line, strcmp(line->format, "diff") == 0, &error, &decisions))
        return command_fail(name, &error);
    print_remarks(&decisions);
    struct buffer output = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    int exit_code;
    if (decisions_deny(&decisions))
        exit_code = COMMAND_DENIED;
    else if (append_output(&decisions, line->format, &error, &output))
        exit_code = command_finish(name, &output, COMMAND_OK);
    else
        exit_code = command_fail_output(name, &error);
    buffer_done(&output);
    decisions_done(&decisions);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static const struct command_definition definition = {
        .usage = usage,
        .syntax = {.options = TAKES_FORMAT | TAKES_CONFIGURATION | TAKES_CREATOR,
                   .formats = formats,
                   .operand_limit = SIZE_MAX},
        .act = render,
    };
    return command_line_run(&definition, argc, argv);
}

const struct command command_render = {
    .name = "render", .summary = "Print pods as the webhook would make them", .run = run};
