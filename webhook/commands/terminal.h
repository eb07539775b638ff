/* Colours, on a terminal only. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* True when `file` is a terminal that shows colours and NO_COLOR is not set (or empty). */
bool terminal_has_colour(FILE *file);

/* Sequences for what is added, removed, to be looked at, a heading, and the end of each. */
#define TERMINAL_GREEN "\033[32m"
#define TERMINAL_RED "\033[31m"
#define TERMINAL_YELLOW "\033[33m"
#define TERMINAL_BOLD "\033[1m"
#define TERMINAL_CYAN "\033[36m"
#define TERMINAL_PLAIN "\033[0m"
