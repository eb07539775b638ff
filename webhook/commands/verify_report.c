#include "common/json.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"
#include "webhook/commands/verify.h"
#include "webhook/injection/topology.h"

#include <string.h>

static const char *colour_of(enum verification_state state)
{
    switch (state) {
    case VERIFICATION_SUPERVISED:
        return TERMINAL_GREEN;
    case VERIFICATION_OUTDATED:
        return TERMINAL_CYAN;
    case VERIFICATION_DRIFTED:
    case VERIFICATION_UNSUPERVISED:
        break;
    }
    return TERMINAL_RED;
}

static bool add_rows(const struct verify_results *results, struct text_table *table, struct error *error)
{
    static const struct text_table_row heading = {.cells = {"STATE", "NAMESPACE", "POD", "SANDBOX"},
                                                  .colour = TERMINAL_BOLD};
    if (!text_table_add(table, &heading, error))
        return false;
    for (size_t i = 0; i < results->count; i++) {
        const struct verified_pod *pod = &results->pods[i];
        enum verification_state state = pod->verification.state;
        const struct text_table_row row = {
            .cells = {verification_state_name(state), pod->namespace_name, pod->name, pod->sandbox},
            .colour = colour_of(state)};
        if (!text_table_add(table, &row, error))
            return false;
    }
    return text_table_finish(table, error);
}

bool verify_report_print_table(const struct verify_results *results, FILE *file, bool is_coloured,
                               struct error *error)
{
    struct text_table table;
    if (results->count == 0)
        return true;
    text_table_init(&table, file, is_coloured, 4);
    bool is_printed = add_rows(results, &table, error);
    text_table_done(&table);
    return is_printed;
}

/* A line of its own; what would steer a terminal is shown as `?`. */
static void append_line(struct buffer *buffer, const char *heading_text, const char *text)
{
    buffer_append_string(buffer, heading_text);
    text_table_append_plain(buffer, text);
    buffer_append_character(buffer, '\n');
}

static void append_finding(const struct verification_finding *finding, struct buffer *buffer)
{
    append_line(buffer, "  ", finding->field);
    if (finding->expected || finding->found) {
        append_line(buffer, "    expected  ", finding->expected ? finding->expected : "(nothing)");
        append_line(buffer, "    found     ", finding->found ? finding->found : "(nothing)");
    }
    append_line(buffer, "    because   ", finding->reason);
}

static void append_pod(const struct verified_pod *pod, bool is_coloured, struct buffer *buffer)
{
    const struct verification *verification = &pod->verification;
    buffer_append_string(buffer, is_coloured ? "\n" TERMINAL_BOLD : "\n");
    text_table_append_plain(buffer, pod->namespace_name);
    buffer_append_string(buffer, *pod->namespace_name ? "/" : "");
    text_table_append_plain(buffer, pod->name);
    buffer_append_format(buffer, " is %s", verification_state_name(verification->state));
    if (pod->place) {
        buffer_append_string(buffer, " in ");
        text_table_append_plain(buffer, pod->place);
    }
    buffer_append_string(buffer, is_coloured ? TERMINAL_PLAIN "\n" : "\n");
    for (size_t i = 0; i < verification->count; i++)
        append_finding(&verification->findings[i], buffer);
    if (verification->dropped)
        buffer_append_format(buffer, "  and %zu more fields\n", verification->dropped);
}

static void append_totals(const struct verify_results *results, struct buffer *buffer)
{
    if (results->count == 0) {
        buffer_append_string(buffer, "no sandbox pods\n");
        return;
    }
    buffer_append_format(buffer, "\n%zu sandbox pod%s:", results->count, results->count == 1 ? "" : "s");
    for (int state = 0; state < VERIFICATION_STATES; state++)
        buffer_append_format(buffer, "%s %zu %s", state ? "," : "", results->states[state],
                             verification_state_name((enum verification_state) state));
    buffer_append_format(buffer, "\nconfiguration %s, topology %s\n", results->configuration->digest,
                         topology_find(results->configuration->topology)->name);
}

void verify_report_append_details(const struct verify_results *results, bool is_coloured,
                                  struct buffer *buffer)
{
    for (size_t i = 0; i < results->count; i++) {
        if (results->pods[i].verification.state != VERIFICATION_SUPERVISED)
            append_pod(&results->pods[i], is_coloured, buffer);
    }
    append_totals(results, buffer);
}

/* Appends `,"key":"text"`, or null for no text. */
static void append_member(struct buffer *buffer, const char *key, const char *text)
{
    json_append_name(buffer, key);
    if (text)
        json_append_string(buffer, text);
    else
        buffer_append_string(buffer, "null");
}

static void append_fields(const struct verification *verification, struct buffer *buffer)
{
    buffer_append_string(buffer, ",\"fields\":[");
    for (size_t i = 0; i < verification->count; i++) {
        const struct verification_finding *finding = &verification->findings[i];
        buffer_append_string(buffer, i ? ",{\"field\":" : "{\"field\":");
        json_append_string(buffer, finding->field);
        append_member(buffer, "expected", finding->expected);
        append_member(buffer, "found", finding->found);
        append_member(buffer, "reason", finding->reason);
        buffer_append_character(buffer, '}');
    }
    buffer_append_format(buffer, "],\"moreFields\":%zu", verification->dropped);
}

void verify_report_append_json(const struct verify_results *results, struct buffer *buffer)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct verified_pod *pod = &results->pods[i];
        buffer_append_string(buffer, "{\"namespace\":");
        json_append_string(buffer, pod->namespace_name);
        append_member(buffer, "pod", pod->name);
        append_member(buffer, "sandbox", pod->sandbox);
        if (pod->place)
            append_member(buffer, "place", pod->place);
        append_member(buffer, "state", verification_state_name(pod->verification.state));
        append_member(buffer, "configuration", results->configuration->digest);
        append_fields(&pod->verification, buffer);
        buffer_append_string(buffer, "}\n");
    }
}
