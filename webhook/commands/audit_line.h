/* The command line of `audit`'s subcommands: each names the options that it takes.
 *
 * Forms: `--name value`, `--name=value`, `-o value`; everything else is an operand. Not for: the other
 * commands, which take the configuration's flags (command_line.h).
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <stddef.h>

/* Most values of an option that may be repeated, and most operands. */
#define AUDIT_LINE_VALUES 1024

struct audit_values {
    const char **items; /* owned array */
    size_t count;
};

/* What was given. Strings belong to argv; NULL: not given. */
struct audit_line {
    bool wants_help;
    const char *format; /* --output: text or json, or a file */
    const char *since;
    const char *until;
    const char *namespace_name;
    const char *pod;
    const char *sandbox; /* id or name */
    const char *decision;
    const char *user;
    const char *uid;
    const char *configuration_file;
    const char *webhook;                /* its name in the API server's annotations */
    struct audit_values reviews;        /* --reviews, may be repeated */
    struct audit_values api_audit_logs; /* --api-audit-log, likewise */
    struct audit_values operands;
};

/* Reads `argv[1]` onwards; `accepted` lists the options taken, without dashes, separated by spaces.
 * ERROR_INVALID names the option, ERROR_NO_MEMORY. --help ends the reading. The caller owes
 * audit_line_done. */
bool audit_line_parse(int argc, char **argv, const char *accepted, struct error *error,
                      struct audit_line *line) _warn_unused_result_;

/* ERROR_INVALID unless there are at least `least` and at most `most` operands, called `what`. */
bool audit_line_check_operands(const struct audit_line *line, size_t least, size_t most, const char *what,
                               struct error *error) _warn_unused_result_;

/* ERROR_INVALID unless --output is text, json, or not given. */
bool audit_line_check_format(const struct audit_line *line, struct error *error) _warn_unused_result_;

/* Whether --output is json. */
bool audit_line_is_json(const struct audit_line *line);

/* Accepts a zeroed struct. */
void audit_line_done(struct audit_line *line);
