#include "common/json.h"
#include "webhook/commands/certs_report.h"

#include <string.h>

bool certs_status(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code)
{
    (void) exit_code;
    struct certs_place place;
    _cleanup_(certificate_list_freep) certificate_list *served = NULL;
    _cleanup_(cJSON_Deletep) cJSON *report = NULL;
    _cleanup_(freep) char *text = NULL;
    const char *format = certs_option_or(line->format, "table");
    bool is_json = strcmp(format, "json") == 0;
    if (!is_json && strcmp(format, "table") != 0)
        return error_set(error, ERROR_INVALID, "--output: \"%.40s\" must be table or json", format);
    bool is_made = certs_place_open(line, error, &place) &&
                   certs_place_read_serving(&place, line, error, &served) &&
                   certs_report_make(&place, line, served, time(NULL), error, &report);
    certs_place_close(&place);
    if (!is_made || (is_json && !json_print(report, true, error, &text)))
        return false;
    if (is_json)
        buffer_append_format(output, "%s\n", text);
    else
        certs_report_append_table(report, output);
    return true;
}
