#include "certs/authorities_document.h"
#include "webhook/commands/certs.h"

/* Reads the authorities or makes them. When somebody is faster, theirs are taken. */
static bool find_or_make(const struct certs_place *place, const struct certs_line *line, struct error *error,
                         struct authorities *authorities, bool *is_new)
{
    struct rotation_policy policy;
    _cleanup_(authorities_document_wipep) cJSON *secret = NULL;
    *is_new = false;
    if (!certs_options_policy(&line->options, error, &policy))
        return false;
    if (certs_place_read(place, error, authorities, &secret))
        return true;
    if (error->code != ERROR_NOT_FOUND ||
        !authorities_create(policy.algorithm, time(NULL), policy.authority_life_s, error, authorities))
        return false;
    if (certs_place_write(place, secret, authorities, error)) {
        *is_new = true;
        return true;
    }
    authorities_done(authorities);
    return (error->code == ERROR_ALREADY_EXISTS || error->code == ERROR_CONFLICT) &&
           certs_place_read(place, error, authorities, NULL);
}

static bool has_pair(const struct certs_place *place)
{
    return faccessat(place->files.descriptor, FILE_STORE_CERTIFICATE, F_OK, 0) == 0 &&
           faccessat(place->files.descriptor, FILE_STORE_KEY, F_OK, 0) == 0;
}

static bool init(const struct certs_place *place, const struct certs_line *line, struct error *error,
                 struct buffer *output)
{
    bool is_new = false;
    struct authorities authorities = {0};
    struct certificate_names names = {0};
    /* Wrong names are refused before anything is made. */
    if (!certs_options_names(&line->options, place->namespace_name, error, &names))
        return false;
    certificate_names_done(&names);
    if (!find_or_make(place, line, error, &authorities, &is_new))
        return false;
    bool makes_pair = place->is_directory && !has_pair(place);
    bool is_done = !makes_pair || certs_write_pair(place, line, &authorities, error);
    authorities_done(&authorities);
    buffer_append_string(output, is_new ? "made an authority\n" : "there is an authority already\n");
    if (makes_pair)
        buffer_append_format(output, "made %s and %s\n", FILE_STORE_CERTIFICATE, FILE_STORE_KEY);
    return is_done;
}

bool certs_init(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code)
{
    (void) exit_code;
    struct certs_place place;
    if (line->directory && !file_store_make_directory(line->directory, error))
        return false;
    bool is_done = certs_place_open(line, error, &place) && init(&place, line, error, output);
    certs_place_close(&place);
    return is_done;
}
