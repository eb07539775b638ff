#include "common/yaml.h"
#include "common/yaml_scalar.h"

#include <string.h>
#include <yaml.h>

#define INDENT_COLUMNS 2
#define NO_LINE_WIDTH (-1)

/* Enough for every double that cJSON prints. */
#define NUMBER_BYTES 64

struct printer {
    yaml_emitter_t emitter;
    struct buffer *buffer;
    struct error *error;
};

static int write_to_buffer(void *context, unsigned char *data, size_t length)
{
    return buffer_append(context, data, length);
}

/* Hands an event over, whether it was made (`is_made`) or memory was missing for it. */
static bool emit(struct printer *printer, int is_made, yaml_event_t *event)
{
    if (is_made && yaml_emitter_emit(&printer->emitter, event))
        return true;
    if (!buffer_check(printer->buffer, printer->error))
        return false;
    if (!is_made || printer->emitter.error == YAML_MEMORY_ERROR)
        return error_set_no_memory(printer->error);
    return error_set(printer->error, ERROR_INTERNAL, "YAML: %s", printer->emitter.problem);
}

/* True when a literal block (`|`) brings the same text back. Its first line must not be indented or empty, or
 * the reader would have to be told the depth; the text ends with one line break or none; and breaks are
 * nothing but line feeds (NEL, LS and PS break lines in YAML, too). */
static bool is_exact_as_literal(const char *text, size_t length)
{
    bool ends_with_empty_line = length > 1 && strcmp(text + length - 2, "\n\n") == 0;
    if (*text == ' ' || *text == '\n' || ends_with_empty_line)
        return false;
    return !strstr(text, "\xC2\x85") && !strstr(text, "\xE2\x80\xA8") && !strstr(text, "\xE2\x80\xA9");
}

/* libyaml itself falls back from plain and literal to quoted where its grammar demands it. */
static yaml_scalar_style_t choose_style(const char *text, size_t length, bool is_key)
{
    if (strchr(text, '\n'))
        return !is_key && is_exact_as_literal(text, length) ? YAML_LITERAL_SCALAR_STYLE
                                                            : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return yaml_is_string_when_plain(text, length) ? YAML_PLAIN_SCALAR_STYLE
                                                   : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

static bool emit_scalar(struct printer *printer, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int is_made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) text,
                                               (int) strlen(text), true, true, style);
    return emit(printer, is_made, &event);
}

static bool emit_string(struct printer *printer, const char *text, bool is_key)
{
    return emit_scalar(printer, text, choose_style(text, strlen(text), is_key));
}

static bool emit_number(struct printer *printer, const cJSON *number)
{
    char text[NUMBER_BYTES];
    /* Printing a number needs no memory but the buffer given. */
    if (!cJSON_PrintPreallocated((cJSON *) number, text, sizeof text, false))
        return error_set(printer->error, ERROR_INTERNAL, "YAML: a number that cannot be printed");
    return emit_scalar(printer, text, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_node(struct printer *printer, const cJSON *value);

static bool emit_array(struct printer *printer, const cJSON *array)
{
    yaml_event_t event;
    if (!emit(printer,
              yaml_sequence_start_event_initialize(&event, NULL, NULL, true, YAML_BLOCK_SEQUENCE_STYLE),
              &event))
        return false;
    for (const cJSON *element = array->child; element; element = element->next) {
        if (!emit_node(printer, element))
            return false;
    }
    return emit(printer, yaml_sequence_end_event_initialize(&event), &event);
}

static bool emit_object(struct printer *printer, const cJSON *object)
{
    yaml_event_t event;
    if (!emit(printer,
              yaml_mapping_start_event_initialize(&event, NULL, NULL, true, YAML_BLOCK_MAPPING_STYLE),
              &event))
        return false;
    for (const cJSON *member = object->child; member; member = member->next) {
        if (!emit_string(printer, member->string, true) || !emit_node(printer, member))
            return false;
    }
    return emit(printer, yaml_mapping_end_event_initialize(&event), &event);
}

/* Recursion is bounded by the depth limit of whoever parsed the tree. */
static bool emit_node(struct printer *printer, const cJSON *value)
{
    if (cJSON_IsObject(value))
        return emit_object(printer, value);
    if (cJSON_IsArray(value))
        return emit_array(printer, value);
    if (cJSON_IsString(value))
        return emit_string(printer, value->valuestring, false);
    if (cJSON_IsNumber(value))
        return emit_number(printer, value);
    if (cJSON_IsRaw(value))
        return emit_scalar(printer, value->valuestring, YAML_PLAIN_SCALAR_STYLE);
    return emit_scalar(printer,
                       cJSON_IsTrue(value)    ? "true"
                       : cJSON_IsFalse(value) ? "false"
                                              : "null",
                       YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_document(struct printer *printer, const cJSON *value)
{
    yaml_event_t event;
    return emit(printer, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event) &&
           emit(printer, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, true), &event) &&
           emit_node(printer, value) &&
           emit(printer, yaml_document_end_event_initialize(&event, true), &event) &&
           emit(printer, yaml_stream_end_event_initialize(&event), &event);
}

bool yaml_append_document(const cJSON *value, struct error *error, struct buffer *buffer)
{
    struct printer printer = {.buffer = buffer, .error = error};
    if (!buffer_check(buffer, error))
        return false;
    if (!yaml_emitter_initialize(&printer.emitter))
        return error_set_no_memory(error);
    yaml_emitter_set_output(&printer.emitter, write_to_buffer, buffer);
    yaml_emitter_set_unicode(&printer.emitter, true);
    yaml_emitter_set_indent(&printer.emitter, INDENT_COLUMNS);
    yaml_emitter_set_width(&printer.emitter, NO_LINE_WIDTH);
    bool is_printed = emit_document(&printer, value);
    yaml_emitter_delete(&printer.emitter);
    return is_printed;
}
