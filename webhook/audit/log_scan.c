#include "webhook/audit/log_scan.h"

#include "common/json_arena.h"
#include "webhook/audit/head.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

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

/* A log has its head before its first record: a directory without both is not the one that was meant. */
static bool check_has_head(const char *directory, struct error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" AUDIT_HEAD_NAME, directory);
    return access(path, F_OK) == 0 ||
           error_set(error, ERROR_NOT_FOUND, "\"%s\": no audit log is here", directory);
}

bool audit_log_scan(const char *directory, const struct audit_visitor *visitor, struct error *error)
{
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    if (!audit_log_reader_open(directory, error, &reader))
        return false;
    for (bool is_empty = true;; is_empty = false) {
        struct audit_log_line line;
        bool has_line;
        if (!audit_log_reader_next(reader, error, &line, &has_line))
            return false;
        if (!has_line)
            return !is_empty || check_has_head(directory, error);
        if (!visit_line(&line, visitor, error))
            return false;
    }
}
