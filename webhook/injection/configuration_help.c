/* The part of --help that the table of options gives. Declared in configuration.h. */
#include "common/buffer.h"
#include "webhook/injection/configuration_option.h"

static void append_placeholder(const struct option *option, struct buffer *buffer)
{
    if (option_is_switch(option))
        return;
    buffer_append_character(buffer, ' ');
    if (option->placeholder)
        buffer_append_string(buffer, option->placeholder);
    else if (!option->choices)
        buffer_append_string(buffer, "true|false");
    for (size_t i = 0; option->choices && option->choices[i]; i++)
        buffer_append_format(buffer, "%s%s", i ? "|" : "", option->choices[i]);
}

static void append_option(const struct option *option, struct buffer *buffer)
{
    buffer_append_format(buffer, "  --%s", option->flag);
    append_placeholder(option, buffer);
    if (option->alias)
        buffer_append_format(buffer, ", --%s", option->alias);
    buffer_append_format(buffer, "  [%s]\n        %s", option->variable, option->help);
    if (option->fallback)
        buffer_append_format(buffer, " (%s)", option->fallback);
    buffer_append_character(buffer, '\n');
}

void configuration_append_help(struct buffer *buffer)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        if (configuration_options[i].flag)
            append_option(&configuration_options[i], buffer);
    }
}
