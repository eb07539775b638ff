/* The subcommands of openshell-injector: one file each, which exports one `struct command`; main.c holds the
 * table. To add one: write the file, declare it here, add it to the table.
 */
#pragma once

/* Exit codes of every command. */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_DENIED = 1,   /* the pod is denied */
    COMMAND_USAGE = 2,    /* wrong usage or bad input */
    COMMAND_INTERNAL = 3, /* anything else that failed */
};

struct command {
    const char *name;
    const char *summary; /* one line for --help */
    /* `argv[0]` is the command's name. Returns an exit code. Handles --help itself. */
    int (*run)(int argc, char **argv);
};

extern const struct command command_audit;
extern const struct command command_certs;
extern const struct command command_doctor;
extern const struct command command_explain;
extern const struct command command_render;
extern const struct command command_review;
extern const struct command command_serve;
extern const struct command command_verify;
extern const struct command command_version;
