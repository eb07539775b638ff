#include "webhook/commands/checkup_report.h"

#include "common/json.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"

#include <errno.h>

static const char *colour_of(enum check_result result)
{
    switch (result) {
    case CHECK_OK:
        return TERMINAL_GREEN;
    case CHECK_WARNING:
        return TERMINAL_YELLOW;
    case CHECK_FAILED:
        break;
    }
    return TERMINAL_RED;
}

static bool add_check(struct text_table *table, const struct check *check, struct error *error)
{
    const struct text_table_row row = {
        .cells = {check_result_name(check->result), check->name, check->message},
        .colour = colour_of(check->result)};
    const struct text_table_row advice = {.cells = {"", "", check->advice}};
    return text_table_add(table, &row, error) && (!check->advice || text_table_add(table, &advice, error));
}

static bool add_rows(const struct checkup *checkup, struct text_table *table, struct error *error)
{
    static const struct text_table_row heading = {.cells = {"RESULT", "CHECK", "FOUND, AND WHAT TO DO"},
                                                  .colour = TERMINAL_BOLD};
    if (!text_table_add(table, &heading, error))
        return false;
    for (size_t i = 0; i < checkup->count; i++) {
        if (!add_check(table, &checkup->items[i], error))
            return false;
    }
    return text_table_finish(table, error);
}

bool checkup_report_print_table(const struct checkup *checkup, FILE *file, bool is_coloured,
                                struct error *error)
{
    struct text_table table;
    text_table_init(&table, file, is_coloured, 3);
    bool is_printed = add_rows(checkup, &table, error);
    text_table_done(&table);
    if (is_printed && fprintf(file, "\n%zu ok, %zu warning%s, %zu failed\n", checkup->counts[CHECK_OK],
                              checkup->counts[CHECK_WARNING], checkup->counts[CHECK_WARNING] == 1 ? "" : "s",
                              checkup->counts[CHECK_FAILED]) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "standard output");
    return is_printed;
}

void checkup_report_append_json(const struct checkup *checkup, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"checks\":[");
    for (size_t i = 0; i < checkup->count; i++) {
        const struct check *check = &checkup->items[i];
        buffer_append_string(buffer, i ? ",{\"name\":" : "{\"name\":");
        json_append_string(buffer, check->name);
        json_append_member(buffer, "result", check_result_name(check->result));
        json_append_member(buffer, "message", check->message);
        json_append_name(buffer, "advice");
        if (check->advice)
            json_append_string(buffer, check->advice);
        else
            buffer_append_string(buffer, "null");
        buffer_append_character(buffer, '}');
    }
    buffer_append_string(buffer, "]}\n");
}
