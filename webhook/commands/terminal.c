#include "webhook/commands/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_has_colour(FILE *file)
{
    const char *refusal = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return !(refusal && *refusal) && terminal && strcmp(terminal, "dumb") != 0 && isatty(fileno(file));
}
