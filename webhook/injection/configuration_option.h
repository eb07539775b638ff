/* The table of options: one row for each, from which loading, printing, the digest, --help and the check of
 * docs/configuration.md all work. To add an option: a member in struct configuration and a row here.
 *
 * Private to webhook/injection/configuration*.c. Source: contract/supervised-pod.md H.7,
 * contract/decisions.md sections 3 and 4.
 */
#pragma once

#include "webhook/injection/configuration.h"

enum option_kind {
    OPTION_STRING,
    OPTION_BOOLEAN,
    OPTION_NUMBER,
    OPTION_CHOICE,    /* an enum whose members are `choices` in their order */
    OPTION_LIST,      /* struct string_list; in the file only */
    OPTION_MAP,       /* struct string_map; in the file only */
    OPTION_RESOURCES, /* cJSON *; in the file only */
};

/* Checks one text: a string, an item of a list. On failure sets the message alone, without the field. */
typedef bool option_check(const char *text, struct error *error);

/* Checks one entry of a map likewise. */
typedef bool option_check_entry(const char *key, const char *value, struct error *error);

struct option {
    const char *key;      /* in the file: the members from the root down, joined by dots */
    const char *flag;     /* without dashes; NULL: in the file only */
    const char *alias;    /* another spelling of the flag, or NULL */
    const char *variable; /* in the environment; NULL: in the file only */
    enum option_kind kind;
    size_t offset;                   /* in struct configuration */
    const char *fallback;            /* as a flag would give it; NULL: "", 0 or empty, which means not set */
    const char *const *choices;      /* OPTION_CHOICE, ended by NULL */
    int64_t minimum, maximum;        /* OPTION_NUMBER */
    bool is_clamped;                 /* OPTION_NUMBER out of range is brought into it, 0 and less: fallback */
    option_check *check;             /* OPTION_STRING unless it is "", OPTION_LIST; or NULL */
    option_check_entry *check_entry; /* OPTION_MAP */
    bool takes_lines;                /* OPTION_MAP whose values may have several lines */
    const char *placeholder;         /* of the value in --help; NULL: the choices, or TRUE|FALSE */
    const char *help;                /* one line without a full stop */
};

extern const struct option configuration_options[];
extern const size_t configuration_option_count;

/* The option with this key, or NULL. */
const struct option *option_find_key(const char *key);

/* The option with this flag or alias (without dashes), or NULL. */
const struct option *option_find_flag(const char *flag);

/* True when some option's key begins with `prefix` and a dot. */
bool option_is_group(const char *prefix);

/* True for a flag that needs no value: giving it means true. */
bool option_is_switch(const struct option *option);
