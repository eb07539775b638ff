#include "certs/authorities_document.h"
#include "certs/leaf.h"
#include "webhook/commands/certs.h"
#include "webhook/commands/certs_served.h"
#include "webhook/commands/cluster_client.h"

#include <stdio.h>
#include <string.h>

static bool connect(const struct certs_line *line, struct error *error, struct certs_place *place)
{
    if (!cluster_client_open(line->kubeconfig, line->context, error, &place->client))
        return error_prefix(error, "no --directory is given, so the cluster is asked");
    const char *own = kubernetes_client_configuration(place->client)->namespace_name;
    place->namespace_name =
        certs_option_or(line->options.namespace_name, certs_option_or(own, CERTS_DEFAULT_NAME));
    place->secret =
        (struct secret_store){.client = place->client,
                              .namespace_name = place->namespace_name,
                              .name = certs_option_or(line->options.secret, CERTS_DEFAULT_SECRET)};
    return true;
}

bool certs_place_open(const struct certs_line *line, struct error *error, struct certs_place *place)
{
    *place = (struct certs_place){.is_directory = line->directory != NULL,
                                  .files.descriptor = -1,
                                  .namespace_name =
                                      certs_option_or(line->options.namespace_name, CERTS_DEFAULT_NAME)};
    return line->directory ? file_store_open(line->directory, error, &place->files)
                           : connect(line, error, place);
}

void certs_place_close(struct certs_place *place)
{
    if (place->files.descriptor >= 0)
        file_store_close(&place->files);
    cluster_client_close(place->client);
    *place = (struct certs_place){.files.descriptor = -1};
}

bool certs_place_read(const struct certs_place *place, struct error *error, struct authorities *authorities,
                      cJSON **secret)
{
    _cleanup_(authorities_document_wipep) cJSON *object = NULL;
    if (secret)
        *secret = NULL;
    if (place->is_directory)
        return file_store_read(&place->files, error, authorities);
    if (!secret_store_read(&place->secret, NULL, error, &object))
        return false;
    bool is_read = secret_store_parse(object, error, authorities);
    if (secret)
        *secret = take_pointer(&object);
    return is_read || error_prefix(error, "Secret %s/%s", place->namespace_name, place->secret.name);
}

void certs_place_host(const struct certs_place *place, const struct certs_line *line,
                      char host[CERTS_HOST_BYTES])
{
    if (line->host)
        snprintf(host, CERTS_HOST_BYTES, "%s", line->host);
    else
        snprintf(host, CERTS_HOST_BYTES, "%s.%s.svc",
                 certs_option_or(line->options.service, CERTS_DEFAULT_NAME), place->namespace_name);
}

bool certs_place_read_serving(const struct certs_place *place, const struct certs_line *line,
                              struct error *error, certificate_list **chain)
{
    size_t length = 0;
    char host[CERTS_HOST_BYTES];
    _cleanup_(freep) char *text = NULL;
    *chain = NULL;
    certs_place_host(place, line, host);
    if (line->address)
        return certs_served_read(line->address, host, error, chain);
    if (!place->is_directory)
        return true;
    if (!file_store_read_text(&place->files, FILE_STORE_CERTIFICATE, CERTIFICATE_PEM_BYTES, error, &text,
                              &length))
        return error->code == ERROR_NOT_FOUND;
    return certificate_list_parse(text, length, error, chain) ||
           error_prefix(error, "%s", FILE_STORE_CERTIFICATE);
}

bool certs_place_write(const struct certs_place *place, const cJSON *secret,
                       const struct authorities *authorities, struct error *error)
{
    _cleanup_(authorities_document_wipep) cJSON *written = NULL;
    if (place->is_directory)
        return file_store_write(&place->files, authorities, error);
    return secret_store_write(&place->secret, secret, authorities, NULL, error, &written);
}

static bool are_names_given(const struct certs_options *options)
{
    return options->namespace_name || options->service || options->cluster_domain || options->name_count;
}

/* The names that the line gives; when it gives none, those of the pair that is replaced, if there is one. */
static bool choose_names(const struct certs_place *place, const struct certs_line *line, struct error *error,
                         struct certificate_names *names)
{
    _cleanup_(certificate_list_freep) certificate_list *chain = NULL;
    bool are_kept = !are_names_given(&line->options);
    if (are_kept && !certs_place_read_serving(place, line, error, &chain))
        return error_prefix(error, "names that are to be kept, unless --service is given");
    return chain ? certificate_names_read(sk_X509_value(chain, 0), error, names)
                 : certs_options_names(&line->options, place->namespace_name, error, names);
}

bool certs_write_pair(const struct certs_place *place, const struct certs_line *line,
                      const struct authorities *authorities, struct error *error)
{
    struct leaf leaf = {0};
    struct rotation_policy policy;
    struct certificate_names names = {0};
    if (!certs_options_policy(&line->options, error, &policy) || !choose_names(place, line, error, &names))
        return false;
    /* Nobody makes the pair anew when a cross certificate ends: those that end before it are left out. */
    const struct leaf_plan plan = {.signer = &authorities->current,
                                   .cross = authorities->cross,
                                   .cross_life_s = policy.leaf_life_s,
                                   .names = &names,
                                   .policy = &policy};
    /* The key first: a server that reads between the two sees a pair that does not match and keeps its own.
     */
    bool is_done =
        leaf_issue(&plan, time(NULL), error, &leaf) &&
        file_store_write_text(&place->files, FILE_STORE_KEY, leaf.key_pem, strlen(leaf.key_pem), error) &&
        file_store_write_text(&place->files, FILE_STORE_CERTIFICATE, leaf.chain_pem, strlen(leaf.chain_pem),
                              error);
    leaf_done(&leaf);
    certificate_names_done(&names);
    return is_done;
}
