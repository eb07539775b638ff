#include "common/json_arena.h"
#include "webhook/commands/command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_serve,  &command_render, &command_explain, &command_review,  &command_audit,
    &command_verify, &command_doctor, &command_certs,   &command_version,
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(FILE *file)
{
    fprintf(file, "Usage: openshell-injector COMMAND [OPTION...]\n\n"
                  "Turns sandbox pods into supervised pods.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(file, "\nopenshell-injector COMMAND --help explains a command.\n\nExamples:\n"
                  "  openshell-injector render -o diff pod.yaml\n"
                  "  openshell-injector explain pod.yaml\n"
                  "  openshell-injector serve --config injector.yaml\n");
}

int main(int argc, char **argv)
{
    json_arena_install();
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return COMMAND_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    fprintf(stderr, "openshell-injector: \"%s\" is no command; --help lists them\n", argv[1]);
    return COMMAND_USAGE;
}
