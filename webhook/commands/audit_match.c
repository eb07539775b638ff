#include "common/json.h"
#include "webhook/audit/match.h"
#include "webhook/commands/audit.h"
#include "webhook/commands/audit_line.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"

#define NAME "audit match"
#define TEXT_BYTES (1024u * 1024)
#define DEFAULT_WEBHOOK "inject.injector.openshell.ai"

static const char usage[] =
    "Usage: openshell-injector audit match [OPTION...] DIR... --api-audit-log FILE...\n"
    "\n"
    "Holds the records of all replicas against the audit log of the API server, which has an anchor of each\n"
    "record: the annotation audit-record. Give every directory of records and every file of the API server\n"
    "that belong to the time in question; what one of them does not cover is counted, not judged.\n"
    "\n"
    "Findings:\n"
    "  unseen-pod       a labelled pod was admitted, and no decision of ours is with it\n"
    "  unrecorded       a decision of ours is with it, but it names no record\n"
    "  missing-record   it names a record that is not in DIR: altered or removed\n"
    "  different-patch  the API server applied another patch than the record has\n"
    "  other-request    it names a record of another pod, namespace, user or operation\n"
    "  reused-record    the API server has one record with several requests\n"
    "  unknown-record   a record that the API server never saw\n"
    "\n"
    "      --api-audit-log FILE   audit.k8s.io/v1 events, one a line; may be repeated. Level Request or\n"
    "                             RequestResponse for pods, else labels are not known\n"
    "      --webhook NAME         the mutating webhook's name (" DEFAULT_WEBHOOK ")\n"
    "  -o, --output text|json     for people (default), or one JSON object for each finding and one for the\n"
    "                             summary\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0 nothing found, 1 findings or lines that are no records, 2 wrong usage or input, or "
    "nothing to\n"
    "compare, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit match DIR --api-audit-log /var/log/kubernetes/audit.log\n"
    "  openshell-injector audit match replica-0 replica-1 --api-audit-log a.log --api-audit-log b.log\n";

struct matching {
    bool is_json;
    bool is_coloured;
};

static bool print(const struct buffer *text, struct error *error)
{
    if (!buffer_check(text, error))
        return false;
    return fwrite(buffer_string(text), 1, text->length, stdout) == text->length ||
           error_set(error, ERROR_INTERNAL, "standard output takes no more");
}

static void append_member(struct buffer *text, const char *key, const char *value)
{
    if (*value)
        json_append_member(text, key, value);
}

static void append_json(struct buffer *text, const struct match_finding *finding)
{
    buffer_append_string(text, "{\"type\":\"finding\"");
    append_member(text, "kind", match_kind_name(finding->kind));
    append_member(text, "time", finding->time);
    append_member(text, "namespace", finding->namespace_name);
    append_member(text, "pod", finding->pod);
    append_member(text, "user", finding->user);
    append_member(text, "auditID", finding->audit_id);
    append_member(text, "record", finding->record);
    append_member(text, "directory", finding->directory);
    buffer_append_string(text, "}\n");
}

static const char *explanation_of(enum match_kind kind)
{
    switch (kind) {
    case MATCH_UNSEEN_POD:
        return "admitted with the sandbox label, but no decision of the webhook is with it";
    case MATCH_UNRECORDED:
        return "the webhook decided, but its answer named no record";
    case MATCH_MISSING_RECORD:
        return "the API server was told of this record, which is not in the logs: altered or removed";
    case MATCH_DIFFERENT_PATCH:
        return "the API server applied another patch than the record has";
    case MATCH_OTHER_REQUEST:
        return "the record that the API server names is of another pod, namespace, user or operation";
    case MATCH_REUSED_RECORD:
        return "the record that the API server names is another request's already";
    case MATCH_UNKNOWN_RECORD:
        return "the API server never saw this record";
    case MATCH_KINDS:
        break;
    }
    return "";
}

/* "  word  text", unless there is none. */
static void append_fact(struct buffer *text, const char *word, const char *value)
{
    if (!*value)
        return;
    buffer_append_format(text, "  %-10s ", word);
    text_table_append_plain(text, value);
    buffer_append_character(text, '\n');
}

static void append_text(struct buffer *text, const struct match_finding *finding, bool is_coloured)
{
    buffer_append_format(text, "%s%s: ", is_coloured ? TERMINAL_RED : "", match_kind_name(finding->kind));
    text_table_append_plain(text, finding->namespace_name);
    buffer_append_character(text, '/');
    text_table_append_plain(text, finding->pod);
    buffer_append_format(text, "%s\n  %s\n", is_coloured ? TERMINAL_PLAIN : "",
                         explanation_of(finding->kind));
    append_fact(text, "time", finding->time);
    append_fact(text, "user", finding->user);
    append_fact(text, "audit id", finding->audit_id);
    append_fact(text, "record", finding->record);
    append_fact(text, "directory", finding->directory);
}

static bool tell(void *context, const struct match_finding *finding, struct error *error)
{
    const struct matching *matching = context;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(TEXT_BYTES);
    if (matching->is_json)
        append_json(&text, finding);
    else
        append_text(&text, finding, matching->is_coloured);
    return print(&text, error);
}

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    (void) context;
    fprintf(stderr, "openshell-injector " NAME ": %s%s\n", why->message,
            is_torn ? " (its writing did not end)" : "");
}

static size_t count_findings(const struct match_counts *counts)
{
    size_t count = 0;
    for (int kind = 0; kind < MATCH_KINDS; kind++)
        count += counts->findings[kind];
    return count;
}

static void append_summary_json(struct buffer *text, const struct match_counts *counts)
{
    buffer_append_format(text,
                         "{\"type\":\"summary\",\"records\":%zu,\"podCreations\":%zu,\"matched\":%zu,"
                         "\"reinvoked\":%zu,\"unanswered\":%zu,\"outside\":%zu,\"unlabelled\":%zu,"
                         "\"withoutObject\":%zu,\"withoutPatch\":%zu,\"cutShort\":%zu,\"unreadable\":%zu,"
                         "\"isCompared\":%s,\"errors\":%zu,"
                         "\"findings\":{",
                         counts->records, counts->events, counts->matched, counts->reinvoked,
                         counts->unanswered, counts->outside, counts->unlabelled, counts->without_object,
                         counts->without_patch, counts->cut_short, counts->unreadable,
                         match_has_compared(counts) ? "true" : "false", counts->errors);
    for (int kind = 0; kind < MATCH_KINDS; kind++)
        buffer_append_format(text, "%s\"%s\":%zu", kind ? "," : "", match_kind_name((enum match_kind) kind),
                             counts->findings[kind]);
    buffer_append_string(text, "}}\n");
}

static void append_summary_text(struct buffer *text, const struct match_counts *counts)
{
    buffer_append_format(text,
                         "%zu records, %zu pod creations in the API server's log: %zu records matched\n",
                         counts->records, counts->events, counts->matched);
    if (counts->reinvoked)
        buffer_append_format(text, "  %zu records of second calls for the same pod\n", counts->reinvoked);
    if (counts->unanswered)
        buffer_append_format(text, "  %zu records whose answer did not arrive\n", counts->unanswered);
    if (counts->errors)
        buffer_append_format(text, "  %zu records of errors, which are not judged\n", counts->errors);
    if (counts->outside)
        buffer_append_format(text, "  %zu from times that the other log does not cover\n", counts->outside);
    if (counts->without_object)
        buffer_append_format(text,
                             "  %zu pods whose labels are not known (log pods at level Request or more)\n",
                             counts->without_object);
    if (counts->without_patch)
        buffer_append_format(
            text, "  %zu records whose patch is not compared (log pods at level Request or more)\n",
            counts->without_patch);
    if (counts->cut_short)
        buffer_append_format(text, "  %zu files of the API server's log whose last line is not whole\n",
                             counts->cut_short);
    if (counts->unreadable)
        buffer_append_format(text, "  %zu lines of the records' logs that are no records\n",
                             counts->unreadable);
    buffer_append_format(text, "%zu findings\n", count_findings(counts));
}

static bool match_all(struct match *match, const struct audit_line *line, struct error *error,
                      struct match_counts *counts)
{
    for (size_t i = 0; i < line->operands.count; i++)
        if (!match_add_records(match, line->operands.items[i], error))
            return false;
    for (size_t i = 0; i < line->api_audit_logs.count; i++)
        if (!match_add_events(match, line->api_audit_logs.items[i], error))
            return false;
    return match_finish(match, error, counts);
}

static int summarize(const struct matching *matching, const struct match_counts *counts)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(TEXT_BYTES);
    if (matching->is_json)
        append_summary_json(&text, counts);
    else
        append_summary_text(&text, counts);
    if (count_findings(counts) || counts->unreadable)
        return command_finish(NAME, &text, COMMAND_DENIED);
    if (match_has_compared(counts))
        return command_finish(NAME, &text, COMMAND_OK);
    fprintf(stderr,
            "openshell-injector " NAME
            ": nothing was compared: the API server's log has no creation of a pod from the time of the "
            "records\n");
    return command_finish(NAME, &text, COMMAND_USAGE);
}

static bool check_line(const struct audit_line *line, struct error *error)
{
    if (!audit_line_check_format(line, error) ||
        !audit_line_check_operands(line, 1, AUDIT_LINE_VALUES, "directory", error))
        return false;
    return line->api_audit_logs.count > 0 || error_set(error, ERROR_INVALID, "no --api-audit-log given");
}

static int match_line(const struct audit_line *line)
{
    struct error error;
    struct match_counts counts;
    struct match *match;
    if (line->wants_help)
        return command_help(NAME, usage, false);
    if (!check_line(line, &error))
        return command_fail_usage(NAME, &error);
    struct matching matching = {.is_json = audit_line_is_json(line),
                                .is_coloured = terminal_has_colour(stdout)};
    const struct match_listener listener = {.tell = tell, .pass_over = pass_over, .context = &matching};
    if (!match_new(line->webhook ? line->webhook : DEFAULT_WEBHOOK, &listener, &error, &match))
        return command_fail(NAME, &error);
    bool is_matched = match_all(match, line, &error, &counts);
    match_free(match);
    return is_matched ? summarize(&matching, &counts) : command_fail(NAME, &error);
}

static int run(int argc, char **argv)
{
    struct error error;
    struct audit_line line;
    if (!audit_line_parse(argc, argv, "api-audit-log webhook output", &error, &line))
        return command_fail_usage(NAME, &error);
    int exit_code = match_line(&line);
    audit_line_done(&line);
    return exit_code;
}

const struct command command_audit_match = {
    .name = NAME, .summary = "Compare with the API server's audit log", .run = run};
