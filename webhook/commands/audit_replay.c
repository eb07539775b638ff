#include "webhook/audit/replay.h"

#include "common/json.h"
#include "common/version.h"
#include "webhook/admission/admission.h"
#include "webhook/audit/log_scan.h"
#include "webhook/audit/recorded_configurations.h"
#include "webhook/commands/audit.h"
#include "webhook/commands/audit_line.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/patch_diff.h"
#include "webhook/commands/review_files.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"

#include <string.h>

#define NAME "audit replay"
/* Longest text about one record. */
#define DIFFERENCE_BYTES (64u * 1024 * 1024)

static const char usage[] =
    "Usage: openshell-injector audit replay [OPTION...] DIR\n"
    "\n"
    "Decides each recorded decision again, by the server's own code with the recorded configuration, and\n"
    "compares: decision, reason, and the patch to the byte. The object comes from the record\n"
    "(--audit-objects whole) or from AdmissionReviews that were kept. The text does not show the values of\n"
    "OPENSHELL_USER_ENVIRONMENT.\n"
    "\n"
    "      --reviews FILE|DIR     AdmissionReviews (JSON, one or many), found by uid; may be repeated\n"
    "      --config FILE          with this configuration instead of the recorded ones\n"
    "      --uid UID              only the decision on this request\n"
    "  -o, --output text|json     what differs and a summary for people (default), or one JSON object for\n"
    "                             each difference and one for the summary\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0 all that was replayed is identical, 1 something differs, 2 nothing could be replayed, or\n"
    "wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit replay /var/log/openshell-injector\n"
    "  openshell-injector audit replay --reviews kept-reviews DIR\n"
    "  openshell-injector audit replay --config next.yaml DIR   # what would the next configuration "
    "change?\n";

struct replaying {
    const struct audit_line *line;
    bool is_json;
    bool is_coloured;
    struct recorded_configurations recorded;
    struct configuration *given; /* --config, or NULL */
    struct review_files reviews;
    struct buffer review;
    struct replay_result result;
    size_t decisions;
    size_t verdicts[REPLAY_VERDICTS];
    size_t unreadable;
};

static void append_answer(struct buffer *buffer, const char *decision, const char *reason)
{
    buffer_append_string(buffer, ": ");
    text_table_append_plain(buffer, decision);
    buffer_append_string(buffer, ", ");
    text_table_append_plain(buffer, reason);
    buffer_append_character(buffer, '\n');
}

static bool append_text(const struct replaying *replaying, const struct audit_visit *visit,
                        struct error *error, struct buffer *buffer)
{
    const struct audit_decision *decision = &visit->decision;
    const struct replay_result *result = &replaying->result;
    _cleanup_(cJSON_Deletep) cJSON *before = NULL, *after = NULL;
    buffer_append_format(buffer, "%srecord %lld: ", replaying->is_coloured ? TERMINAL_BOLD : "",
                         (long long) visit->record.sequence);
    text_table_append_plain(buffer, decision->namespace_name);
    buffer_append_character(buffer, '/');
    text_table_append_plain(buffer, audit_decision_pod_name(decision));
    buffer_append_string(buffer, ", uid ");
    text_table_append_plain(buffer, decision->uid);
    buffer_append_format(buffer, "%s\n", replaying->is_coloured ? TERMINAL_PLAIN : "");
    buffer_append_string(buffer, "  recorded by ");
    text_table_append_plain(buffer, visit->record.product);
    append_answer(buffer, decision->decision, decision->reason);
    buffer_append_string(buffer, "  replayed by " PRODUCT_IDENTIFIER);
    append_answer(buffer, result->decision, result->reason);
    if (!patch_diff_read(decision->patch, strlen(decision->patch), error, &before)) {
        if (error->code != ERROR_INVALID && error->code != ERROR_TOO_LARGE)
            return false;
        buffer_append_string(buffer, "  the recorded patch cannot be read\n");
    }
    size_t length = buffer->length;
    if (!patch_diff_read(result->patch.data, result->patch.length, error, &after) ||
        !patch_diff_append(before, after, replaying->is_coloured, error, buffer))
        return false;
    if (buffer->length == length && before && strcmp(decision->patch, buffer_string(&result->patch)) != 0)
        buffer_append_string(buffer, "  the patches say the same in other bytes\n");
    return buffer_check(buffer, error);
}

static void append_json(const struct replaying *replaying, const struct audit_visit *visit,
                        struct buffer *buffer)
{
    const struct audit_decision *decision = &visit->decision;
    const struct replay_result *result = &replaying->result;
    buffer_append_format(buffer, "{\"type\":\"difference\",\"sequence\":%lld",
                         (long long) visit->record.sequence);
    json_append_member(buffer, "uid", decision->uid);
    json_append_member(buffer, "namespace", decision->namespace_name);
    json_append_member(buffer, "pod", audit_decision_pod_name(decision));
    buffer_append_string(buffer, ",\"recorded\":{\"decision\":");
    json_append_string(buffer, decision->decision);
    json_append_member(buffer, "reason", decision->reason);
    json_append_member(buffer, "patch", decision->patch);
    buffer_append_string(buffer, "},\"replayed\":{\"decision\":");
    json_append_string(buffer, result->decision);
    json_append_member(buffer, "reason", result->reason);
    json_append_member(buffer, "patch", buffer_string(&result->patch));
    buffer_append_string(buffer, "}}\n");
}

static bool print(const struct buffer *buffer, struct error *error)
{
    if (!buffer_check(buffer, error))
        return false;
    return fwrite(buffer_string(buffer), 1, buffer->length, stdout) == buffer->length ||
           error_set(error, ERROR_INTERNAL, "standard output takes no more");
}

static bool print_difference(const struct replaying *replaying, const struct audit_visit *visit,
                             struct error *error)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(DIFFERENCE_BYTES);
    if (replaying->is_json)
        append_json(replaying, visit, &text);
    else if (!append_text(replaying, visit, error, &text))
        return false;
    return print(&text, error);
}

static bool visit(void *context, struct audit_visit *visit, struct error *error)
{
    struct replaying *replaying = context;
    const struct audit_decision *decision = &visit->decision;
    if (!visit->is_decision || (replaying->line->uid && strcmp(replaying->line->uid, decision->uid) != 0))
        return true;
    if (!review_files_find(&replaying->reviews, decision->uid, error, &replaying->review))
        return false;
    const struct replay_input input = {
        .decision = decision,
        .configuration = replaying->given
                             ? replaying->given
                             : recorded_configurations_find(&replaying->recorded, decision->configuration),
        .review = replaying->review.length ? replaying->review.data : NULL,
        .review_length = replaying->review.length,
    };
    if (!replay_decision(&input, error, &replaying->result))
        return error_prefix(error, "record %lld", (long long) visit->record.sequence);
    replaying->decisions++;
    replaying->verdicts[replaying->result.verdict]++;
    return replaying->result.verdict != REPLAY_DIFFERENT || print_difference(replaying, visit, error);
}

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    struct replaying *replaying = context;
    (void) is_torn;
    replaying->unreadable++;
    fprintf(stderr, "openshell-injector " NAME ": %s\n", why->message);
}

/* Those that could not be replayed, by why. */
static void append_reasons(const struct replaying *replaying, struct buffer *text)
{
    for (int verdict = REPLAY_NO_OBJECT; verdict < REPLAY_VERDICTS; verdict++) {
        size_t count = replaying->verdicts[verdict];
        if (count && replaying->is_json)
            buffer_append_format(text, ",\"%s\":%zu", replay_verdict_name((enum replay_verdict) verdict),
                                 count);
        else if (count)
            buffer_append_format(text, "  %zu not replayable: %s\n", count,
                                 replay_verdict_name((enum replay_verdict) verdict));
    }
}

static size_t count_replayed(const struct replaying *replaying)
{
    return replaying->verdicts[REPLAY_IDENTICAL] + replaying->verdicts[REPLAY_DIFFERENT];
}

static int summarize(const struct replaying *replaying)
{
    size_t identical = replaying->verdicts[REPLAY_IDENTICAL],
           different = replaying->verdicts[REPLAY_DIFFERENT];
    size_t rest = replaying->decisions - count_replayed(replaying);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(DIFFERENCE_BYTES);
    buffer_append_format(&text,
                         replaying->is_json
                             ? "{\"type\":\"summary\",\"decisions\":%zu,\"identical\":%zu,\"different\":%zu,"
                               "\"notReplayable\":%zu,\"unreadable\":%zu"
                             : "%zu decisions: %zu identical, %zu different, %zu not replayable, %zu lines "
                               "unreadable\n",
                         replaying->decisions, identical, different, rest, replaying->unreadable);
    append_reasons(replaying, &text);
    buffer_append_string(&text, replaying->is_json ? "}\n" : "");
    int success = different ? COMMAND_DENIED : count_replayed(replaying) ? COMMAND_OK : COMMAND_USAGE;
    return command_finish(NAME, &text, success);
}

static bool load_configurations(struct replaying *replaying, const char *directory, struct error *error)
{
    const char *file = replaying->line->configuration_file;
    if (!file)
        return recorded_configurations_read(directory, error, &replaying->recorded);
    const struct configuration_sources sources = {.file = file};
    return configuration_load(&sources, error, &replaying->given);
}

static bool replay(struct replaying *replaying, struct error *error)
{
    const char *directory = replaying->line->operands.items[0];
    const struct audit_visitor visitor = {.visit = visit, .pass_over = pass_over, .context = replaying};
    return load_configurations(replaying, directory, error) &&
           review_files_open(&replaying->line->reviews, error, &replaying->reviews) &&
           audit_log_scan(directory, &visitor, error);
}

static void replaying_done(struct replaying *replaying)
{
    recorded_configurations_done(&replaying->recorded);
    configuration_free(replaying->given);
    review_files_done(&replaying->reviews);
    buffer_done(&replaying->review);
    replay_result_done(&replaying->result);
}

static int replay_line(const struct audit_line *line)
{
    struct error error;
    if (line->wants_help)
        return command_help(NAME, usage, false);
    if (!audit_line_check_format(line, &error) || !audit_line_check_operands(line, 1, 1, "directory", &error))
        return command_fail_usage(NAME, &error);
    struct replaying replaying = {
        .line = line,
        .is_json = audit_line_is_json(line),
        .is_coloured = terminal_has_colour(stdout),
        .reviews = {.descriptor = -1},
        .review = BUFFER_INIT(ADMISSION_BODY_BYTES),
        .result = REPLAY_RESULT_INIT,
    };
    int exit_code = replay(&replaying, &error) ? summarize(&replaying) : command_fail(NAME, &error);
    replaying_done(&replaying);
    return exit_code;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct audit_line line;
    if (!audit_line_parse(argc, argv, "reviews config uid output", &error, &line))
        return command_fail_usage(NAME, &error);
    int exit_code = replay_line(&line);
    audit_line_done(&line);
    return exit_code;
}

const struct command command_audit_replay = {
    .name = NAME, .summary = "Decide again, and compare with the records", .run = run};
