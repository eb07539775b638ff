#include "common/json.h"

#include "common/cleanup.h"
#include "common/json_lexer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Up to here duplicate keys are looked for pair by pair; larger objects are sorted. */
#define PAIRWISE_KEYS 24

static int compare_keys(const void *left, const void *right)
{
    return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static bool set_duplicate(struct error *error, const char *key)
{
    return error_set(error, ERROR_INVALID, "JSON: duplicate member name \"%.64s\"", key);
}

static bool check_many_keys(const cJSON *object, size_t count, struct error *error)
{
    _cleanup_(freep) const char **keys = malloc(count * sizeof *keys);
    if (!keys)
        return error_set_no_memory(error);
    size_t at = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        keys[at++] = member->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return set_duplicate(error, keys[i]);
    }
    return true;
}

static bool check_keys(const cJSON *object, struct error *error)
{
    size_t count = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        count++;
    if (count > PAIRWISE_KEYS)
        return check_many_keys(object, count, error);
    for (const cJSON *member = object->child; member; member = member->next) {
        for (const cJSON *other = member->next; other; other = other->next) {
            if (member->string[0] == other->string[0] && strcmp(member->string, other->string) == 0)
                return set_duplicate(error, member->string);
        }
    }
    return true;
}

struct parser {
    struct json_lexer lexer;
    unsigned depth_limit;
    cJSON *root;                     /* owned; whole at any time, so that it can be deleted */
    char *key;                       /* of the value that comes next; owned; NULL: it has none */
    cJSON *open[JSON_DEPTH_MAXIMUM]; /* the containers that the next value lies in, innermost last */
    unsigned depth;
};

/* Adds a value, null for now, where the text stands. cJSON's lists: the first element's `prev` is the last.
 */
static cJSON *add_value(struct parser *parser)
{
    cJSON *value = cJSON_malloc(sizeof *value);
    if (!value) {
        error_set_no_memory(parser->lexer.error);
        return NULL;
    }
    *value = (cJSON){.type = cJSON_NULL};
    value->string = take_pointer(&parser->key);
    if (parser->depth == 0) {
        parser->root = value;
        return value;
    }
    cJSON *parent = parser->open[parser->depth - 1];
    if (parent->child) {
        value->prev = parent->child->prev;
        value->prev->next = value;
    } else {
        parent->child = value;
    }
    parent->child->prev = value;
    return value;
}

static bool read_string(struct parser *parser, char **text)
{
    struct json_quoted quoted;
    if (!json_lexer_read_string(&parser->lexer, &quoted))
        return false;
    char *copy = cJSON_malloc(quoted.length + 1);
    if (!copy)
        return error_set_no_memory(parser->lexer.error);
    json_quoted_copy(&quoted, copy);
    *text = copy;
    return true;
}

/* A number whose text matters becomes a raw item that holds it, and beside it the double it comes close to.
 */
static bool keep_text(struct parser *parser, const struct json_digits *digits, cJSON *value)
{
    value->valuestring = cJSON_malloc(digits->length + 1);
    if (!value->valuestring)
        return error_set_no_memory(parser->lexer.error);
    memcpy(value->valuestring, digits->text, digits->length);
    value->valuestring[digits->length] = '\0';
    value->valuedouble = strtod(value->valuestring, NULL);
    value->type = cJSON_Raw;
    return true;
}

static bool read_number(struct parser *parser, cJSON *value)
{
    struct json_digits digits;
    if (!json_lexer_read_number(&parser->lexer, &digits))
        return false;
    if (!digits.is_exact)
        return keep_text(parser, &digits, value);
    value->type = cJSON_Number;
    value->valuedouble = (double) digits.integer;
    value->valueint = digits.integer > INT_MAX   ? INT_MAX
                      : digits.integer < INT_MIN ? INT_MIN
                                                 : (int) digits.integer;
    return true;
}

static bool read_word(struct parser *parser, const char *word, int type, cJSON *value)
{
    value->type = type;
    value->valueint = type == cJSON_True;
    return json_lexer_read_word(&parser->lexer, word);
}

static bool read_scalar(struct parser *parser, cJSON *value)
{
    switch (*parser->lexer.at) {
    case '"':
        value->type = cJSON_String;
        return read_string(parser, &value->valuestring);
    case 't':
        return read_word(parser, "true", cJSON_True, value);
    case 'f':
        return read_word(parser, "false", cJSON_False, value);
    case 'n':
        return read_word(parser, "null", cJSON_NULL, value);
    }
    if (*parser->lexer.at == '-' || (*parser->lexer.at >= '0' && *parser->lexer.at <= '9'))
        return read_number(parser, value);
    return json_lexer_invalid(&parser->lexer, "unexpected character");
}

static bool read_key(struct parser *parser)
{
    struct json_lexer *lexer = &parser->lexer;
    json_lexer_skip_space(lexer);
    if (!json_lexer_is_at(lexer, '"'))
        return json_lexer_invalid(lexer, "a member name is missing");
    if (!read_string(parser, &parser->key))
        return false;
    json_lexer_skip_space(lexer);
    if (!json_lexer_is_at(lexer, ':'))
        return json_lexer_invalid(lexer, "\":\" is missing after a member name");
    lexer->at++;
    return true;
}

/* Goes into the container that begins here, up to its first value; `*is_empty` when it ends at once. */
static bool open_container(struct parser *parser, cJSON *container, bool *is_empty)
{
    struct json_lexer *lexer = &parser->lexer;
    bool is_object = *lexer->at == '{';
    if (parser->depth == parser->depth_limit)
        return json_lexer_fail(lexer, ERROR_TOO_LARGE, "nested too deeply");
    lexer->at++;
    container->type = is_object ? cJSON_Object : cJSON_Array;
    json_lexer_skip_space(lexer);
    *is_empty = json_lexer_is_at(lexer, is_object ? '}' : ']');
    if (*is_empty) {
        lexer->at++;
        return true;
    }
    parser->open[parser->depth++] = container;
    return !is_object || read_key(parser);
}

/* After a value: leaves the containers that end here and stops before the next value, or at the end of the
 * text. */
static bool close_containers(struct parser *parser)
{
    struct json_lexer *lexer = &parser->lexer;
    while (parser->depth > 0) {
        const cJSON *container = parser->open[parser->depth - 1];
        bool is_object = cJSON_IsObject(container);
        json_lexer_skip_space(lexer);
        if (lexer->at == lexer->end)
            return json_lexer_invalid(lexer, "unexpected end");
        if (json_lexer_is_at(lexer, ',')) {
            lexer->at++;
            return !is_object || read_key(parser);
        }
        if (!json_lexer_is_at(lexer, is_object ? '}' : ']'))
            return json_lexer_invalid(lexer, "\",\" or a closing bracket is missing");
        if (is_object && !check_keys(container, lexer->error))
            return false;
        lexer->at++;
        parser->depth--;
    }
    return true;
}

static bool parse_value(struct parser *parser)
{
    struct json_lexer *lexer = &parser->lexer;
    json_lexer_skip_space(lexer);
    if (lexer->at == lexer->end)
        return json_lexer_invalid(lexer, "unexpected end");
    cJSON *value = add_value(parser);
    if (!value)
        return false;
    bool is_complete = true;
    if (*lexer->at == '{' || *lexer->at == '[') {
        if (!open_container(parser, value, &is_complete))
            return false;
    } else if (!read_scalar(parser, value)) {
        return false;
    }
    return !is_complete || close_containers(parser);
}

/* Iterative, so that depth costs no stack. */
static bool parse_text(struct parser *parser)
{
    do {
        if (!parse_value(parser))
            return false;
    } while (parser->depth > 0);
    json_lexer_skip_space(&parser->lexer);
    return parser->lexer.at == parser->lexer.end ||
           json_lexer_invalid(&parser->lexer, "unexpected text after the value");
}

bool json_parse(const char *text, size_t length, const struct json_limits *limits, struct error *error,
                cJSON **value)
{
    if (length > limits->bytes)
        return error_set(error, ERROR_TOO_LARGE, "JSON text of %zu bytes: more than %zu", length,
                         limits->bytes);
    struct parser parser;
    parser.lexer = (struct json_lexer){.start = text, .end = text + length, .at = text, .error = error};
    parser.depth_limit = limits->depth < JSON_DEPTH_MAXIMUM ? limits->depth : JSON_DEPTH_MAXIMUM;
    parser.depth = 0;
    parser.root = NULL;
    parser.key = NULL;
    if (!parse_text(&parser)) {
        cJSON_free(parser.key);
        cJSON_Delete(parser.root);
        return false;
    }
    *value = parser.root;
    return true;
}
