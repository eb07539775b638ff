#include "common/cleanup.h"
#include "common/json.h"
#include "common/yaml_reader.h"

#include <stdlib.h>
#include <string.h>

/* Integers of so few digits are exact in a double; longer ones, and fractions, stay text, as in json_parse.
 */
#define EXACT_DIGITS 15

static bool set_text(struct yaml_reader *reader, const char *text, size_t length, char **copy)
{
    *copy = cJSON_malloc(length + 1);
    if (!*copy)
        return error_set_no_memory(reader->error);
    memcpy(*copy, text, length);
    (*copy)[length] = '\0';
    return true;
}

static bool set_number(struct yaml_reader *reader, const char *number, cJSON *value)
{
    size_t digits = strspn(number + (*number == '-'), "0123456789");
    size_t length = strlen(number);
    if (digits <= EXACT_DIGITS && digits + (*number == '-') == length) {
        cJSON_SetNumberValue(value, strtod(number, NULL));
        return true;
    }
    value->type = cJSON_Raw;
    return set_text(reader, number, length, &value->valuestring);
}

static bool read_scalar(struct yaml_reader *reader, unsigned line, cJSON **item)
{
    static const int types[] = {
        [YAML_STRING] = cJSON_String, [YAML_NULL] = cJSON_NULL,      [YAML_TRUE] = cJSON_True,
        [YAML_FALSE] = cJSON_False,   [YAML_INTEGER] = cJSON_Number, [YAML_FLOAT] = cJSON_Number,
    };
    struct yaml_scalar scalar;
    if (!yaml_reader_resolve(reader, &scalar))
        return false;
    _cleanup_(cJSON_Deletep) cJSON *value = yaml_reader_create(reader, types[scalar.kind], line);
    if (!value)
        return false;
    if (scalar.kind == YAML_STRING && !set_text(reader, (const char *) reader->event.data.scalar.value,
                                                reader->event.data.scalar.length, &value->valuestring))
        return false;
    if (cJSON_IsNumber(value) && !set_number(reader, scalar.number, value))
        return false;
    *item = take_pointer(&value);
    return true;
}

static bool read_sequence(struct yaml_reader *reader, unsigned depth, unsigned line, cJSON **item)
{
    _cleanup_(cJSON_Deletep) cJSON *array = yaml_reader_create(reader, cJSON_Array, line);
    if (!array || !yaml_reader_next(reader))
        return false;
    while (reader->event.type != YAML_SEQUENCE_END_EVENT) {
        cJSON *element;
        if (!yaml_read_node(reader, depth + 1, yaml_reader_line(reader), &element))
            return false;
        cJSON_AddItemToArray(array, element);
        if (!yaml_reader_next(reader))
            return false;
    }
    *item = take_pointer(&array);
    return true;
}

static bool read_container(struct yaml_reader *reader, unsigned depth, unsigned line, cJSON **item)
{
    bool is_mapping = reader->event.type == YAML_MAPPING_START_EVENT;
    const char *tag = (const char *) (is_mapping ? reader->event.data.mapping_start.tag
                                                 : reader->event.data.sequence_start.tag);
    if (tag && strcmp(tag, "!") != 0 && strcmp(tag, is_mapping ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0)
        return yaml_reader_fail(reader, ERROR_INVALID,
                                "the tag %.64s is not supported, or not for this value", tag);
    if (depth >= reader->depth_limit)
        return yaml_reader_fail(reader, ERROR_TOO_LARGE, "more than %u levels", reader->depth_limit);
    return is_mapping ? yaml_read_mapping(reader, depth, line, item)
                      : read_sequence(reader, depth, line, item);
}

static bool read_alias(struct yaml_reader *reader, unsigned depth, unsigned line, cJSON **item)
{
    const char *name = (const char *) reader->event.data.alias.anchor;
    for (size_t i = reader->anchor_count; i-- > 0;) {
        const struct yaml_anchor *anchor = &reader->anchors[i];
        if (strcmp(anchor->name, name) != 0)
            continue;
        if (!anchor->node)
            return yaml_reader_fail(reader, ERROR_INVALID, "the value of anchor %.64s contains itself", name);
        if (!yaml_reader_copy(reader, anchor->node, depth, line, item))
            return false;
        /* The key of the original, if it is a member. */
        cJSON_free((*item)->string);
        (*item)->string = NULL;
        return true;
    }
    return yaml_reader_fail(reader, ERROR_INVALID, "unknown anchor %.64s", name);
}

/* The anchor's name of the current event, which stays the owner; NULL without one. */
static yaml_char_t **anchor_name(yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return &event->data.scalar.anchor;
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return &event->data.sequence_start.anchor;
    return &event->data.mapping_start.anchor;
}

/* Notes the anchor of the current event, if it has one; `*anchor` is to get the value once it is read. */
static bool open_anchor(struct yaml_reader *reader, struct yaml_anchor **anchor)
{
    yaml_char_t **name = anchor_name(&reader->event);
    *anchor = NULL;
    if (!*name)
        return true;
    if (reader->anchor_count == YAML_ANCHORS_MAXIMUM)
        return yaml_reader_fail(reader, ERROR_TOO_LARGE, "more than %d anchors", YAML_ANCHORS_MAXIMUM);
    *anchor = &reader->anchors[reader->anchor_count++];
    **anchor = (struct yaml_anchor){.name = (char *) take_pointer(name)};
    return true;
}

bool yaml_read_node(struct yaml_reader *reader, unsigned depth, unsigned line, cJSON **item)
{
    if (reader->event.type == YAML_ALIAS_EVENT)
        return read_alias(reader, depth, line, item);
    struct yaml_anchor *anchor;
    if (!open_anchor(reader, &anchor))
        return false;
    bool is_read = reader->event.type == YAML_SCALAR_EVENT ? read_scalar(reader, line, item)
                                                           : read_container(reader, depth, line, item);
    if (is_read && anchor)
        anchor->node = *item;
    return is_read;
}

static void forget_document(struct yaml_reader *reader)
{
    for (size_t i = 0; i < reader->anchor_count; i++)
        free(reader->anchors[i].name);
    reader->anchor_count = 0;
    cJSON_Delete(reader->merged);
    reader->merged = NULL;
}

static bool add_document(struct yaml_reader *reader, cJSON *root)
{
    struct yaml_documents *documents = &reader->documents;
    cJSON **items = realloc(documents->items, (documents->count + 1) * sizeof *items);
    if (!items)
        return error_set_no_memory(reader->error);
    documents->items = items;
    items[documents->count++] = root;
    return true;
}

static bool is_empty_scalar(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
}

/* From the document's start event to its end event. */
static bool read_document(struct yaml_reader *reader)
{
    if (!yaml_reader_next(reader))
        return false;
    if (is_empty_scalar(&reader->event))
        return yaml_reader_next(reader);
    if (reader->documents.count == reader->limits->documents)
        return yaml_reader_fail(reader, ERROR_TOO_LARGE, "more documents than the %zu allowed",
                                reader->limits->documents);
    _cleanup_(cJSON_Deletep) cJSON *root = NULL;
    if (!yaml_read_node(reader, 0, yaml_reader_line(reader), &root) || !add_document(reader, root))
        return false;
    root = NULL;
    forget_document(reader);
    return yaml_reader_next(reader);
}

static bool read_stream(struct yaml_reader *reader)
{
    do {
        if (!yaml_reader_next(reader))
            return false;
        if (reader->event.type == YAML_DOCUMENT_START_EVENT && !read_document(reader))
            return false;
    } while (reader->event.type != YAML_STREAM_END_EVENT);
    return true;
}

static bool parse_yaml(const char *text, size_t length, const struct yaml_limits *limits, struct error *error,
                       struct yaml_documents *documents)
{
    _cleanup_(freep) struct yaml_reader *reader = calloc(1, sizeof *reader);
    if (!reader || !yaml_parser_initialize(&reader->parser))
        return error_set_no_memory(error);
    reader->limits = limits;
    reader->depth_limit = limits->depth < JSON_DEPTH_MAXIMUM ? limits->depth : JSON_DEPTH_MAXIMUM;
    reader->error = error;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *) text, length);
    bool is_read = read_stream(reader);
    if (is_read)
        *documents = reader->documents;
    else
        yaml_documents_done(&reader->documents);
    forget_document(reader);
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    return is_read;
}

static size_t count_nodes(const cJSON *value)
{
    size_t count = 1;
    for (const cJSON *child = value->child; child; child = child->next)
        count += count_nodes(child);
    return count;
}

static bool parse_json(const char *text, size_t length, const struct yaml_limits *limits, struct error *error,
                       struct yaml_documents *documents)
{
    const struct json_limits json_limits = {.bytes = limits->bytes, .depth = limits->depth};
    _cleanup_(cJSON_Deletep) cJSON *root = NULL;
    if (!json_parse(text, length, &json_limits, error, &root))
        return false;
    if (count_nodes(root) > limits->nodes)
        return error_set(error, ERROR_TOO_LARGE, "more than %zu values", limits->nodes);
    cJSON **items = malloc(sizeof *items);
    if (!items)
        return error_set_no_memory(error);
    items[0] = take_pointer(&root);
    *documents = (struct yaml_documents){.items = items, .count = 1};
    return true;
}

static bool begins_like_json(const char *text, size_t length)
{
    while (length && memchr(" \t\r\n", *text, 4)) {
        text++;
        length--;
    }
    return length && *text == '{';
}

bool yaml_parse_documents(const char *text, size_t length, const struct yaml_limits *limits,
                          struct error *error, struct yaml_documents *documents)
{
    if (length > limits->bytes)
        return error_set(error, ERROR_TOO_LARGE, "a text of %zu bytes: more than %zu", length, limits->bytes);
    if (begins_like_json(text, length)) {
        struct error json_error;
        if (parse_json(text, length, limits, &json_error, documents))
            return true;
        /* It may be YAML's flow style, which looks alike. */
        if (json_error.code != ERROR_INVALID)
            return error_set(error, json_error.code, "%s", json_error.message);
    }
    return parse_yaml(text, length, limits, error, documents);
}

unsigned yaml_line_of(const struct yaml_documents *documents, const cJSON *value)
{
    /* The newest first: an address may have been used before by a value that is gone. */
    for (size_t i = documents->place_count; i-- > 0;) {
        if (documents->places[i].value == value)
            return documents->places[i].line;
    }
    return 0;
}

void yaml_documents_done(struct yaml_documents *documents)
{
    for (size_t i = 0; i < documents->count; i++)
        cJSON_Delete(documents->items[i]);
    free(documents->items);
    free(documents->places);
    *documents = (struct yaml_documents){0};
}
