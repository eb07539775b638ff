#include "webhook/audit/log_scan.h"
#include "webhook/commands/audit.h"
#include "webhook/commands/audit_filter.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NAME "audit show"

static const char usage[] =
    "Usage: openshell-injector audit show [OPTION...] DIR\n"
    "\n"
    "Shows the records of an audit log, the oldest first. It does not say whether the log is intact: that\n"
    "is for `audit verify`.\n"
    "\n"
    "      --since TIME           from this time on: 2026-11-23T18:57:50Z, 2026-11-23 (UTC), or so long ago: "
    "12h\n"
    "      --until TIME           before this time\n"
    "      --namespace NAME       of the pod\n"
    "      --pod NAME             the pod's name, or its generateName\n"
    "      --sandbox NAME         the sandbox's id or name\n"
    "      --decision WORD        injected, unchanged, skipped, denied or error\n"
    "      --user NAME            who created the pod\n"
    "  -o, --output text|json     a table (default), or the records as they stand, one a line\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0 shown, 1 a line of the log is no record, 2 wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit show --decision denied --since 1d /var/log/openshell-injector\n"
    "  openshell-injector audit show -o json --sandbox demo DIR | jq -r .reason\n";

struct show {
    struct audit_filter filter;
    struct text_table table;
    bool is_json;
    bool has_unreadable;
};

#define SEQUENCE_BYTES 24
#define CELL_BYTES 1024

/* "2026-11-23T18:57:50.000000Z" without the fraction, for people. */
static void cut_time(const char *text, char *cell, size_t size)
{
    snprintf(cell, size, "%.*s", (int) strcspn(text, "."), text);
    if (text[strcspn(text, ".")])
        strncat(cell, "Z", size - strlen(cell) - 1);
}

static const char *colour_of(const struct audit_visit *visit)
{
    if (!visit->is_decision)
        return TERMINAL_CYAN;
    const char *decision = visit->decision.decision;
    if (strcmp(decision, "denied") == 0 || strcmp(decision, "error") == 0)
        return TERMINAL_RED;
    return strcmp(decision, "injected") == 0 ? TERMINAL_GREEN : NULL;
}

static bool add_row(struct show *show, const struct audit_visit *visit, struct error *error)
{
    const struct audit_decision *decision = &visit->decision;
    char time_cell[CELL_BYTES], sequence[SEQUENCE_BYTES], pod[CELL_BYTES], word[CELL_BYTES];
    cut_time(visit->record.time, time_cell, sizeof time_cell);
    snprintf(sequence, sizeof sequence, "%lld", (long long) visit->record.sequence);
    if (!visit->is_decision) {
        const struct text_table_row row = {
            .cells = {sequence, time_cell, visit->record.type, "", "", "", ""},
            .colour = colour_of(visit),
        };
        return text_table_add(&show->table, &row, error);
    }
    snprintf(pod, sizeof pod, "%s/%s%s", decision->namespace_name, audit_decision_pod_name(decision),
             *decision->pod ? "" : "*");
    snprintf(word, sizeof word, "%s%s", decision->decision, decision->is_dry_run ? " (dry run)" : "");
    const struct text_table_row row = {
        .cells = {sequence, time_cell, word, decision->reason, pod, decision->sandbox_name, decision->user},
        .colour = colour_of(visit),
    };
    return text_table_add(&show->table, &row, error);
}

static bool print_line(const struct audit_log_line *line, struct error *error)
{
    if (fwrite(line->text, 1, line->length, stdout) == line->length && putchar('\n') != EOF)
        return true;
    return error_set_errno(error, ERROR_INTERNAL, errno, "standard output");
}

static bool visit(void *context, struct audit_visit *visit, struct error *error)
{
    struct show *show = context;
    const struct audit_decision *decision = visit->is_decision ? &visit->decision : NULL;
    if (!audit_filter_accepts(&show->filter, &visit->record, decision))
        return true;
    return show->is_json ? print_line(visit->line, error) : add_row(show, visit, error);
}

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    struct show *show = context;
    show->has_unreadable = true;
    fprintf(stderr, "openshell-injector " NAME ": %s%s\n", why->message,
            is_torn ? " (its writing did not end)" : "");
}

static bool show_records(struct show *show, const char *directory, struct error *error)
{
    static const struct text_table_row heading = {
        .cells = {"SEQUENCE", "TIME", "DECISION", "REASON", "POD", "SANDBOX", "USER"},
        .colour = TERMINAL_BOLD,
    };
    const struct audit_visitor visitor = {.visit = visit, .pass_over = pass_over, .context = show};
    if (!show->is_json && !text_table_add(&show->table, &heading, error))
        return false;
    return audit_log_scan(directory, &visitor, error) && text_table_finish(&show->table, error);
}

static bool read_line(const struct audit_line *line, struct error *error, struct show *show)
{
    show->is_json = audit_line_is_json(line);
    return audit_line_check_format(line, error) &&
           audit_line_check_operands(line, 1, 1, "directory", error) &&
           audit_filter_init(line, time(NULL), error, &show->filter);
}

static int show_line(const struct audit_line *line)
{
    struct error error;
    struct show show = {0};
    if (line->wants_help)
        return command_help(NAME, usage, false);
    if (!read_line(line, &error, &show))
        return command_fail_usage(NAME, &error);
    text_table_init(&show.table, stdout, terminal_has_colour(stdout), 7);
    bool is_shown = show_records(&show, line->operands.items[0], &error);
    text_table_done(&show.table);
    if (!is_shown)
        return command_fail(NAME, &error);
    return show.has_unreadable ? COMMAND_DENIED : COMMAND_OK;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct audit_line line;
    if (!audit_line_parse(argc, argv, AUDIT_FILTER_OPTIONS "output", &error, &line))
        return command_fail_usage(NAME, &error);
    int exit_code = show_line(&line);
    audit_line_done(&line);
    return exit_code;
}

const struct command command_audit_show = {.name = NAME, .summary = "Show records", .run = run};
