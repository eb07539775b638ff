/* The pieces of JSON text (RFC 8259), checked strictly: strings, numbers, words, with line and column in
 * errors. Private to common/: everybody else calls json_parse (common/json.h), which says what is refused and
 * why.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

struct json_lexer {
    const char *start;
    const char *end;
    const char *at; /* the next byte */
    struct error *error;
};

/* A string as it stands between its quotes. */
struct json_quoted {
    const char *text;
    size_t length; /* the string itself is never longer */
    bool has_escapes;
};

struct json_digits {
    const char *text;
    size_t length;
    bool is_exact;   /* an integer that a double holds exactly and that prints as it came */
    int64_t integer; /* when is_exact */
};

void json_lexer_skip_space(struct json_lexer *lexer);

/* True when the next byte is `character`. */
bool json_lexer_is_at(const struct json_lexer *lexer, char character);

/* These go past the piece that begins at the next byte. */
bool json_lexer_read_string(struct json_lexer *lexer, struct json_quoted *string) _warn_unused_result_;
bool json_lexer_read_number(struct json_lexer *lexer, struct json_digits *number) _warn_unused_result_;
bool json_lexer_read_word(struct json_lexer *lexer, const char *word) _warn_unused_result_;

/* Writes the string that is meant, with a NUL, into `length + 1` bytes. */
void json_quoted_copy(const struct json_quoted *string, char *target);

/* Sets the error, with line and column of the next byte; returns false. */
bool json_lexer_fail(const struct json_lexer *lexer, enum error_code code, const char *what);
bool json_lexer_invalid(const struct json_lexer *lexer, const char *what);
