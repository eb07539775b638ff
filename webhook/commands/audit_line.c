#include "webhook/commands/audit_line.h"

#include "webhook/commands/option_value.h"

#include <string.h>

#define NAME_BYTES 64

enum option_kind { OPTION_TEXT, OPTION_LIST };

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
};

#define TEXT(name, member)                                                                                   \
    {                                                                                                        \
        name, OPTION_TEXT, offsetof(struct audit_line, member)                                               \
    }
#define LIST(name, member)                                                                                   \
    {                                                                                                        \
        name, OPTION_LIST, offsetof(struct audit_line, member)                                               \
    }

static const struct option options[] = {
    TEXT("output", format),
    TEXT("since", since),
    TEXT("until", until),
    TEXT("namespace", namespace_name),
    TEXT("pod", pod),
    TEXT("sandbox", sandbox),
    TEXT("decision", decision),
    TEXT("user", user),
    TEXT("uid", uid),
    TEXT("config", configuration_file),
    TEXT("webhook", webhook),
    LIST("reviews", reviews),
    LIST("api-audit-log", api_audit_logs),
};

static const struct option *find_option(const char *accepted, const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return option_is_among(accepted, name) ? &options[i] : NULL;
    return NULL;
}

static bool add_value(struct audit_values *values, const char *value, const char *what, struct error *error)
{
    if (values->count == AUDIT_LINE_VALUES)
        return error_set(error, ERROR_INVALID, "%s: more than %d", what, AUDIT_LINE_VALUES);
    const char **items = realloc(values->items, (values->count + 1) * sizeof *items);
    if (!items)
        return error_set_no_memory(error);
    items[values->count++] = value;
    values->items = items;
    return true;
}

static bool set_value(const struct option *option, const char *value, struct error *error,
                      struct audit_line *line)
{
    void *member = (char *) line + option->offset;
    if (!*value)
        return error_set(error, ERROR_INVALID, "--%s: must not be empty", option->name);
    if (option->kind == OPTION_LIST)
        return add_value(member, value, option->name, error);
    *(const char **) member = value;
    return true;
}

/* Reads the option or operand at `*at`, which is moved to the last argument used. */
static bool read_argument(int argc, char **argv, int *at, const char *accepted, struct error *error,
                          struct audit_line *line)
{
    char name[NAME_BYTES] = "";
    const char *argument = strcmp(argv[*at], "-o") == 0 ? "--output" : argv[*at];
    if (*argument != '-' || strcmp(argument, "-") == 0)
        return add_value(&line->operands, argument, "operands", error);
    size_t length = strcspn(argument, "=");
    if (strncmp(argument, "--", 2) != 0 || length <= 2 || length - 2 >= sizeof name)
        return error_set(error, ERROR_INVALID, "unknown option %.80s", argument);
    memcpy(name, argument + 2, length - 2);
    const struct option *option = find_option(accepted, name);
    if (!option)
        return error_set(error, ERROR_INVALID, "unknown option --%s", name);
    if (argument[length])
        return set_value(option, argument + length + 1, error, line);
    if (*at + 1 == argc)
        return error_set(error, ERROR_INVALID, "--%s: needs a value", name);
    return set_value(option, argv[++*at], error, line);
}

bool audit_line_parse(int argc, char **argv, const char *accepted, struct error *error,
                      struct audit_line *result)
{
    struct audit_line line = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            line.wants_help = true;
            break;
        }
        if (!read_argument(argc, argv, &i, accepted, error, &line)) {
            audit_line_done(&line);
            return false;
        }
    }
    *result = line;
    return true;
}

bool audit_line_check_operands(const struct audit_line *line, size_t least, size_t most, const char *what,
                               struct error *error)
{
    if (line->operands.count < least)
        return error_set(error, ERROR_INVALID, "no %s given", what);
    if (line->operands.count > most)
        return error_set(error, ERROR_INVALID, "unexpected argument \"%.80s\"", line->operands.items[most]);
    return true;
}

bool audit_line_is_json(const struct audit_line *line)
{
    return line->format && strcmp(line->format, "json") == 0;
}

bool audit_line_check_format(const struct audit_line *line, struct error *error)
{
    return !line->format || audit_line_is_json(line) || strcmp(line->format, "text") == 0 ||
           error_set(error, ERROR_INVALID, "--output: \"%.60s\" is none of text, json", line->format);
}

void audit_line_done(struct audit_line *line)
{
    free(line->reviews.items);
    free(line->api_audit_logs.items);
    free(line->operands.items);
    *line = (struct audit_line){0};
}
