#include "webhook/commands/audit.h"

#include "common/json.h"
#include "webhook/admission/admission.h"
#include "webhook/audit/log_scan.h"
#include "webhook/audit/reasons.h"
#include "webhook/commands/audit_line.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/operation_words.h"
#include "webhook/commands/patch_diff.h"
#include "webhook/commands/review_files.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"
#include "webhook/commands/tree_diff.h"

#include <string.h>

#define NAME "audit diff"

static const char usage[] =
    "Usage: openshell-injector audit diff --uid UID [OPTION...] DIR\n"
    "\n"
    "Shows one pod before and after the recorded patch, then the patch operation by operation with what "
    "each\n"
    "does and its reason. Without the object (from the record, --audit-objects whole, or from a kept\n"
    "AdmissionReview) only the operations are shown. Values of OPENSHELL_USER_ENVIRONMENT are not shown.\n"
    "\n"
    "      --uid UID              of the request, as in `audit show -o json`\n"
    "      --reviews FILE|DIR     AdmissionReviews (JSON, one or many), found by uid; may be repeated\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0 shown, 2 no such record, wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit diff --uid 0a1b2c3d-0000-4000-8000-0123456789ab "
    "/var/log/openshell-injector\n";

struct diffing {
    const struct audit_line *line;
    bool is_coloured;
    bool is_found;
    struct reasons reasons;
    struct review_files reviews;
    struct buffer review;
    struct buffer output;
};

static void append_plain(struct buffer *output, const char *word, const char *text)
{
    if (!*text)
        return;
    buffer_append_format(output, "  %-14s ", word);
    text_table_append_plain(output, text);
    buffer_append_character(output, '\n');
}

static void append_heading(struct diffing *diffing, const struct audit_visit *visit)
{
    const struct audit_decision *decision = &visit->decision;
    struct buffer *output = &diffing->output;
    buffer_append_format(output, "%srecord %lld: ", diffing->is_coloured ? TERMINAL_BOLD : "",
                         (long long) visit->record.sequence);
    text_table_append_plain(output, decision->namespace_name);
    buffer_append_character(output, '/');
    text_table_append_plain(output, audit_decision_pod_name(decision));
    buffer_append_format(output, "%s\n", diffing->is_coloured ? TERMINAL_PLAIN : "");
    append_plain(output, "time", visit->record.time);
    append_plain(output, "endpoint", decision->endpoint);
    append_plain(output, "decision", decision->decision);
    append_plain(output, "reason", decision->reason);
    append_plain(output, "user", decision->user);
    append_plain(output, "configuration", decision->configuration);
    append_plain(output, "message", decision->message);
}

/* The operation as the injection has them. `*value` holds the text that it points to; cJSON_free. */
static bool read_operation(const struct diffing *diffing, const cJSON *tree, struct error *error,
                           struct injection_operation *operation, char **value)
{
    const char *reason;
    const char *path = cJSON_GetStringValue(json_member(tree, "path")); /* "" is one: the whole object */
    const cJSON *given = json_member(tree, "value");
    *value = NULL;
    if (!*json_text(tree, "op") || !path)
        return error_set(error, ERROR_INVALID, "patch: an operation has no op or path");
    if (!reasons_find(&diffing->reasons, tree, error, &reason) ||
        (given && !json_print(given, false, error, value)))
        return false;
    *operation = (struct injection_operation){
        .verb = json_text(tree, "op"),
        .path = path,
        .from = cJSON_GetStringValue(json_member(tree, "from")),
        .value = *value,
        .reason = reason ? reason : "no reason is known without the recorded configuration and object",
    };
    return true;
}

/* Shows one operation and does it on `pod`, or only shows it when there is none. */
static bool append_operation(struct diffing *diffing, cJSON *pod, const cJSON *tree, struct error *error)
{
    struct injection_operation operation;
    struct buffer *output = &diffing->output;
    _cleanup_(buffer_done) struct buffer words = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    char *value;
    if (!read_operation(diffing, tree, error, &operation, &value))
        return false;
    bool is_done = !pod || operation_words_append(pod, &operation, error, &words);
    buffer_append_format(output, "\n  %s ", operation.verb);
    if (operation.from) {
        text_table_append_plain(output, operation.from);
        buffer_append_string(output, " to ");
    }
    text_table_append_plain(output, operation.path);
    buffer_append_string(output, "\n");
    if (pod || operation.value) {
        buffer_append_string(output, "      ");
        text_table_append_plain(output, pod ? buffer_string(&words) : operation.value);
        buffer_append_string(output, "\n");
    }
    buffer_append_format(output, "      %s\n", operation.reason);
    cJSON_free(value);
    return is_done;
}

static bool append_operations(struct diffing *diffing, cJSON *pod, const cJSON *patch, struct error *error)
{
    for (const cJSON *operation = patch->child; operation; operation = operation->next) {
        if (append_operation(diffing, pod, operation, error))
            continue;
        /* Elsewhere a patch that does not apply is a fault of this program; here it is one of the record. */
        if (error->code == ERROR_INTERNAL)
            error->code = ERROR_INVALID;
        return error_prefix(error, "the recorded patch");
    }
    return true;
}

/* The tree after is shown first, although doing the operations makes it. */
static bool append_change(struct diffing *diffing, const cJSON *object, const cJSON *patch,
                          struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *before = cJSON_Duplicate(object, true);
    _cleanup_(cJSON_Deletep) cJSON *after = cJSON_Duplicate(object, true);
    _cleanup_(buffer_done) struct buffer head = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    if (!before || !after)
        return error_set_no_memory(error);
    buffer_append(&head, diffing->output.data, diffing->output.length);
    buffer_clear(&diffing->output);
    if (!masking_apply(before, error) || !masking_apply(after, error) ||
        !append_operations(diffing, after, patch, error) || !masking_apply(after, error))
        return false;
    buffer_append_character(&head, '\n');
    if (!tree_diff_append(before, after, diffing->is_coloured, error, &head))
        return false;
    buffer_append(&head, diffing->output.data, diffing->output.length);
    buffer_clear(&diffing->output);
    buffer_append(&diffing->output, head.data, head.length);
    return buffer_check(&head, error) && buffer_check(&diffing->output, error);
}

/* The object that was decided on: of the record, or of a kept review, whose tree is `*review`. */
static bool find_object(struct diffing *diffing, const struct audit_decision *decision, struct error *error,
                        cJSON **review, const cJSON **object)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    *review = NULL;
    *object = decision->object;
    if (*object)
        return true;
    if (!review_files_find(&diffing->reviews, decision->uid, error, &diffing->review))
        return false;
    if (diffing->review.length == 0)
        return true;
    if (!json_parse(diffing->review.data, diffing->review.length, &limits, error, review))
        return false;
    *object = json_member(json_member(*review, "request"), "object");
    return true;
}

static bool visit(void *context, struct audit_visit *visit, struct error *error)
{
    struct diffing *diffing = context;
    const struct audit_decision *decision = &visit->decision;
    _cleanup_(cJSON_Deletep) cJSON *patch = NULL, *review = NULL;
    const cJSON *object;
    if (!visit->is_decision || strcmp(decision->uid, diffing->line->uid) != 0)
        return true;
    diffing->is_found = true;
    if (!patch_diff_read(decision->patch, strlen(decision->patch), error, &patch) ||
        !find_object(diffing, decision, error, &review, &object) ||
        !reasons_learn_decision(&diffing->reasons, decision, object, patch, error) ||
        (!object && !masking_apply(patch, error)))
        return false;
    append_heading(diffing, visit);
    bool is_shown = object ? append_change(diffing, object, patch, error)
                           : append_operations(diffing, NULL, patch, error);
    if (is_shown &&
        fwrite(buffer_string(&diffing->output), 1, diffing->output.length, stdout) != diffing->output.length)
        return error_set(error, ERROR_INTERNAL, "standard output takes no more");
    buffer_clear(&diffing->output);
    return is_shown;
}

static bool show(struct diffing *diffing, struct error *error)
{
    const char *directory = diffing->line->operands.items[0];
    const struct audit_visitor visitor = {.visit = visit, .context = diffing};
    if (!reasons_open(&diffing->reasons, directory, error) ||
        !review_files_open(&diffing->line->reviews, error, &diffing->reviews) ||
        !audit_log_scan(directory, &visitor, error))
        return false;
    return diffing->is_found ||
           error_set(error, ERROR_NOT_FOUND, "no record of request %.80s", diffing->line->uid);
}

static void diffing_done(struct diffing *diffing)
{
    reasons_done(&diffing->reasons);
    review_files_done(&diffing->reviews);
    buffer_done(&diffing->review);
    buffer_done(&diffing->output);
}

static bool check_line(const struct audit_line *line, struct error *error)
{
    return audit_line_check_operands(line, 1, 1, "directory", error) &&
           (line->uid || error_set(error, ERROR_INVALID, "no --uid given"));
}

static int diff_line(const struct audit_line *line)
{
    struct error error;
    if (line->wants_help)
        return command_help(NAME, usage, false);
    if (!check_line(line, &error))
        return command_fail_usage(NAME, &error);
    struct diffing diffing = {
        .line = line,
        .is_coloured = terminal_has_colour(stdout),
        .reasons = REASONS_INIT,
        .reviews = {.descriptor = -1},
        .review = BUFFER_INIT(ADMISSION_BODY_BYTES),
        .output = BUFFER_INIT(COMMAND_OUTPUT_BYTES),
    };
    int exit_code = show(&diffing, &error) ? COMMAND_OK : command_fail(NAME, &error);
    diffing_done(&diffing);
    return exit_code;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct audit_line line;
    if (!audit_line_parse(argc, argv, "uid reviews", &error, &line))
        return command_fail_usage(NAME, &error);
    int exit_code = diff_line(&line);
    audit_line_done(&line);
    return exit_code;
}

const struct command command_audit_diff = {
    .name = NAME, .summary = "Show a pod before and after, with reasons", .run = run};
