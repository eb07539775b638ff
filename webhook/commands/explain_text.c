#include "webhook/commands/decisions.h"
#include "webhook/commands/explain.h"
#include "webhook/commands/operation_words.h"
#include "webhook/commands/terminal.h"
#include "webhook/injection/topology.h"

/* Under each pod's heading: a word, and what is to say about it, in columns. */
static void append_fact(struct buffer *buffer, const char *word, const char *text)
{
    buffer_append_format(buffer, "  %-14s %s\n", word, text);
}

static void append_heading(const struct explanation *explanation, struct buffer *buffer)
{
    if (explanation->is_coloured)
        buffer_append_string(buffer, TERMINAL_BOLD);
    buffer_append_format(buffer, "%s: ", explanation->object->place);
    decisions_append_name(explanation->object, buffer);
    if (explanation->is_coloured)
        buffer_append_string(buffer, TERMINAL_PLAIN);
    buffer_append_character(buffer, '\n');
}

static void append_decision(const struct explanation *explanation, struct buffer *buffer)
{
    const struct injection_result *result = explanation->result;
    const char *word = injection_decision_name(result->decision);
    const char *colour = result->decision == INJECTION_DENIED     ? TERMINAL_RED
                         : result->decision == INJECTION_INJECTED ? TERMINAL_GREEN
                                                                  : "";
    if (explanation->is_coloured && *colour)
        buffer_append_format(buffer, "  %-14s %s%s%s\n", "decision", colour, word, TERMINAL_PLAIN);
    else
        append_fact(buffer, "decision", word);
    if (result->skip_reason) {
        append_fact(buffer, "because", result->skip_reason);
        return;
    }
    append_fact(buffer, "topology", topology_find(explanation->configuration->topology)->name);
    append_fact(buffer, "configuration", explanation->configuration->digest);
    if (result->decision == INJECTION_UNCHANGED)
        append_fact(buffer, "because", "the pod already is exactly what the webhook would make of it");
    if (result->warning)
        append_fact(buffer, "warning", result->warning);
}

static void append_denials(const struct denial_list *denials, struct buffer *buffer)
{
    for (size_t i = 0; i < denials->count; i++) {
        const struct denial *denial = &denials->items[i];
        buffer_append_format(buffer, "\n  %s: %s\n      %s\n", denial->reason, denial->field,
                             denial->message);
    }
    if (denials->dropped)
        buffer_append_format(buffer, "\n  and %zu more\n", denials->dropped);
}

static bool append_operations(const struct explanation *explanation, struct error *error,
                              struct buffer *buffer)
{
    const struct injection_result *result = explanation->result;
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct injection_operation *operation = &result->operations[i];
        buffer_append_format(buffer, "\n  %s %s%s%s\n      ", operation->verb,
                             operation->from ? operation->from : "", operation->from ? " to " : "",
                             operation->path);
        if (!operation_words_append(explanation->before, operation, error, buffer))
            return false;
        buffer_append_format(buffer, "\n      %s\n", operation->reason);
    }
    return true;
}

bool explain_append_text(const struct explanation *explanation, struct error *error, struct buffer *buffer)
{
    append_heading(explanation, buffer);
    append_decision(explanation, buffer);
    append_denials(&explanation->result->denials, buffer);
    return append_operations(explanation, error, buffer) && buffer_check(buffer, error);
}
