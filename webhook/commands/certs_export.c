#include "common/base64.h"
#include "webhook/commands/certs.h"

#include <string.h>

static bool export(const struct certs_place *place, bool is_base64, struct error *error,
                   struct buffer *output)
{
    struct authorities authorities = {0};
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    if (!certs_place_read(place, error, &authorities, NULL))
        return false;
    bool is_done = authorities_make_bundle(&authorities, error, &bundle) &&
                   certificate_list_append_pem(bundle, error, &pem);
    authorities_done(&authorities);
    if (!is_done)
        return false;
    if (is_base64) {
        base64_append(output, buffer_string(&pem), pem.length);
        buffer_append_character(output, '\n');
    } else {
        buffer_append(output, buffer_string(&pem), pem.length);
    }
    return true;
}

bool certs_export(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code)
{
    (void) exit_code;
    struct certs_place place;
    const char *format = certs_option_or(line->format, "pem");
    bool is_base64 = strcmp(format, "base64") == 0;
    if (!is_base64 && strcmp(format, "pem") != 0)
        return error_set(error, ERROR_INVALID, "--output: \"%.40s\" must be pem or base64", format);
    bool is_done = certs_place_open(line, error, &place) && export(&place, is_base64, error, output);
    certs_place_close(&place);
    return is_done;
}
