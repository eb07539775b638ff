/* The configuration file: from YAML to the values of the options, with the line of each.
 *
 * Private to webhook/injection/configuration*.c.
 */
#pragma once

#include "webhook/injection/configuration_option.h"

/* Called for each option that the file gives a value; `line` is 0 when it is not known (a JSON file). */
typedef void configuration_file_seen(void *context, const struct option *option, unsigned line);

/* Reads the file at `path` into `configuration`, whose other values stay. `text`, unless NULL, is what is in
 * it, and the file is not opened. Errors begin with `config "<path>" line <n>: <field>: `. On failure some
 * values may have been set. */
bool configuration_file_read(const char *path, const char *text, configuration_file_seen *seen, void *context,
                             struct configuration *configuration, struct error *error) _warn_unused_result_;
