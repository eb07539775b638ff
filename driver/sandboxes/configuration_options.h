/* The driver's options: their flags, variables, defaults and help, and how a value's text is read. Internal
 * to configuration.c.
 *
 * Not for: which combinations of values make sense (configuration_check.h).
 */
#pragma once

#include "driver/sandboxes/configuration.h"

#define OPTION_SPELLINGS 3

enum option_kind { OPTION_STRING, OPTION_BOOLEAN, OPTION_SWITCH, OPTION_COUNT, OPTION_MODE, OPTION_LEVEL };

struct configuration_option {
    const char *flags[OPTION_SPELLINGS]; /* without dashes; all NULL: environment only */
    const char *variable;                /* NULL: flag only */
    enum option_kind kind;
    size_t offset; /* in struct driver_configuration */
    const char *fallback;
    const char *help;
};

extern const struct configuration_option configuration_options[];
extern const size_t configuration_option_count;

/* Finds an option by a flag's name, without dashes, of `length` bytes; NULL: there is none. */
const struct configuration_option *configuration_option_find(const char *name, size_t length);

/* Where the option's value is kept. */
void *configuration_option_field(struct driver_configuration *configuration,
                                 const struct configuration_option *option);

/* Reads a value. A string replaces the one before, which must be the configuration's own or NULL.
 * ERROR_INVALID says what would be accepted, without the option's name. */
bool configuration_option_set(struct driver_configuration *configuration,
                              const struct configuration_option *option, const char *value,
                              struct error *error) _warn_unused_result_;
