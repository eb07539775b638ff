/* The command line of render, explain, review, verify, doctor and version: which options a command takes,
 * what was given, and the way from there to what the command does. The options that shape pods are the
 * configuration's own flags (webhook/injection/configuration.h); this module hands them on unread.
 *
 * Forms: `--name value`, `--name=value`, `-o value`, `-ovalue`; `--` ends the options, `-` is an operand. A
 * switch may be given a value too: `--name`, `--name=false`, `--name false`.
 */
#pragma once

#include "common/cleanup.h"
#include "webhook/admission/admission.h"
#include "webhook/commands/audit_options.h"
#include "webhook/injection/configuration.h"

#include <cjson/cJSON.h>

/* Groups of options that a command takes beside --help. */
enum command_options {
    TAKES_FORMAT = 1,        /* --output, -o */
    TAKES_CONFIGURATION = 2, /* --config, the configuration's flags, --namespace-annotation */
    TAKES_CREATOR = 4,       /* --as, --as-group */
    TAKES_ENDPOINT = 8,      /* --endpoint */
    TAKES_CLUSTER = 16,      /* --kubeconfig, --context, --namespace */
    TAKES_AUDIT_LOG = 32,    /* --audit-directory and what goes with it */
    TAKES_REGISTRATION = 64, /* --mutating-configuration, --validating-configuration */
};

struct command_syntax {
    unsigned options;           /* of enum command_options */
    const char *const *formats; /* with TAKES_FORMAT: ended by NULL, the default first */
    size_t operand_limit;       /* most operands */
};

/* What was given. Strings belong to argv. */
struct command_line {
    bool wants_help;
    const char *format;               /* one of the syntax's; NULL without TAKES_FORMAT */
    const char *configuration_file;   /* NULL: none */
    struct configuration_flag *flags; /* owned, their names too */
    size_t flag_count;
    cJSON *namespace_annotations; /* owned; NULL: none */
    const char *user_name;        /* NULL: not given */
    cJSON *user_groups;           /* owned; NULL: none */
    enum admission_endpoint endpoint;
    const char *kubeconfig; /* this and the next two: NULL when not given */
    const char *context;
    const char *namespace_name;
    const char *mutating_configuration; /* this and the next one: NULL when not given */
    const char *validating_configuration;
    struct audit_options audit;
    const char **operands; /* owned array */
    size_t operand_count;
};

/* Reads `argv[1]` onwards; `argv[0]` is the command's name. Fails with ERROR_INVALID that names the option or
 * the operand, or ERROR_NO_MEMORY. --help ends the reading: what follows is not looked at. The caller owns
 * `*line` (command_line_done). */
bool command_line_parse(const struct command_syntax *syntax, int argc, char **argv, struct error *error,
                        struct command_line *line) _warn_unused_result_;

/* Loads the configuration that the command line, the environment and the file make together. The caller owns
 * `*configuration` (configuration_free). */
bool command_line_load_configuration(const struct command_line *line, struct error *error,
                                     struct configuration **configuration) _warn_unused_result_;

/* Releases everything; accepts a zeroed struct. */
void command_line_done(struct command_line *line);

/* What a command does with its line. */
struct command_definition {
    const char *usage;
    struct command_syntax syntax;
    /* What the syntax cannot say of a line; an error is wrong usage. NULL: nothing. */
    bool (*check)(const struct command_line *line, struct error *error);
    /* Does it, and returns an exit code. `name` is the command's. */
    int (*act)(const char *name, const struct command_line *line);
};

/* The `run` of such a command (command.h): reads the line, then prints the help when it is asked for, or
 * checks the line and acts. A line that is refused is reported on standard error. Returns an exit code. */
int command_line_run(const struct command_definition *definition, int argc, char **argv);
