#include "webhook/commands/command_report.h"

#include "webhook/commands/command.h"
#include "webhook/injection/configuration.h"

#include <errno.h>
#include <stdio.h>

#define HELP_BYTES (64u * 1024)

int command_exit_for(const struct error *error)
{
    switch (error->code) {
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
    case ERROR_NOT_FOUND:
    case ERROR_ALREADY_EXISTS:
    case ERROR_FAILED_PRECONDITION:
    case ERROR_PERMISSION_DENIED:
    case ERROR_IO:
        return COMMAND_USAGE;
    default:
        return COMMAND_INTERNAL;
    }
}

int command_fail(const char *command, const struct error *error)
{
    fprintf(stderr, "openshell-injector %s: %s\n", command, error->message);
    return command_exit_for(error);
}

int command_fail_usage(const char *command, const struct error *error)
{
    int exit_code = command_fail(command, error);
    fprintf(stderr, "openshell-injector %s --help shows how it is used.\n", command);
    return exit_code;
}

int command_fail_output(const char *command, struct error *error)
{
    error_prefix(error, "the output");
    return command_fail(command, error);
}

int command_finish(const char *command, const struct buffer *output, int success)
{
    struct error error;
    if (!buffer_check(output, &error))
        return command_fail_output(command, &error);
    if (fwrite(buffer_string(output), 1, output->length, stdout) == output->length && fflush(stdout) == 0)
        return success;
    error_set_errno(&error, ERROR_INTERNAL, errno, "standard output");
    return command_fail(command, &error);
}

int command_help(const char *command, const char *usage, bool takes_configuration)
{
    struct buffer text = BUFFER_INIT(HELP_BYTES);
    buffer_append_string(&text, usage);
    if (takes_configuration) {
        buffer_append_string(&text, "\nOptions of the configuration, which win over environment and file:\n");
        configuration_append_help(&text);
    }
    int exit_code = command_finish(command, &text, COMMAND_OK);
    buffer_done(&text);
    return exit_code;
}
