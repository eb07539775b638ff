/* The API server presents a client certificate to a webhook when an admission configuration names a
 * kubeconfig whose users are called like the webhook's host. */
#include "common/base64.h"
#include "common/yaml.h"
#include "kubernetes/secret.h"
#include "webhook/commands/certs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CLIENT_AUTHORITY_FILE "client-ca.crt"
#define KUBECONFIG_FILE "kubeconfig"
#define CONFIGURATION_FILE "admission-configuration.yaml"
#define CLIENT_LIFE_S ((time_t) 365 * 86400)
#define CLIENT_DEFAULT_NAME "kube-apiserver"
#define HOST_BYTES 256
/* Authorities of earlier runs that stay valid, so that the server accepts the old certificate until the API
 * server has the new one. */
#define EARLIER_AUTHORITIES 3

struct client {
    struct authority authority;
    X509 *certificate;
    EVP_PKEY *key;
};

static void client_done(struct client *client)
{
    authority_done(&client->authority);
    X509_free(client->certificate);
    EVP_PKEY_free(client->key);
}

/* The authority's key is not kept: it signs this one certificate. */
static bool make_client(const struct certs_line *line, struct error *error, struct client *client)
{
    time_t now = time(NULL), life_s = CLIENT_LIFE_S;
    enum key_algorithm algorithm = KEY_ECDSA_P256;
    if (line->options.life && !certs_options_parse_life(line->options.life, 60, error, &life_s))
        return error_prefix(error, "--certificate-life");
    if (line->options.algorithm && !key_algorithm_parse(line->options.algorithm, error, &algorithm))
        return error_prefix(error, "--certificate-algorithm");
    return issue_authority(algorithm, now, life_s, error, &client->authority) &&
           key_generate(algorithm, error, &client->key) &&
           issue_client(&client->authority, client->key,
                        certs_option_or(line->client_name, CLIENT_DEFAULT_NAME), now, life_s, error,
                        &client->certificate);
}

static bool append_base64(struct buffer *text, const char *data, struct error *error)
{
    base64_append(text, data, strlen(data));
    return buffer_check(text, error);
}

/* A kubeconfig of nothing but the user. The buffer is wiped by the caller. */
static bool print_kubeconfig(const struct client *client, const char *host, struct error *error,
                             struct buffer *text)
{
    _cleanup_(secret_freep) char *key = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    if (!key_print_pem(client->key, error, &key) || !certificate_append_pem(client->certificate, error, &pem))
        return false;
    buffer_append_format(text, "apiVersion: v1\nkind: Config\nusers:\n- name: %s\n  user:\n", host);
    buffer_append_string(text, "    client-certificate-data: ");
    if (!append_base64(text, buffer_string(&pem), error))
        return false;
    buffer_append_string(text, "\n    client-key-data: ");
    if (!append_base64(text, key, error))
        return false;
    buffer_append_string(text, "\n");
    return buffer_check(text, error);
}

static bool add_plugin(cJSON *plugins, const char *name, const char *kubeconfig)
{
    cJSON *plugin = cJSON_CreateObject();
    if (!plugin || !cJSON_AddItemToArray(plugins, plugin)) {
        cJSON_Delete(plugin);
        return false;
    }
    cJSON *configuration = cJSON_AddStringToObject(plugin, "name", name)
                               ? cJSON_AddObjectToObject(plugin, "configuration")
                               : NULL;
    return configuration &&
           cJSON_AddStringToObject(configuration, "apiVersion", "apiserver.config.k8s.io/v1") &&
           cJSON_AddStringToObject(configuration, "kind", "WebhookAdmissionConfiguration") &&
           cJSON_AddStringToObject(configuration, "kubeConfigFile", kubeconfig);
}

static bool print_configuration(const char *kubeconfig, struct error *error, struct buffer *text)
{
    _cleanup_(cJSON_Deletep) cJSON *document = cJSON_CreateObject();
    cJSON *plugins = NULL;
    if (!document || !cJSON_AddStringToObject(document, "apiVersion", "apiserver.config.k8s.io/v1") ||
        !cJSON_AddStringToObject(document, "kind", "AdmissionConfiguration") ||
        !(plugins = cJSON_AddArrayToObject(document, "plugins")) ||
        !add_plugin(plugins, "MutatingAdmissionWebhook", kubeconfig) ||
        !add_plugin(plugins, "ValidatingAdmissionWebhook", kubeconfig))
        return error_set_no_memory(error);
    return yaml_append_document(document, error, text);
}

/* Appends the authorities of an earlier run that have not expired. */
static bool append_earlier(const struct file_store *files, struct error *error, struct buffer *pem)
{
    size_t length = 0;
    _cleanup_(freep) char *text = NULL;
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    if (!file_store_read_text(files, CLIENT_AUTHORITY_FILE, CERTIFICATE_PEM_BYTES, error, &text, &length))
        return error->code == ERROR_NOT_FOUND;
    if (!certificate_list_parse(text, length, error, &list))
        return error_prefix(error, "\"%s/%s\"", files->path, CLIENT_AUTHORITY_FILE);
    int kept = 0;
    for (int i = 0; i < sk_X509_num(list) && kept < EARLIER_AUTHORITIES; i++) {
        time_t start = 0, end = 0;
        if (!certificate_read_validity(sk_X509_value(list, i), error, &start, &end))
            return false;
        if (time(NULL) >= end)
            continue;
        if (!certificate_append_pem(sk_X509_value(list, i), error, pem))
            return false;
        kept++;
    }
    return true;
}

static bool write_authorities(const struct file_store *files, const struct client *client,
                              struct error *error)
{
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    return certificate_append_pem(client->authority.certificate, error, &pem) &&
           append_earlier(files, error, &pem) &&
           file_store_write_text(files, CLIENT_AUTHORITY_FILE, buffer_string(&pem), pem.length, error);
}

static bool write_kubeconfig(const struct file_store *files, const struct client *client, const char *host,
                             struct error *error)
{
    struct buffer text = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    bool is_done = print_kubeconfig(client, host, error, &text) &&
                   file_store_write_text(files, KUBECONFIG_FILE, buffer_string(&text), text.length, error);
    if (text.data)
        explicit_bzero(text.data, text.reserved);
    buffer_done(&text);
    return is_done;
}

static bool write_configuration(const struct file_store *files, const struct certs_line *line,
                                struct error *error)
{
    char path[PATH_MAX], absolute[PATH_MAX];
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    const char *folder = line->server_path ? line->server_path : realpath(files->path, absolute);
    if (!folder)
        return error_set(error, ERROR_IO, "cannot resolve \"%s\"", files->path);
    if ((size_t) snprintf(path, sizeof path, "%s/%s", folder, KUBECONFIG_FILE) >= sizeof path)
        return error_set(error, ERROR_INVALID, "--server-path: too long");
    return print_configuration(path, error, &text) &&
           file_store_write_text(files, CONFIGURATION_FILE, buffer_string(&text), text.length, error);
}

bool certs_admission_kubeconfig(const struct certs_line *line, struct error *error, struct buffer *output,
                                int *exit_code)
{
    (void) exit_code;
    char host[HOST_BYTES];
    struct client client = {0};
    struct certificate_names names = {0};
    struct file_store files = {.descriptor = -1};
    if (!line->directory)
        return error_set(error, ERROR_INVALID, "--directory is needed");
    const char *namespace_name = certs_option_or(line->options.namespace_name, CERTS_DEFAULT_NAME);
    if (!certs_options_names(&line->options, namespace_name, error, &names))
        return false;
    snprintf(host, sizeof host, "%s", names.items[0]);
    certificate_names_done(&names);
    bool is_done = make_client(line, error, &client) && file_store_make_directory(line->directory, error) &&
                   file_store_open(line->directory, error, &files) &&
                   write_authorities(&files, &client, error) &&
                   write_kubeconfig(&files, &client, host, error) && write_configuration(&files, line, error);
    if (files.descriptor >= 0)
        file_store_close(&files);
    client_done(&client);
    buffer_append_format(output,
                         "made %s, %s and %s\n"
                         "Give the first to the injector:       serve --client-ca FILE --client-name %s\n"
                         "and the others to every API server:   --admission-control-config-file=FILE\n",
                         CLIENT_AUTHORITY_FILE, KUBECONFIG_FILE, CONFIGURATION_FILE,
                         certs_option_or(line->client_name, CLIENT_DEFAULT_NAME));
    return is_done;
}
