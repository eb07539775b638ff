/* YAML: one or many documents into cJSON trees, and a tree back into YAML.
 *
 * Scalars mean what they mean to Kubernetes (common/yaml_scalar.h). Anchors, aliases and merge keys (`<<`)
 * are resolved, under budgets, so that a few lines cannot fill the memory. Refused, always with line and
 * column: duplicate keys, NUL in a string, tags other than YAML's own simple ones, keys that are lists, maps,
 * null or fractions, infinities. A key that stands before a `<<` which brings the same key is refused too,
 * because Kubernetes' reader and the standard disagree on who wins.
 *
 * A text that begins with `{` and is JSON is read as JSON (common/json.h): to the letter, and without lines.
 *
 * Not for: keeping comments, order of documents' styles, or anything else of the text but its meaning.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>

/* Bounds of one parse. */
struct yaml_limits {
    size_t bytes;     /* longest text; what aliases copy may together be as long once more */
    unsigned depth;   /* deepest nesting, at most JSON_DEPTH_MAXIMUM */
    size_t nodes;     /* most values in all documents, copies made by aliases included */
    size_t documents; /* most documents that are not empty; at least 1 */
};

/* Most anchors in one document. */
#define YAML_ANCHORS_MAXIMUM 1024

/* Where a value, or the key of a member, stands in the text. */
struct yaml_place {
    const cJSON *value;
    unsigned line; /* from 1 */
};

/* What a text held. Documents without content (only comments, or nothing) are left out. */
struct yaml_documents {
    cJSON **items; /* owned trees */
    size_t count;
    struct yaml_place *places; /* empty when the text was JSON */
    size_t place_count;
};

/* Parses all documents of `text`, which needs no terminating NUL. On failure ("line 3 column 7: ..."):
 * ERROR_INVALID, ERROR_TOO_LARGE for a limit, ERROR_NO_MEMORY. The caller owns `*documents`
 * (yaml_documents_done). */
bool yaml_parse_documents(const char *text, size_t length, const struct yaml_limits *limits,
                          struct error *error, struct yaml_documents *documents) _warn_unused_result_;

/* Releases everything; accepts a zeroed struct. */
void yaml_documents_done(struct yaml_documents *documents);

/* The line of a value of these documents (for a member: of its key), or 0 when it is not known. A value that
 * an alias brought has the line of the original. Searches: for error messages, not for loops. */
unsigned yaml_line_of(const struct yaml_documents *documents, const cJSON *value);

/* Appends `value` as one document in block style, without a `---` before it. Strings are quoted whenever a
 * YAML reader could take them for something else; those of several lines are literal (`|`) where that is
 * exact. The same tree always gives the same bytes, and yaml_parse_documents gives the same values back
 * (fractions in their shortest spelling; a number that it has no place for comes back as a string or is
 * refused). Strings must be UTF-8, as parsers leave them. Fails as the buffer does, or with ERROR_NO_MEMORY.
 */
bool yaml_append_document(const cJSON *value, struct error *error,
                          struct buffer *buffer) _warn_unused_result_;
