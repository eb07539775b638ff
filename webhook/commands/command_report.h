/* How a command ends: what it prints where, and its exit code. Not for: logs (common/log.h), which a server
 * writes. */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

/* Largest output of one call, all documents together. */
#define COMMAND_OUTPUT_BYTES (64u * 1024 * 1024)

/* The exit code (enum command_exit) for an error: wrong input is the caller's, the rest is ours. */
int command_exit_for(const struct error *error);

/* Prints "openshell-injector COMMAND: MESSAGE" on standard error; returns the exit code. */
int command_fail(const char *command, const struct error *error);

/* The same for a wrong command line, with a hint at --help. */
int command_fail_usage(const char *command, const struct error *error);

/* The same for an output that could not be made. */
int command_fail_output(const char *command, struct error *error);

/* Writes all of `output` to standard output, then returns `success`; or reports why it cannot, which is a
 * failure of the whole command. `output` may hold a failure of its own. */
int command_finish(const char *command, const struct buffer *output, int success);

/* Prints the help text of a command on standard output, with the configuration's flags where it takes them.
 * Returns the exit code. */
int command_help(const char *command, const char *usage, bool takes_configuration);
