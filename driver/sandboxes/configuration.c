#include "driver/sandboxes/configuration.h"

#include "common/cleanup.h"
#include "common/environment.h"
#include "driver/sandboxes/configuration_check.h"
#include "driver/sandboxes/configuration_options.h"

#include <stdlib.h>
#include <string.h>

static bool read_arguments(struct driver_configuration *configuration, const char *const *arguments,
                           size_t count, struct error *error)
{
    for (size_t index = 0; index < count; index++) {
        const char *argument = strcmp(arguments[index], "-h") == 0 ? "--help" : arguments[index];
        if (strncmp(argument, "--", 2) != 0)
            return error_set(error, ERROR_INVALID, "unexpected argument \"%s\"; see --help", argument);
        const char *name = argument + 2;
        size_t length = strcspn(name, "=");
        const struct configuration_option *option = configuration_option_find(name, length);
        if (!option)
            return error_set(error, ERROR_INVALID, "unknown flag --%.*s; see --help", (int) length, name);
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        bool is_switch = option->kind == OPTION_SWITCH || option->kind == OPTION_BOOLEAN;
        /* As in `--flag` and `--flag false`: a word after a boolean belongs to it when it is one of its
         * values. */
        if (!value && option->kind == OPTION_BOOLEAN && index + 1 < count &&
            (strcmp(arguments[index + 1], "true") == 0 || strcmp(arguments[index + 1], "false") == 0))
            value = arguments[++index];
        if (!value && is_switch)
            value = "true";
        if (!value && ++index == count)
            return error_set(error, ERROR_INVALID, "--%s: needs a value", name);
        if (!value)
            value = arguments[index];
        if (!configuration_option_set(configuration, option, value, error))
            return error_prefix(error, "--%.*s", (int) length, name);
    }
    return true;
}

static bool read_environment(struct driver_configuration *configuration, char *const *environment,
                             struct error *error)
{
    for (size_t index = 0; index < configuration_option_count; index++) {
        const struct configuration_option *option = &configuration_options[index];
        const char *value = option->variable ? environment_find(environment, option->variable) : NULL;
        /* An empty variable is one that a manifest left out. */
        if (value && *value && !configuration_option_set(configuration, option, value, error))
            return error_prefix(error, "%s", option->variable);
    }
    return true;
}

static bool set_defaults(struct driver_configuration *configuration, struct error *error)
{
    for (size_t index = 0; index < configuration_option_count; index++) {
        if (!configuration_option_set(configuration, &configuration_options[index],
                                      configuration_options[index].fallback, error))
            return false;
    }
    return true;
}

DEFINE_POINTER_CLEANUP(struct driver_configuration *, driver_configuration_free)

bool driver_configuration_load(const char *const *arguments, size_t count, char *const *environment,
                               struct error *error, struct driver_configuration **configuration)
{
    _cleanup_(driver_configuration_freep) struct driver_configuration *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        return error_set_no_memory(error);
    if (!set_defaults(loaded, error) || !read_environment(loaded, environment, error) ||
        !read_arguments(loaded, arguments, count, error))
        return false;
    /* Who asks for help need not have a valid configuration. */
    if (!loaded->wants_help && !loaded->wants_version && !driver_configuration_check(loaded, error))
        return false;
    *configuration = take_pointer(&loaded);
    return true;
}

void driver_configuration_free(struct driver_configuration *configuration)
{
    if (!configuration)
        return;
    for (size_t index = 0; index < configuration_option_count; index++) {
        if (configuration_options[index].kind == OPTION_STRING)
            free(*(char **) configuration_option_field(configuration, &configuration_options[index]));
    }
    free(configuration);
}

void driver_configuration_append_help(struct buffer *buffer)
{
    for (size_t index = 0; index < configuration_option_count; index++) {
        const struct configuration_option *option = &configuration_options[index];
        buffer_append_format(buffer, "  %s--%s", strcmp(option->flags[0], "help") == 0 ? "-h, " : "",
                             option->flags[0]);
        for (size_t spelling = 1; spelling < OPTION_SPELLINGS && option->flags[spelling]; spelling++)
            buffer_append_format(buffer, ", --%s", option->flags[spelling]);
        if (option->variable)
            buffer_append_format(buffer, " (%s)", option->variable);
        buffer_append_format(buffer, "\n      %s", option->help);
        if (*option->fallback && option->kind != OPTION_SWITCH)
            buffer_append_format(buffer, " [%s]", option->fallback);
        buffer_append_character(buffer, '\n');
    }
}
