/* JSON: strict parsing into cJSON trees, typed access whose messages carry the field's path, printing.
 *
 * Parsing is stricter than cJSON's own (Debian's 1.7.15 cuts strings at \u0000, keeps the first of duplicate
 * keys, takes raw control characters and invalid UTF-8, and prints integers past 2^53 as floats): a scan over
 * the text refuses all of that first, and numbers that would not survive the way through a double are kept as
 * the text they were. So what nobody touches is printed as it came.
 *
 * A member that is `null` counts as absent, as in Kubernetes. Not for: YAML (common/yaml.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* Bounds of one parse. */
struct json_limits {
    size_t bytes;   /* longest text */
    unsigned depth; /* deepest nesting of objects and arrays; at most JSON_DEPTH_MAXIMUM */
};

#define JSON_DEPTH_MAXIMUM 256

/* The place of a value, as a chain on the stack from the root down; root has no parent, no key, index 0.
 * Costs nothing until it is printed. */
struct json_path {
    const struct json_path *parent;
    const char *key; /* NULL: an array index (or the root) */
    size_t index;
};

/* The path of a member of / an element in what `parent_path` points to. Valid in the enclosing block. */
#define JSON_MEMBER(parent_path, key_string)                                                                 \
    (&(const struct json_path){.parent = (parent_path), .key = (key_string)})
#define JSON_ELEMENT(parent_path, element_index)                                                             \
    (&(const struct json_path){.parent = (parent_path), .index = (element_index)})
#define JSON_ROOT (&(const struct json_path){0})

/* Appends `spec.containers[1].env` (keys that are no identifiers in brackets, as Kubernetes prints them:
 * `metadata.annotations[example.com/a]`). The root prints nothing. */
void json_path_append_field(const struct json_path *path, struct buffer *buffer);

/* Appends the RFC 6901 pointer `/spec/containers/1/env`, with `~` and `/` escaped. */
void json_path_append_pointer(const struct json_path *path, struct buffer *buffer);

/* Parses exactly one JSON value (white space around it is allowed). On failure: ERROR_INVALID or
 * ERROR_TOO_LARGE with line and column, ERROR_NO_MEMORY. The caller owns `*value` (cJSON_Delete). `text`
 * needs no terminating NUL. */
bool json_parse(const char *text, size_t length, const struct json_limits *limits, struct error *error,
                cJSON **value) _warn_unused_result_;

/* Prints compactly (`indented` false) or with tabs; the caller frees `*text`. */
bool json_print(const cJSON *value, bool indented, struct error *error, char **text) _warn_unused_result_;

/* Appends `value` compactly, members in their order. Returns what the last append does. */
bool json_append(struct buffer *buffer, const cJSON *value);

/* Appends `text` (UTF-8) as a JSON string, quoted and with no escapes but the necessary ones. A byte that is
 * no part of a character becomes U+FFFD, so the result is JSON in any case. Returns what the last append
 * does. */
bool json_append_string(struct buffer *buffer, const char *text);

/* Appends `<before>"<key>":`, the key escaped as by json_append_string. `before` is '{' for an object's first
 * member and ',' for the others. Returns what the last append does. */
bool json_append_key(struct buffer *buffer, char before, const char *key);

/* Append `,"<name>":`, and with the text as a string: a member that is not the first. */
bool json_append_name(struct buffer *buffer, const char *name);
bool json_append_member(struct buffer *buffer, const char *name, const char *text);

/* The member `key`, or NULL when it is absent or null, or `object` is not an object (or NULL). No error. */
cJSON *json_member(const cJSON *object, const char *key);

/* The member's string, which stays the object's; "" when it is absent or of another type. Where the two must
 * be told apart: cJSON_GetStringValue, or json_read_string. */
const char *json_text(const cJSON *object, const char *key);

/* Typed members of `object`, which sits at `path`. Absent: success, and the result is NULL (or `fallback`).
 * Of another type, or out of range: ERROR_INVALID naming the field. Strings and trees stay owned by the
 * object. */
bool json_read_string(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                      const char **value) _warn_unused_result_;
bool json_read_boolean(const cJSON *object, const struct json_path *path, const char *key, bool fallback,
                       struct error *error, bool *value) _warn_unused_result_;
bool json_read_integer(const cJSON *object, const struct json_path *path, const char *key, int64_t minimum,
                       int64_t maximum, int64_t fallback, struct error *error,
                       int64_t *value) _warn_unused_result_;
bool json_read_object(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                      cJSON **value) _warn_unused_result_;
bool json_read_array(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                     cJSON **value) _warn_unused_result_;

/* Like the above, but absence (or, for strings, emptiness) is ERROR_INVALID too. */
bool json_require_string(const cJSON *object, const struct json_path *path, const char *key,
                         struct error *error, const char **value) _warn_unused_result_;
bool json_require_object(const cJSON *object, const struct json_path *path, const char *key,
                         struct error *error, cJSON **value) _warn_unused_result_;

/* Sets ERROR_INVALID with the message "<field>: <formatted>". Returns false. */
bool json_set_invalid(struct error *error, const struct json_path *path, const char *format, ...)
    _printf_(3, 4);

/* The integer that a number holds, whether parsed as number or kept as text; false when it is none. */
bool json_get_integer(const cJSON *value, int64_t *integer);

/* Deep equality: member order is ignored, null members count as absent, numbers compare by text or value. */
bool json_equal(const cJSON *left, const cJSON *right);

/* Puts `value` before the element at `index` of an array, or at the end when there is none. Takes over
 * `value`, which is not NULL. (cJSON_InsertItemInArray of Debian's 1.7.15 refuses every place but the first.)
 */
void json_insert_element(cJSON *array, size_t index, cJSON *value);
