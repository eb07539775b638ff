#include "webhook/audit/log_verification.h"
#include "webhook/commands/audit.h"
#include "webhook/commands/audit_line.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/report_page.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define NAME "audit report"
#define STANDARD_OUTPUT "-"
#define CHAIN_BYTES 4096u

static const char usage[] =
    "Usage: openshell-injector audit report DIR -o FILE\n"
    "\n"
    "Writes an audit log as one HTML file, which needs no network: totals, decisions over time, who created\n"
    "what, capabilities and images granted, the state of the chain, and each pod's change with every\n"
    "operation explained. It can be searched and filtered in a browser, printed, and read in essence\n"
    "without JavaScript. Values of the users' variables are not in it.\n"
    "\n"
    "  -o, --output FILE          the file, readable by its owner alone; - for standard output\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0 written, 2 wrong usage or input, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit report /var/log/openshell-injector -o report.html\n";

static void append_problem(struct buffer *text, const struct chain_problem *problem)
{
    if (!problem->is_found)
        return;
    if (problem->place.sequence)
        buffer_append_format(text, "Record %" PRIu64 ", %s line %zu: ", problem->place.sequence,
                             problem->place.file, problem->place.line);
    buffer_append_format(text, "%s.\n", problem->message);
}

/* As `audit verify` finds it without a key: whether it is the right one that signed, the log cannot tell. */
static struct report_chain describe_chain(const struct chain_check *check, struct buffer *text)
{
    const struct chain_totals *totals = &check->totals;
    struct report_chain chain = {.state = "intact", .title = "The chain of records is intact"};
    if (check->problem.is_found || check->loss.is_found)
        chain = (struct report_chain){.state = "broken", .title = "The chain of records is NOT intact"};
    else if (totals->checkpoints == 0)
        chain.state = "unsigned";
    append_problem(text, &check->problem);
    append_problem(text, &check->loss);
    buffer_append_format(text, "Chain %s, records %" PRIu64 " to %" PRIu64 ", ", check->chain, totals->first,
                         check->last.sequence);
    if (totals->checkpoints)
        buffer_append_format(text, "signed up to record %" PRIu64 " by key %s.\n", totals->signed_until,
                             check->key_id);
    else
        buffer_append_string(text, "not signed.\n");
    if (totals->gaps || totals->recoveries)
        buffer_append_format(text,
                             "%" PRIu64 " gaps with %" PRIu64 " decisions left unrecorded, %" PRIu64
                             " recoveries after a crash.\n",
                             totals->gaps, totals->dropped, totals->recoveries);
    buffer_append_string(text,
                         "audit verify --public-key compares the key with the one that you know, audit match "
                         "the records with the API server's own log.");
    chain.text = buffer_string(text);
    return chain;
}

static bool verify(const char *directory, struct error *error, struct buffer *text,
                   struct report_chain *chain)
{
    const struct log_verification_options options = {.directory = directory};
    struct log_verification verification;
    if (!log_verification_run(&options, error, &verification))
        return false;
    *chain = describe_chain(&verification.check, text);
    return buffer_check(text, error);
}

static bool write_page(const char *directory, FILE *file, struct error *error)
{
    struct report_data data;
    report_data_init(&data);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(CHAIN_BYTES);
    struct report_chain chain;
    bool is_written = report_data_collect(&data, directory, error) &&
                      verify(directory, error, &text, &chain) &&
                      report_page_write(&data, &chain, directory, time(NULL), file, error);
    report_data_done(&data);
    if (is_written && fflush(file) != 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot write");
    return is_written;
}

/* Through a file beside it, so that a failure leaves what was there before. */
static bool write_file(const char *directory, const char *path, struct error *error)
{
    _cleanup_(freep) char *beside = NULL;
    if (asprintf(&beside, "%s.%ld.new", path, (long) getpid()) < 0) {
        beside = NULL;
        return error_set_no_memory(error);
    }
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"%s\"", path);
    _cleanup_(fclosep) FILE *file = fdopen(descriptor, "w");
    if (!file) {
        close(descriptor);
        unlink(beside);
        return error_set_no_memory(error);
    }
    bool is_written = write_page(directory, file, error);
    if (is_written && rename(beside, path) != 0)
        is_written = error_set_errno(error, ERROR_IO, errno, "\"%s\"", path);
    if (!is_written)
        unlink(beside);
    return is_written;
}

static bool check_line(const struct audit_line *line, struct error *error)
{
    return audit_line_check_operands(line, 1, 1, "directory", error) &&
           (line->format || error_set(error, ERROR_INVALID, "no --output given"));
}

static int report_line(const struct audit_line *line)
{
    struct error error;
    if (line->wants_help)
        return command_help(NAME, usage, false);
    if (!check_line(line, &error))
        return command_fail_usage(NAME, &error);
    const char *directory = line->operands.items[0];
    bool is_written = strcmp(line->format, STANDARD_OUTPUT) == 0
                          ? write_page(directory, stdout, &error)
                          : write_file(directory, line->format, &error);
    return is_written ? COMMAND_OK : command_fail(NAME, &error);
}

static int run(int argc, char **argv)
{
    struct error error;
    struct audit_line line;
    if (!audit_line_parse(argc, argv, "output", &error, &line))
        return command_fail_usage(NAME, &error);
    int exit_code = report_line(&line);
    audit_line_done(&line);
    return exit_code;
}

const struct command command_audit_report = {
    .name = NAME, .summary = "Write a report as one HTML file", .run = run};
