#include "common/yaml_reader.h"

#include "common/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned yaml_reader_line(const struct yaml_reader *reader)
{
    return (unsigned) reader->event.start_mark.line + 1;
}

bool yaml_reader_fail(struct yaml_reader *reader, enum error_code code, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const yaml_mark_t *mark = &reader->event.start_mark;
    return error_set(reader->error, code, "line %zu column %zu: %s", mark->line + 1, mark->column + 1,
                     message);
}

/* Where a byte stands that libyaml's reader refused; it tells the offset alone. */
static yaml_mark_t mark_of_offset(const yaml_parser_t *parser)
{
    yaml_mark_t mark = {0};
    const unsigned char *text = parser->input.string.start;
    for (size_t i = 0; i < parser->problem_offset && text + i < parser->input.string.end; i++) {
        mark.column = text[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text[i] == '\n';
    }
    return mark;
}

/* Turns libyaml's own complaint into ours. */
static bool fail_as_parser(struct yaml_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set_no_memory(reader->error);
    yaml_mark_t mark = parser->error == YAML_READER_ERROR ? mark_of_offset(parser) : parser->problem_mark;
    return error_set(reader->error, ERROR_INVALID, "line %zu column %zu: %s%s%s", mark.line + 1,
                     mark.column + 1, parser->problem ? parser->problem : "not YAML",
                     parser->context ? " " : "", parser->context ? parser->context : "");
}

bool yaml_reader_next(struct yaml_reader *reader)
{
    yaml_event_delete(&reader->event);
    return yaml_parser_parse(&reader->parser, &reader->event) ? true : fail_as_parser(reader);
}

static bool note_place(struct yaml_reader *reader, const cJSON *value, unsigned line)
{
    struct yaml_documents *documents = &reader->documents;
    size_t count = documents->place_count;
    /* The room doubles at each power of two. */
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        struct yaml_place *places = realloc(documents->places, room * sizeof *places);
        if (!places)
            return error_set_no_memory(reader->error);
        documents->places = places;
    }
    documents->places[documents->place_count++] = (struct yaml_place){.value = value, .line = line};
    return true;
}

cJSON *yaml_reader_create(struct yaml_reader *reader, int cjson_type, unsigned line)
{
    if (reader->nodes == reader->limits->nodes) {
        yaml_reader_fail(reader, ERROR_TOO_LARGE, "more than %zu values", reader->limits->nodes);
        return NULL;
    }
    /* cJSON has no constructor that takes a type; every other member of a null is zero. */
    _cleanup_(cJSON_Deletep) cJSON *value = cJSON_CreateNull();
    if (!value) {
        error_set_no_memory(reader->error);
        return NULL;
    }
    value->type = cjson_type;
    if (!note_place(reader, value, line))
        return NULL;
    reader->nodes++;
    return take_pointer(&value);
}

/* Copies a string with cJSON's allocator, against the budget of copied text. NULL stays NULL. */
static bool copy_text(struct yaml_reader *reader, const char *source, char **copy)
{
    if (!source)
        return true;
    size_t length = strlen(source);
    if (length > reader->limits->bytes - reader->copied_bytes)
        return yaml_reader_fail(reader, ERROR_TOO_LARGE, "aliases copy more than %zu bytes",
                                reader->limits->bytes);
    *copy = cJSON_malloc(length + 1);
    if (!*copy)
        return error_set_no_memory(reader->error);
    memcpy(*copy, source, length + 1);
    reader->copied_bytes += length;
    return true;
}

bool yaml_reader_copy(struct yaml_reader *reader, const cJSON *source, unsigned depth, unsigned line,
                      cJSON **copy)
{
    bool is_container = cJSON_IsObject(source) || cJSON_IsArray(source);
    if (is_container && depth >= reader->depth_limit)
        return yaml_reader_fail(reader, ERROR_TOO_LARGE, "more than %u levels", reader->depth_limit);
    _cleanup_(cJSON_Deletep) cJSON *value = yaml_reader_create(reader, source->type, line);
    if (!value)
        return false;
    value->valueint = source->valueint;
    value->valuedouble = source->valuedouble;
    if (!copy_text(reader, source->valuestring, &value->valuestring) ||
        !copy_text(reader, source->string, &value->string))
        return false;
    for (const cJSON *child = source->child; child; child = child->next) {
        cJSON *child_copy;
        if (!yaml_reader_copy(reader, child, depth + 1, line, &child_copy))
            return false;
        cJSON_AddItemToArray(value, child_copy); /* the copy has its key already */
    }
    *copy = take_pointer(&value);
    return true;
}

#define TAG_PREFIX "tag:yaml.org,2002:"

static const char *short_tag(const char *tag)
{
    return strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 ? tag + strlen(TAG_PREFIX) : "";
}

/* Whether a scalar with this tag may have resolved to this kind. */
static bool tag_allows(const char *tag, enum yaml_scalar_kind kind)
{
    if (strcmp(tag, "int") == 0)
        return kind == YAML_INTEGER;
    if (strcmp(tag, "float") == 0)
        return kind == YAML_INTEGER || kind == YAML_FLOAT;
    if (strcmp(tag, "bool") == 0)
        return kind == YAML_TRUE || kind == YAML_FALSE;
    return strcmp(tag, "null") == 0 && kind == YAML_NULL;
}

bool yaml_reader_resolve(struct yaml_reader *reader, struct yaml_scalar *scalar)
{
    const char *text = (const char *) reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    const char *tag = (const char *) reader->event.data.scalar.tag;
    if (memchr(text, '\0', length))
        return yaml_reader_fail(reader, ERROR_INVALID, "a NUL in a string");
    scalar->kind = YAML_STRING;
    if (!tag) {
        if (reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            yaml_resolve_plain(text, length, scalar);
    } else if (strcmp(tag, YAML_STR_TAG) != 0) {
        yaml_resolve_plain(text, length, scalar);
        if (!tag_allows(short_tag(tag), scalar->kind))
            return yaml_reader_fail(reader, ERROR_INVALID,
                                    "the tag %.64s is not supported, or not for this value", tag);
    }
    if (scalar->kind == YAML_NOT_JSON)
        return yaml_reader_fail(reader, ERROR_INVALID, "%.32s%s is no number that JSON can hold", text,
                                length > 32 ? "..." : "");
    return true;
}
