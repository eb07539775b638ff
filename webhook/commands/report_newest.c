#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/commands/html.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/patch_diff.h"
#include "webhook/commands/report_parts.h"

#include <string.h>

static void append_fact(struct buffer *html, const char *name, const char *value)
{
    if (!*value)
        return;
    buffer_append_format(html, "<dt>%s</dt><dd>", name);
    html_append_text(html, value);
    buffer_append_string(html, "</dd>");
}

static bool append_value(struct buffer *html, const cJSON *value, struct error *error)
{
    if (!value)
        return true;
    buffer_append_string(html, "<pre>");
    if (cJSON_IsString(value)) {
        html_append_text(html, value->valuestring);
    } else {
        char *text = NULL;
        if (!json_print(value, false, error, &text))
            return false;
        html_append_text(html, text);
        cJSON_free(text);
    }
    return buffer_append_string(html, "</pre>") || buffer_check(html, error);
}

static bool append_operation(struct buffer *html, const struct report_data *data, const cJSON *operation,
                             struct error *error)
{
    const char *reason, *from = json_text(operation, "from");
    if (!reasons_find(&data->operations.reasons, operation, error, &reason))
        return false;
    buffer_append_string(html, "<div class=\"operation\"><div class=\"path\"><span class=\"badge verb ");
    html_append_text(html, json_text(operation, "op"));
    buffer_append_string(html, "\">");
    html_append_text(html, json_text(operation, "op"));
    buffer_append_string(html, "</span><code>");
    html_append_text(html, from);
    buffer_append_string(html, *from ? " to " : "");
    html_append_text(html, json_text(operation, "path"));
    buffer_append_string(html, "</code></div><p class=\"why\">");
    html_append_text(html,
                     reason ? reason : "no reason is known without the recorded configuration and object");
    buffer_append_string(html, "</p>");
    if (!append_value(html, json_member(operation, "value"), error))
        return false;
    return buffer_append_string(html, "</div>") || buffer_check(html, error);
}

static bool append_operations(struct buffer *html, const struct report_data *data, const char *base64,
                              struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *patch = NULL;
    if (!*base64)
        return true;
    if (!patch_diff_read(base64, strlen(base64), error, &patch)) {
        if (error->code != ERROR_INVALID && error->code != ERROR_TOO_LARGE)
            return false;
        buffer_append_string(html, "<p class=\"quiet\">The recorded patch cannot be read.</p>");
        return buffer_check(html, error);
    }
    if (!masking_apply(patch, error))
        return false;
    buffer_append_format(html, "<h3>%d operations, each with its reason</h3>", cJSON_GetArraySize(patch));
    for (const cJSON *operation = patch->child; operation; operation = operation->next)
        if (!append_operation(html, data, operation, error))
            return false;
    return true;
}

static void append_causes(struct buffer *html, const cJSON *causes)
{
    for (const cJSON *cause = causes ? causes->child : NULL; cause; cause = cause->next) {
        buffer_append_string(html, "<div class=\"cause\"><strong>");
        html_append_text(html, json_text(cause, "reason"));
        buffer_append_string(html, "</strong> <code>");
        html_append_text(html, json_text(cause, "field"));
        buffer_append_string(html, "</code><p>");
        html_append_text(html, json_text(cause, "message"));
        buffer_append_string(html, "</p></div>");
    }
}

static void append_summary(struct buffer *html, const struct audit_record *record,
                           const struct audit_decision *decision)
{
    buffer_append_string(html, "<summary><span class=\"badge ");
    html_append_text(html, decision->decision);
    buffer_append_string(html, "\">");
    html_append_text(html, decision->decision);
    buffer_append_string(html, "</span><span class=\"pod\">");
    html_append_text(html, decision->namespace_name);
    buffer_append_character(html, '/');
    html_append_text(html, audit_decision_pod_name(decision));
    buffer_append_string(html, "</span><span class=\"quiet\">");
    html_append_text(html, record->time);
    buffer_append_string(html, ", ");
    html_append_text(html, decision->user);
    buffer_append_format(html, ", record %lld</span></summary>", (long long) record->sequence);
}

static bool append_decision(struct buffer *html, const struct report_data *data, const char *line,
                            struct error *error)
{
    const struct json_limits limits = {.bytes = AUDIT_RECORD_BYTES, .depth = AUDIT_RECORD_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    struct audit_record record;
    struct audit_decision decision;
    if (!json_parse(line, strlen(line), &limits, error, &tree) || !audit_record_read(tree, error, &record) ||
        !audit_decision_read(tree, error, &decision))
        return false;
    buffer_append_string(html, "<details>");
    append_summary(html, &record, &decision);
    buffer_append_string(html, "<div class=\"inside\"><dl class=\"facts\">");
    append_fact(html, "Reason", decision.reason);
    append_fact(html, "Asked", decision.endpoint);
    append_fact(html, "Sandbox", decision.sandbox_name);
    append_fact(html, "Sandbox id", decision.sandbox_id);
    append_fact(html, "Request", decision.uid);
    append_fact(html, "Configuration", decision.configuration);
    buffer_append_string(html, "</dl>");
    append_causes(html, decision.causes);
    if (!append_operations(html, data, decision.patch, error))
        return false;
    buffer_append_string(html, "</div></details>");
    return buffer_check(html, error);
}

bool report_append_newest(struct buffer *html, const struct report_data *data, struct error *error)
{
    size_t count = data->decisions < REPORT_NEWEST ? data->decisions : REPORT_NEWEST;
    for (size_t i = 1; i <= count; i++)
        if (!append_decision(html, data, data->newest[(data->decisions - i) % REPORT_NEWEST], error))
            return false;
    return true;
}
