/* What a plain (unquoted) YAML scalar means to Kubernetes: its readers follow YAML 1.1 for the words (`yes`,
 * `on` and `y` are true) and Go's number syntax (octal with a leading 0, `0b`, `0o`, `0x`, `_` between
 * digits).
 *
 * Private to common/yaml*.c: the parser resolves by it, the printer quotes by it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Longest number that is taken from a plain scalar; all that Kubernetes reads exactly are far shorter. */
#define YAML_NUMBER_CHARACTERS 64

enum yaml_scalar_kind {
    YAML_STRING,
    YAML_NULL,
    YAML_TRUE,
    YAML_FALSE,
    YAML_INTEGER,
    YAML_FLOAT,
    YAML_NOT_JSON, /* infinity, not-a-number, or a number past YAML_NUMBER_CHARACTERS: JSON has no place for
                      it */
};

struct yaml_scalar {
    enum yaml_scalar_kind kind;
    char number[YAML_NUMBER_CHARACTERS + 1]; /* integer, float: the number as JSON writes it */
};

/* Resolves a plain scalar. `text` must be terminated by a NUL at `length`. */
void yaml_resolve_plain(const char *text, size_t length, struct yaml_scalar *scalar);

/* True when every YAML reader in use takes the unquoted text for the string it is: Kubernetes', and those
 * that follow YAML 1.1 or 1.2 to the letter (base 60, dates, `=`). Says nothing of indicators such as `: `
 * and `#`, which libyaml's emitter looks after. */
bool yaml_is_string_when_plain(const char *text, size_t length);
