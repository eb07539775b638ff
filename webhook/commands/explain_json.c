#include "common/json.h"
#include "webhook/commands/decisions.h"
#include "webhook/commands/explain.h"
#include "webhook/commands/operation_words.h"
#include "webhook/injection/topology.h"

/* Longest words of one operation: two values, cut. */
#define WORDS_BYTES (4 * OPERATION_WORDS_BYTES)
#define NAME_BYTES (3 * INPUT_FILE_BYTES)

static void append_denials(const struct denial_list *denials, struct buffer *buffer)
{
    buffer_append_string(buffer, ",\"denials\":[");
    for (size_t i = 0; i < denials->count; i++) {
        const struct denial *denial = &denials->items[i];
        buffer_append_string(buffer, i ? ",{\"reason\":" : "{\"reason\":");
        json_append_string(buffer, denial->reason);
        json_append_member(buffer, "field", denial->field);
        json_append_member(buffer, "message", denial->message);
        buffer_append_character(buffer, '}');
    }
    buffer_append_format(buffer, "],\"moreDenials\":%zu", denials->dropped);
}

static bool append_operation(const struct explanation *explanation,
                             const struct injection_operation *operation, struct error *error,
                             struct buffer *buffer)
{
    struct buffer words = BUFFER_INIT(WORDS_BYTES);
    bool is_described = operation_words_append(explanation->before, operation, error, &words);
    buffer_append_string(buffer, "{\"op\":");
    json_append_string(buffer, operation->verb);
    if (operation->from)
        json_append_member(buffer, "from", operation->from);
    json_append_member(buffer, "path", operation->path);
    json_append_member(buffer, "what", buffer_string(&words));
    json_append_member(buffer, "reason", operation->reason);
    buffer_append_character(buffer, '}');
    buffer_done(&words);
    return is_described;
}

static bool append_operations(const struct explanation *explanation, struct error *error,
                              struct buffer *buffer)
{
    buffer_append_string(buffer, ",\"operations\":[");
    for (size_t i = 0; i < explanation->result->operation_count; i++) {
        if (i)
            buffer_append_character(buffer, ',');
        if (!append_operation(explanation, &explanation->result->operations[i], error, buffer))
            return false;
    }
    return buffer_append_character(buffer, ']') || buffer_check(buffer, error);
}

static bool append_object(const struct input_object *object, struct error *error, struct buffer *buffer)
{
    struct buffer name = BUFFER_INIT(NAME_BYTES);
    decisions_append_name(object, &name);
    bool is_named = buffer_check(&name, error);
    buffer_append_string(buffer, "{\"file\":");
    json_append_string(buffer, object->file);
    buffer_append_format(buffer, ",\"document\":%zu", object->document);
    if (*object->item)
        json_append_member(buffer, "item", object->item);
    json_append_member(buffer, "object", buffer_string(&name));
    buffer_done(&name);
    return is_named;
}

bool explain_append_json(const struct explanation *explanation, struct error *error, struct buffer *buffer)
{
    const struct injection_result *result = explanation->result;
    if (!append_object(explanation->object, error, buffer))
        return false;
    json_append_member(buffer, "decision", injection_decision_name(result->decision));
    if (result->skip_reason) {
        json_append_member(buffer, "because", result->skip_reason);
    } else {
        json_append_member(buffer, "topology", topology_find(explanation->configuration->topology)->name);
        json_append_member(buffer, "configuration", explanation->configuration->digest);
    }
    if (result->warning)
        json_append_member(buffer, "warning", result->warning);
    append_denials(&result->denials, buffer);
    if (!append_operations(explanation, error, buffer))
        return false;
    buffer_append_string(buffer, "}\n");
    return buffer_check(buffer, error);
}
