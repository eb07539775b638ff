#include "webhook/commands/command_line.h"

#include "webhook/commands/command_report.h"

#include <stddef.h>
#include <string.h>

/* Longest option name, with room to spare. */
#define OPTION_NAME_BYTES 128

#define AT(member) offsetof(struct command_line, member)

/* The arguments as they are used up. */
struct arguments {
    const struct command_syntax *syntax;
    int count;
    char **items;
    int at; /* the next one */
    struct error *error;
    struct command_line *line;
};

/* An option as it was given. */
struct given_option {
    char name[OPTION_NAME_BYTES]; /* without dashes */
    const char *value;            /* behind `=`, or NULL */
};

static bool take_help(struct arguments *arguments, const char *value)
{
    (void) value;
    arguments->line->wants_help = true;
    return true;
}

static bool take_format(struct arguments *arguments, const char *value)
{
    struct buffer list = BUFFER_INIT(ERROR_MESSAGE_BYTES);
    for (const char *const *format = arguments->syntax->formats; *format; format++) {
        if (strcmp(*format, value) == 0) {
            arguments->line->format = *format;
            buffer_done(&list);
            return true;
        }
        buffer_append_format(&list, "%s%s", list.length ? ", " : "", *format);
    }
    error_set(arguments->error, ERROR_INVALID, "--output: \"%.60s\" is none of %s", value,
              buffer_string(&list));
    buffer_done(&list);
    return false;
}

static bool take_namespace_annotation(struct arguments *arguments, const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return error_set(arguments->error, ERROR_INVALID,
                         "--namespace-annotation: \"%.100s\" must be KEY=VALUE", value);
    cJSON **annotations = &arguments->line->namespace_annotations;
    if (!*annotations && !(*annotations = cJSON_CreateObject()))
        return error_set_no_memory(arguments->error);
    _cleanup_(freep) char *key = strndup(value, (size_t) (equals - value));
    if (!key)
        return error_set_no_memory(arguments->error);
    cJSON_DeleteItemFromObjectCaseSensitive(*annotations, key);
    if (!cJSON_AddStringToObject(*annotations, key, equals + 1))
        return error_set_no_memory(arguments->error);
    return true;
}

static bool take_group(struct arguments *arguments, const char *value)
{
    cJSON **groups = &arguments->line->user_groups;
    if (!*groups && !(*groups = cJSON_CreateArray()))
        return error_set_no_memory(arguments->error);
    cJSON *group = cJSON_CreateString(value);
    if (!group)
        return error_set_no_memory(arguments->error);
    cJSON_AddItemToArray(*groups, group);
    return true;
}

static bool take_endpoint(struct arguments *arguments, const char *value)
{
    if (strcmp(value, "mutate") == 0)
        arguments->line->endpoint = ADMISSION_MUTATE;
    else if (strcmp(value, "validate") == 0)
        arguments->line->endpoint = ADMISSION_VALIDATE;
    else
        return error_set(arguments->error, ERROR_INVALID, "--endpoint: \"%.60s\" is none of mutate, validate",
                         value);
    return true;
}

/* The commands' own options. One without `take` is a text that is kept as it is. */
static const struct own_option {
    const char *name;
    char letter;    /* 0: none */
    unsigned group; /* 0: every command takes it */
    bool takes_value;
    bool (*take)(struct arguments *arguments, const char *value);
    size_t offset;  /* of a text in struct command_line */
    bool is_a_name; /* a text that must not be empty */
} own_options[] = {
    {"help", 'h', 0, false, take_help, 0, false},
    {"output", 'o', TAKES_FORMAT, true, take_format, 0, false},
    {"config", 0, TAKES_CONFIGURATION, true, NULL, AT(configuration_file), false},
    {"namespace-annotation", 0, TAKES_CONFIGURATION, true, take_namespace_annotation, 0, false},
    {"as", 0, TAKES_CREATOR, true, NULL, AT(user_name), false},
    {"as-group", 0, TAKES_CREATOR, true, take_group, 0, false},
    {"endpoint", 0, TAKES_ENDPOINT, true, take_endpoint, 0, false},
    {"kubeconfig", 0, TAKES_CLUSTER, true, NULL, AT(kubeconfig), false},
    {"context", 0, TAKES_CLUSTER, true, NULL, AT(context), false},
    {"namespace", 0, TAKES_CLUSTER, true, NULL, AT(namespace_name), true},
    {"mutating-configuration", 0, TAKES_REGISTRATION, true, NULL, AT(mutating_configuration), true},
    {"validating-configuration", 0, TAKES_REGISTRATION, true, NULL, AT(validating_configuration), true},
};

#define OWN_OPTIONS (sizeof own_options / sizeof *own_options)

static const struct own_option *find_own_option(const struct command_syntax *syntax, const char *name)
{
    for (size_t i = 0; i < OWN_OPTIONS; i++) {
        const struct own_option *option = &own_options[i];
        bool is_letter = option->letter && name[0] == option->letter && name[1] == '\0';
        bool is_taken = (option->group & syntax->options) == option->group;
        if (is_taken && (is_letter || strcmp(option->name, name) == 0))
            return option;
    }
    return NULL;
}

/* The value of an option that needs one: behind `=`, or the next argument. */
static bool require_value(struct arguments *arguments, const struct given_option *given, const char *shown,
                          const char **value)
{
    if (!given->value && arguments->at == arguments->count)
        return error_set(arguments->error, ERROR_INVALID, "%s: needs a value", shown);
    *value = given->value ? given->value : arguments->items[arguments->at++];
    return true;
}

static bool take_own_option(struct arguments *arguments, const struct own_option *option,
                            const struct given_option *given, const char *shown)
{
    const char *value = NULL;
    if (!option->takes_value && given->value)
        return error_set(arguments->error, ERROR_INVALID, "%s: takes no value", shown);
    if (option->takes_value && !require_value(arguments, given, shown, &value))
        return false;
    if (option->take)
        return option->take(arguments, value);
    if (option->is_a_name && !*value)
        return error_set(arguments->error, ERROR_INVALID, "%s: must not be empty", shown);
    *(const char **) (void *) ((char *) arguments->line + option->offset) = value;
    return true;
}

/* A switch's value: as given, or a following word that can be nothing else, or true. */
static const char *switch_value(struct arguments *arguments, const struct given_option *given)
{
    if (given->value)
        return given->value;
    const char *next = arguments->at < arguments->count ? arguments->items[arguments->at] : "";
    if (strcmp(next, "true") == 0 || strcmp(next, "false") == 0)
        return arguments->items[arguments->at++];
    return "true";
}

/* The name is copied: with `--name=value` it does not end in argv. */
static bool add_flag(struct arguments *arguments, const char *name, const char *value)
{
    struct command_line *line = arguments->line;
    struct configuration_flag *flags = realloc(line->flags, (line->flag_count + 1) * sizeof *flags);
    if (!flags)
        return error_set_no_memory(arguments->error);
    line->flags = flags;
    char *copy = strdup(name);
    if (!copy)
        return error_set_no_memory(arguments->error);
    flags[line->flag_count++] = (struct configuration_flag){.name = copy, .value = value};
    return true;
}

static bool take_audit_option(struct arguments *arguments, const struct given_option *given, bool is_switch,
                              const char *shown)
{
    const char *value = NULL;
    if (is_switch)
        value = switch_value(arguments, given);
    else if (!require_value(arguments, given, shown, &value))
        return false;
    return audit_options_set(&arguments->line->audit, given->name, value, arguments->error);
}

static bool take_flag(struct arguments *arguments, const struct given_option *given, const char *shown)
{
    bool takes_value = false, is_switch;
    const char *value = NULL;
    if ((arguments->syntax->options & TAKES_AUDIT_LOG) && audit_options_know(given->name, &is_switch))
        return take_audit_option(arguments, given, is_switch, shown);
    if (!(arguments->syntax->options & TAKES_CONFIGURATION) ||
        !configuration_is_flag(given->name, &takes_value))
        return error_set(arguments->error, ERROR_INVALID, "unknown option %s", shown);
    if (!takes_value)
        return add_flag(arguments, given->name, switch_value(arguments, given));
    return require_value(arguments, given, shown, &value) && add_flag(arguments, given->name, value);
}

/* A letter follows one dash, a name two; `-output` and `--o` are neither. */
static bool take_option(struct arguments *arguments, bool is_long, const struct given_option *given)
{
    char shown[OPTION_NAME_BYTES + 2];
    snprintf(shown, sizeof shown, "%s%s", is_long ? "--" : "-", given->name);
    bool has_letter = given->name[1] == '\0';
    if (is_long == has_letter)
        return error_set(arguments->error, ERROR_INVALID, "unknown option %s", shown);
    const struct own_option *option = find_own_option(arguments->syntax, given->name);
    return option ? take_own_option(arguments, option, given, shown) : take_flag(arguments, given, shown);
}

/* `--name=value`, `--name`, `-o`, `-ovalue` into name and value. */
static bool split_option(struct arguments *arguments, const char *argument, struct given_option *given)
{
    bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    size_t length = is_long ? strcspn(name, "=") : 1;
    if (length == 0 || length >= sizeof given->name)
        return error_set(arguments->error, ERROR_INVALID, "unknown option %.80s", argument);
    memcpy(given->name, name, length);
    given->name[length] = '\0';
    given->value = NULL;
    if (name[length])
        given->value = name + length + (name[length] == '=');
    return true;
}

static bool take_argument(struct arguments *arguments, const char *argument)
{
    struct given_option given;
    return split_option(arguments, argument, &given) && take_option(arguments, argument[1] == '-', &given);
}

static bool take_operand(struct arguments *arguments, const char *operand)
{
    struct command_line *line = arguments->line;
    if (line->operand_count == arguments->syntax->operand_limit)
        return error_set(arguments->error, ERROR_INVALID, "unexpected argument \"%.100s\"", operand);
    const char **operands = realloc(line->operands, (line->operand_count + 1) * sizeof *operands);
    if (!operands)
        return error_set_no_memory(arguments->error);
    line->operands = operands;
    operands[line->operand_count++] = operand;
    return true;
}

static bool take_arguments(struct arguments *arguments)
{
    bool has_ended = false;
    while (arguments->at < arguments->count && !arguments->line->wants_help) {
        const char *argument = arguments->items[arguments->at++];
        bool is_operand = has_ended || argument[0] != '-' || argument[1] == '\0';
        if (!has_ended && strcmp(argument, "--") == 0)
            has_ended = true;
        else if (!(is_operand ? take_operand(arguments, argument) : take_argument(arguments, argument)))
            return false;
    }
    return true;
}

bool command_line_parse(const struct command_syntax *syntax, int argc, char **argv, struct error *error,
                        struct command_line *line)
{
    struct command_line parsed = {.format = syntax->options & TAKES_FORMAT ? syntax->formats[0] : NULL,
                                  .audit = AUDIT_OPTIONS_DEFAULT};
    struct arguments arguments = {
        .syntax = syntax, .count = argc, .items = argv, .at = 1, .error = error, .line = &parsed};
    if (!take_arguments(&arguments)) {
        command_line_done(&parsed);
        return false;
    }
    *line = parsed;
    return true;
}

bool command_line_load_configuration(const struct command_line *line, struct error *error,
                                     struct configuration **configuration)
{
    const struct configuration_sources sources = {
        .file = line->configuration_file,
        .environment = environ,
        .flags = line->flags,
        .flag_count = line->flag_count,
    };
    return configuration_load(&sources, error, configuration);
}

void command_line_done(struct command_line *line)
{
    for (size_t i = 0; i < line->flag_count; i++)
        free((char *) line->flags[i].name);
    free(line->flags);
    free(line->operands);
    cJSON_Delete(line->namespace_annotations);
    cJSON_Delete(line->user_groups);
    *line = (struct command_line){0};
}

static int act(const struct command_definition *definition, const char *name, const struct command_line *line)
{
    struct error error;
    if (line->wants_help)
        return command_help(name, definition->usage, definition->syntax.options & TAKES_CONFIGURATION);
    if (definition->check && !definition->check(line, &error))
        return command_fail_usage(name, &error);
    return definition->act(name, line);
}

int command_line_run(const struct command_definition *definition, int argc, char **argv)
{
    struct error error;
    struct command_line line;
    if (!command_line_parse(&definition->syntax, argc, argv, &error, &line))
        return command_fail_usage(argv[0], &error);
    int exit_code = act(definition, argv[0], &line);
    command_line_done(&line);
    return exit_code;
}
