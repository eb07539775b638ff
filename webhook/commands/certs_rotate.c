#include "certs/authorities_document.h"
#include "webhook/commands/certs.h"

static bool check_line(const struct certs_line *line, struct error *error)
{
    if (line->is_promotion && !line->is_authority)
        return error_set(error, ERROR_INVALID, "--promote: means nothing without --authority");
    if (!line->directory && !line->is_authority)
        return error_set(
            error, ERROR_INVALID,
            "in the cluster only --authority: serving certificates live in the injectors' memory "
            "and are renewed by them");
    if (!line->directory && line->is_promotion)
        return error_set(
            error, ERROR_INVALID,
            "--promote: in the cluster the injectors do that, once every caBundle is known to hold "
            "the next authority");
    return true;
}

/* Takes the step that was asked for, in memory; `*renews_pair` tells whether the pair is made again. */
static bool change(const struct certs_line *line, const struct rotation_policy *policy,
                   struct authorities *authorities, struct error *error, struct buffer *output,
                   bool *renews_pair)
{
    time_t now = time(NULL);
    if (line->directory)
        authorities_drop(authorities, now);
    *renews_pair = !line->is_authority || line->is_promotion;
    if (line->is_promotion) {
        buffer_append_string(output, "the next authority signs from now on\n");
        return authorities_promote(authorities, now, rotation_retired_until(policy, now), error);
    }
    if (line->is_authority && authorities->retired_count == AUTHORITIES_RETIRED_MAXIMUM)
        return error_set(error, ERROR_FAILED_PRECONDITION,
                         "%d authorities are retired already: another could not sign until one has gone",
                         AUTHORITIES_RETIRED_MAXIMUM);
    if (line->is_authority) {
        buffer_append_string(output, "made the next authority\n");
        return authorities_prepare(authorities, policy->algorithm, now, policy->authority_life_s, error);
    }
    return true;
}

static bool rotate(const struct certs_place *place, const struct certs_line *line, struct error *error,
                   struct buffer *output)
{
    bool renews_pair = false;
    struct rotation_policy policy;
    struct authorities authorities = {0};
    _cleanup_(authorities_document_wipep) cJSON *secret = NULL;
    if (!certs_options_policy(&line->options, error, &policy) ||
        !certs_place_read(place, error, &authorities, &secret))
        return false;
    bool is_done = change(line, &policy, &authorities, error, output, &renews_pair) &&
                   certs_place_write(place, secret, &authorities, error) &&
                   (!renews_pair || certs_write_pair(place, line, &authorities, error));
    authorities_done(&authorities);
    if (is_done && renews_pair)
        buffer_append_format(output, "made %s and %s\n", FILE_STORE_CERTIFICATE, FILE_STORE_KEY);
    return is_done;
}

bool certs_rotate(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code)
{
    (void) exit_code;
    struct certs_place place;
    if (!check_line(line, error))
        return false;
    bool is_done = certs_place_open(line, error, &place) && rotate(&place, line, error, output);
    certs_place_close(&place);
    return is_done;
}
