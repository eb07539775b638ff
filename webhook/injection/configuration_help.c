/* The part of --help that the table of options gives. Declared in configuration.h. */
#include "common/buffer.h"
#include "webhook/injection/configuration_option.h"

#include <string.h>

/* Where the explanation begins; a longer flag puts it after two spaces. */
#define HELP_COLUMN 42

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
    size_t start = buffer->length;
    buffer_append_format(buffer, "  --%s", option->flag);
    append_placeholder(option, buffer);
    size_t width = buffer->length - start;
    buffer_append_format(buffer, "%*s%s", width + 2 > HELP_COLUMN ? 2 : (int) (HELP_COLUMN - width), "",
                         option->help);
    if (option->fallback)
        buffer_append_format(buffer, " (%s)", option->fallback);
    buffer_append_format(buffer, " [%s, %s]\n", option->key, option->variable);
}

void configuration_append_help(struct buffer *buffer)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        if (configuration_options[i].flag)
            append_option(&configuration_options[i], buffer);
    }
}
