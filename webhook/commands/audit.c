#include "webhook/commands/audit.h"

#include "common/cleanup.h"
#include "webhook/commands/command_report.h"

#include <string.h>

static const struct command *const subcommands[] = {
    &command_audit_show, &command_audit_verify, &command_audit_replay,
    &command_audit_diff, &command_audit_match,  &command_audit_report,
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof *subcommands)
#define HELP_BYTES 8192u
/* In front of every subcommand's name. */
#define FIRST_WORD "audit "

static int show_help(const char *name)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(HELP_BYTES);
    buffer_append_string(&text, "Usage: openshell-injector audit SUBCOMMAND [OPTION...]\n\n"
                                "Reads what `serve` and `review` record with --audit-directory.\n\n"
                                "Subcommands:\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        buffer_append_format(&text, "  %-8s %s\n", subcommands[i]->name + strlen(FIRST_WORD),
                             subcommands[i]->summary);
    buffer_append_string(&text, "\nopenshell-injector audit SUBCOMMAND --help explains a subcommand.\n");
    return command_finish(name, &text, COMMAND_OK);
}

static int run(int argc, char **argv)
{
    struct error error;
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return show_help(argv[0]);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (strcmp(name, subcommands[i]->name + strlen(FIRST_WORD)) == 0)
            return subcommands[i]->run(argc - 1, argv + 1);
    if (*name)
        error_set(&error, ERROR_INVALID, "\"%.60s\" is no subcommand", name);
    else
        error_set(&error, ERROR_INVALID, "no subcommand given");
    return command_fail_usage(argv[0], &error);
}

const struct command command_audit = {
    .name = "audit", .summary = "Read audit records: show, verify, replay, diff, match, report", .run = run};
