#include "common/version.h"
#include "webhook/commands/command.h"

#include <stdio.h>

static int run(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "%s: takes no arguments\n", argv[0]);
        return COMMAND_USAGE;
    }
    return printf("%s %s\n", PRODUCT_NAME, PRODUCT_VERSION) > 0 ? COMMAND_OK : COMMAND_INTERNAL;
}

const struct command command_version = {.name = "version", .summary = "Print the version", .run = run};
