#include "webhook/commands/audit_options.h"

#include "webhook/commands/option_value.h"

#include <stddef.h>
#include <string.h>

#define DAY_MS (24 * OPTION_HOUR_MS)

/* A file that cannot hold the largest record would be a file for each record. */
#define FILE_BYTES_MINIMUM ((uint64_t) 64 << 10)
#define FILE_BYTES_MAXIMUM ((uint64_t) 16 << 30)

enum option_kind { OPTION_TEXT, OPTION_SWITCH, OPTION_NUMBER, OPTION_DURATION, OPTION_SIZE, OPTION_WORD };

struct option {
    const char *name;
    const char *placeholder; /* NULL for a switch */
    enum option_kind kind;
    size_t offset; /* in struct audit_options */
    uint64_t minimum, maximum;
    const char *const *words; /* in the order of the enumeration, ended by NULL */
    const char *help;
};

#define AT(member) offsetof(struct audit_options, member)

static const char *const sync_words[] = {"interval", "always", "never", NULL};
static const char *const object_words[] = {"none", "redacted", "whole", NULL};

static const struct option own_options[] = {
    {"audit-directory", "DIRECTORY", OPTION_TEXT, AT(log.directory), 0, 0, NULL,
     "record every decision here, before its answer leaves"},
    {"audit-required", NULL, OPTION_SWITCH, AT(log.is_required), 0, 0, NULL,
     "refuse admission when the decision cannot be recorded"},
    {"audit-objects", "WHAT", OPTION_WORD, AT(objects), 0, 0, object_words,
     "record the objects too: none, redacted or whole (none)"},
    {"audit-sync", "WHEN", OPTION_WORD, AT(log.sync), 0, 0, sync_words,
     "force records to the disk: always, interval (1s) or never (interval)"},
    {"audit-file-size", "SIZE", OPTION_SIZE, AT(log.file_bytes), FILE_BYTES_MINIMUM, FILE_BYTES_MAXIMUM, NULL,
     "begin another file before one is larger (64Mi)"},
    {"audit-file-age", "DURATION", OPTION_DURATION, AT(log.file_age_ms), 1000, 30 * (uint64_t) DAY_MS, NULL,
     "begin another file when one is older (24h)"},
    {"audit-signing-key", "FILE", OPTION_TEXT, AT(log.signing_key), 0, 0, NULL,
     "PEM Ed25519 key that signs checkpoints; reloaded"},
    {"audit-previous-signing-key", "FILE", OPTION_TEXT, AT(log.previous_signing_key), 0, 0, NULL,
     "the key before, when it was changed while nothing ran"},
    {"audit-checkpoint-records", "NUMBER", OPTION_NUMBER, AT(log.checkpoint_records), 1, 1000000, NULL,
     "sign after so many records (1000)"},
    {"audit-checkpoint-interval", "DURATION", OPTION_DURATION, AT(log.checkpoint_interval_ms), 1000, DAY_MS,
     NULL, "and after this time, when there are new ones (60s)"},
};

#define OPTION_COUNT (sizeof own_options / sizeof *own_options)

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(own_options[i].name, name) == 0)
            return &own_options[i];
    return NULL;
}

bool audit_options_know(const char *name, bool *is_switch)
{
    const struct option *option = find_option(name);
    if (option)
        *is_switch = option->kind == OPTION_SWITCH;
    return option != NULL;
}

static bool set_text(const struct option *option, const char *value, struct error *error, const char **target)
{
    if (!*value)
        return error_set(error, ERROR_INVALID, "--%s: must not be empty", option->name);
    *target = value;
    return true;
}

/* The enumerations begin with 0 and have the size of an int. */
static bool set_word(const struct option *option, const char *value, struct error *error, int *target)
{
    for (int i = 0; option->words[i]; i++) {
        if (strcmp(option->words[i], value) == 0) {
            *target = i;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "--%s: \"%.60s\" is none of %s, %s, %s", option->name, value,
                     option->words[0], option->words[1], option->words[2]);
}

bool audit_options_set(struct audit_options *options, const char *name, const char *value,
                       struct error *error)
{
    const struct option *option = find_option(name);
    if (!option)
        return error_set(error, ERROR_INVALID, "unknown option --%.80s", name);
    void *target = (char *) options + option->offset;
    uint32_t minimum = (uint32_t) option->minimum, maximum = (uint32_t) option->maximum;
    options->is_given = true;
    switch (option->kind) {
    case OPTION_TEXT:
        return set_text(option, value, error, target);
    case OPTION_SWITCH:
        return option_value_switch(name, value, error, target);
    case OPTION_NUMBER:
        return option_value_number(name, value, minimum, maximum, error, target);
    case OPTION_DURATION:
        return option_value_duration(name, value, minimum, maximum, error, target);
    case OPTION_SIZE:
        return option_value_size(name, value, option->minimum, option->maximum, error, target);
    case OPTION_WORD:
        return set_word(option, value, error, target);
    }
    return false;
}

bool audit_options_check(const struct audit_options *options, struct error *error)
{
    if (options->is_given && !options->log.directory)
        return error_set(error, ERROR_INVALID, "--audit-...: means nothing without --audit-directory");
    if (options->log.previous_signing_key && !options->log.signing_key)
        return error_set(error, ERROR_INVALID,
                         "--audit-previous-signing-key: means nothing without --audit-signing-key");
    return true;
}

void audit_options_append_help(struct buffer *text)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char form[64];
        const struct option *option = &own_options[i];
        snprintf(form, sizeof form, "--%s%s%s", option->name, option->placeholder ? " " : "",
                 option->placeholder ? option->placeholder : "");
        buffer_append_format(text, "  %-38s %s\n", form, option->help);
    }
}
