#include "common/file.h"
#include "common/json.h"
#include "kubernetes/secret.h"
#include "webhook/commands/certs_report.h"
#include "webhook/commands/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096
#define DAYS_MAXIMUM 36500
#define DAY_S ((time_t) 86400)

/* What is to be checked: a pair by a bundle. */
struct pair {
    const char *certificate;
    const char *key;
    const char *bundle; /* NULL: whoever signed it */
    const char *host;   /* NULL: any name */
};

static bool read_days(const char *text, struct error *error, time_t *seconds)
{
    char *end = NULL;
    long days = text ? strtol(text, &end, 10) : 0;
    if (text && (end == text || *end || days < 0 || days > DAYS_MAXIMUM))
        return error_set(error, ERROR_INVALID, "--days: \"%.40s\" must be a number from 0 to %d", text,
                         DAYS_MAXIMUM);
    *seconds = days * DAY_S;
    return true;
}

static bool read_list(const char *path, struct error *error, certificate_list **list)
{
    size_t length = 0;
    _cleanup_(freep) char *text = NULL;
    return file_read(path, CERTIFICATE_PEM_BYTES, error, &text, &length) &&
           (certificate_list_parse(text, length, error, list) || error_prefix(error, "\"%s\"", path));
}

static bool read_key(const char *path, struct error *error, EVP_PKEY **key)
{
    char *text = NULL;
    size_t length = 0;
    if (!file_read(path, KEY_PEM_BYTES, error, &text, &length))
        return false;
    bool is_read = key_parse_pem(text, length, error, key);
    secret_wipe(text, length);
    return is_read || error_prefix(error, "\"%s\"", path);
}

static bool check_pair(const struct pair *pair, time_t margin_s, struct error *error)
{
    _cleanup_(certificate_list_freep) certificate_list *chain = NULL;
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    if (!read_list(pair->certificate, error, &chain) || !read_key(pair->key, error, &key))
        return false;
    if (!certificate_check_key(sk_X509_value(chain, 0), key, error)) {
        error->code = ERROR_FAILED_PRECONDITION;
        return false;
    }
    if (!certificate_check_time(sk_X509_value(chain, 0), time(NULL), margin_s, "the certificate", error))
        return false;
    return !pair->bundle || (read_list(pair->bundle, error, &bundle) &&
                             certificate_verify(chain, bundle, pair->host, time(NULL), error));
}

static bool check_configurations(const cJSON *report, struct error *error)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json_member(report, "webhooks"))
    {
        if (!cJSON_IsTrue(json_member(item, "trusted")))
            return error_set(error, ERROR_FAILED_PRECONDITION, "%s %s does not trust the current authority",
                             cJSON_GetStringValue(json_member(item, "kind")),
                             cJSON_GetStringValue(json_member(item, "name")));
        if (cJSON_IsFalse(json_member(item, "verifies")))
            return error_set(error, ERROR_FAILED_PRECONDITION, "%s %s: %s",
                             cJSON_GetStringValue(json_member(item, "kind")),
                             cJSON_GetStringValue(json_member(item, "name")),
                             cJSON_GetStringValue(json_member(item, "reason")));
    }
    return true;
}

static bool check_files(const struct certs_line *line, time_t margin_s, struct error *error)
{
    char certificate[PATH_BYTES], key[PATH_BYTES], bundle[PATH_BYTES];
    snprintf(certificate, sizeof certificate, "%s/%s", line->directory, FILE_STORE_CERTIFICATE);
    snprintf(key, sizeof key, "%s/%s", line->directory, FILE_STORE_KEY);
    snprintf(bundle, sizeof bundle, "%s/%s", line->directory, FILE_STORE_BUNDLE);
    const struct pair pair = {.certificate = certificate, .key = key, .bundle = bundle, .host = line->host};
    return check_pair(&pair, margin_s, error);
}

/* What is served, by the directory's bundle. */
static bool check_by_bundle(const struct certs_place *place, const struct certs_line *line,
                            const struct authorities *authorities, certificate_list *served,
                            struct error *error)
{
    char host[CERTS_HOST_BYTES];
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    certs_place_host(place, line, host);
    return authorities_make_bundle(authorities, error, &bundle) &&
           certificate_verify(served, bundle, host, time(NULL), error);
}

static bool check_cluster(const struct certs_place *place, const struct certs_line *line,
                          const certificate_list *served, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *report = NULL;
    return certs_report_make(place, line, served, time(NULL), error, &report) &&
           check_configurations(report, error);
}

/* What hangs on the authorities: what is served at the line's address, else the pair of the directory, and
 * what the cluster trusts. */
static bool check_serving(const struct certs_place *place, const struct certs_line *line,
                          const struct authorities *authorities, time_t margin_s, struct error *error)
{
    _cleanup_(certificate_list_freep) certificate_list *served = NULL;
    if (line->address && (!certs_place_read_serving(place, line, error, &served) ||
                          !certificate_check_time(sk_X509_value(served, 0), time(NULL), margin_s,
                                                  "the served certificate", error)))
        return false;
    if (!place->is_directory)
        return check_cluster(place, line, served, error);
    return served ? check_by_bundle(place, line, authorities, served, error)
                  : check_files(line, margin_s, error);
}

static bool check_place(const struct certs_place *place, const struct certs_line *line, time_t margin_s,
                        struct error *error)
{
    struct authorities authorities = {0};
    if (!certs_place_read(place, error, &authorities, NULL))
        return false;
    bool is_valid = certificate_check_time(authorities.current.certificate, time(NULL), margin_s,
                                           "the authority", error) &&
                    check_serving(place, line, &authorities, margin_s, error);
    authorities_done(&authorities);
    return is_valid;
}

bool certs_check(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code)
{
    time_t margin_s = 0;
    bool is_valid = false;
    if (!read_days(line->days, error, &margin_s))
        return false;
    if (line->certificate || line->key) {
        const struct pair pair = {
            .certificate = line->certificate, .key = line->key, .bundle = line->bundle, .host = line->host};
        if (!line->certificate || !line->key)
            return error_set(error, ERROR_INVALID, "--certificate and --key: one without the other");
        if (line->address)
            return error_set(error, ERROR_INVALID, "--address: not together with --certificate");
        if (line->host && !line->bundle)
            return error_set(error, ERROR_INVALID, "--host: means nothing without --bundle");
        is_valid = check_pair(&pair, margin_s, error);
    } else {
        struct certs_place place;
        is_valid = certs_place_open(line, error, &place) && check_place(&place, line, margin_s, error);
        certs_place_close(&place);
    }
    /* What is wrong with the certificates is an answer; all else is a failure. */
    if (!is_valid && error->code != ERROR_FAILED_PRECONDITION)
        return false;
    *exit_code = is_valid ? COMMAND_OK : COMMAND_DENIED;
    buffer_append_format(output, "%s\n", is_valid ? "ok" : error->message);
    return true;
}
