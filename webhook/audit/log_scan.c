#include "webhook/audit/log_scan.h"

#include "common/json_arena.h"

static bool read_visit(struct audit_visit *visit, struct error *error)
{
    if (!audit_log_line_parse(visit->line, error, &visit->tree))
        return false;
    bool is_read = audit_record_read(visit->tree, error, &visit->record);
    if (is_read)
        visit->is_decision = audit_record_is_decision(&visit->record);
    if (is_read && visit->is_decision)
        is_read = audit_decision_read(visit->tree, error, &visit->decision);
    return is_read || error_prefix(error, "\"%s\" line %zu", visit->line->file, visit->line->number);
}

static bool visit_line(const struct audit_log_line *line, const struct audit_visitor *visitor,
                       struct error *error)
{
    struct audit_visit visit = {.line = line};
    struct json_arena arena;
    json_arena_enter(&arena);
    bool is_record = read_visit(&visit, error);
    bool is_visited = is_record && visitor->visit(visitor->context, &visit, error);
    cJSON_Delete(visit.tree);
    json_arena_leave(&arena);
    if (is_record || error->code == ERROR_NO_MEMORY)
        return is_visited;
    if (visitor->pass_over)
        visitor->pass_over(visitor->context, error, line->is_torn);
    return true;
}

bool audit_log_scan(const char *directory, const struct audit_visitor *visitor, struct error *error)
{
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    if (!audit_log_reader_open(directory, error, &reader))
        return false;
    for (;;) {
        struct audit_log_line line;
        bool has_line;
        if (!audit_log_reader_next(reader, error, &line, &has_line))
            return false;
        if (!has_line)
            return true;
        if (!visit_line(&line, visitor, error))
            return false;
    }
}
