#include "kubernetes/kubeconfig.h"

#include "common/base64.h"
#include "common/json.h"
#include "kubernetes/configuration_check.h"
#include "kubernetes/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An entry with the place that messages name. */
struct place {
    const struct kubeconfig_entry *entry;
    const struct json_path *path; /* clusters[0].cluster */
};

static bool in_file(const struct place *place, struct error *error)
{
    return error_prefix(error, "kubeconfig \"%s\"", place->entry->file->path);
}

/* A copy of a string member, NULL when it is absent or empty. */
static bool copy_string(const struct place *place, const char *key, struct error *error, char **copy)
{
    const char *value = NULL;
    if (!json_read_string(place->entry->content, place->path, key, error, &value))
        return in_file(place, error);
    *copy = value && *value ? strdup(value) : NULL;
    return *copy || !value || !*value || error_set_no_memory(error);
}

/* The path of a file named in an entry: relative ones are relative to the kubeconfig that names them. */
static bool copy_path(const struct place *place, const char *key, struct error *error, char **path)
{
    _cleanup_(freep) char *named = NULL;
    if (!copy_string(place, key, error, &named))
        return false;
    const char *file = place->entry->file->path;
    const char *slash = strrchr(file, '/');
    if (!named || *named == '/' || !slash) {
        *path = take_pointer(&named);
        return true;
    }
    if (asprintf(path, "%.*s/%s", (int) (slash - file), file, named) >= 0)
        return true;
    *path = NULL;
    return error_set_no_memory(error);
}

/* Base64 as YAML may hold it, with line breaks; into `material`. */
static bool decode(const char *text, struct error *error, struct kubernetes_material *material)
{
    size_t text_length = strlen(text);
    _cleanup_(secret_freep) char *packed = malloc(text_length + 1);
    if (!packed)
        return error_set_no_memory(error);
    size_t length = 0;
    for (size_t i = 0; i < text_length; i++) {
        if (text[i] != '\n' && text[i] != '\r')
            packed[length++] = text[i];
    }
    packed[length] = '\0';
    /* Reserved in advance, so that no reallocation leaves a copy of a key behind; a failure shows in the
     * decoding. */
    struct buffer decoded = BUFFER_INIT(KUBERNETES_FILE_BYTES);
    buffer_reserve(&decoded, length / 4 * 3);
    if (!base64_decode(packed, length, error, &decoded)) {
        secret_wipe(decoded.data, decoded.reserved);
        return false;
    }
    material->length = decoded.length;
    return buffer_take(&decoded, error, &material->data);
}

/* `<key>-data`, else the file that `key` names, as kubectl prefers them. */
static bool read_material(const struct place *place, const char *key, struct error *error,
                          struct kubernetes_material *material)
{
    char data_key[64];
    const char *text = NULL;
    snprintf(data_key, sizeof data_key, "%s-data", key);
    if (!json_read_string(place->entry->content, place->path, data_key, error, &text))
        return in_file(place, error);
    if (!text || !*text)
        return copy_path(place, key, error, &material->path);
    struct error undecoded;
    if (decode(text, &undecoded, material))
        return true;
    if (undecoded.code == ERROR_NO_MEMORY)
        return error_set_no_memory(error);
    json_set_invalid(error, JSON_MEMBER(place->path, data_key), "%s", undecoded.message);
    return in_file(place, error);
}

static bool read_cluster(const struct place *place, struct error *error,
                         struct kubernetes_configuration *configuration)
{
    if (!copy_string(place, "server", error, &configuration->server) ||
        !copy_string(place, "tls-server-name", error, &configuration->tls_server_name) ||
        !copy_string(place, "proxy-url", error, &configuration->proxy_url) ||
        !read_material(place, "certificate-authority", error, &configuration->authority))
        return false;
    if (!configuration->server) {
        json_set_invalid(error, JSON_MEMBER(place->path, "server"), "must not be empty");
        return in_file(place, error);
    }
    return json_read_boolean(place->entry->content, place->path, "insecure-skip-tls-verify", false, error,
                             &configuration->is_insecure) ||
           in_file(place, error);
}

static bool refuse_unserved(const struct place *place, struct error *error)
{
    static const struct {
        const char *key;
        const char *reason;
    } unserved[] = {
        {"exec", "credential plugins are not run; use a token, tokenFile or client certificate"},
        {"auth-provider", "auth providers are not supported; use a token, tokenFile or client certificate"},
        {"username", "user names with passwords are not supported; use a token or client certificate"},
        {"password", "user names with passwords are not supported; use a token or client certificate"},
        {"as", "impersonation is not supported"},
        {"as-uid", "impersonation is not supported"},
        {"as-groups", "impersonation is not supported"},
        {"as-user-extra", "impersonation is not supported"},
    };
    for (size_t i = 0; i < sizeof unserved / sizeof *unserved; i++) {
        if (!json_member(place->entry->content, unserved[i].key))
            continue;
        json_set_invalid(error, JSON_MEMBER(place->path, unserved[i].key), "%s", unserved[i].reason);
        return in_file(place, error);
    }
    return true;
}

static bool read_user(const struct place *place, struct error *error,
                      struct kubernetes_configuration *configuration)
{
    struct kubernetes_material *token = &configuration->token;
    if (!refuse_unserved(place, error) ||
        !read_material(place, "client-certificate", error, &configuration->client_certificate) ||
        !read_material(place, "client-key", error, &configuration->client_key) ||
        !copy_path(place, "tokenFile", error, &token->path))
        return false;
    /* A token file is preferred to a token, as kubectl does. */
    if (token->path)
        return true;
    if (!copy_string(place, "token", error, &token->data))
        return false;
    token->length = token->data ? strlen(token->data) : 0;
    return true;
}

/* Reads one entry of the lists by name. */
static bool read_entry(const struct kubeconfig_files *files, const char *list, const char *member,
                       const char *name,
                       bool (*read)(const struct place *place, struct error *error,
                                    struct kubernetes_configuration *configuration),
                       struct error *error, struct kubernetes_configuration *configuration)
{
    struct kubeconfig_entry entry;
    if (!kubeconfig_files_find(files, list, member, name, error, &entry))
        return false;
    const struct json_path *list_path = JSON_MEMBER(JSON_ROOT, list);
    const struct json_path *item_path = JSON_ELEMENT(list_path, entry.index);
    const struct place place = {.entry = &entry, .path = JSON_MEMBER(item_path, member)};
    return read(&place, error, configuration);
}

static bool choose_context(const struct kubeconfig_files *files, const char *context, struct error *error,
                           const char **name)
{
    if (context && *context) {
        *name = context;
        return true;
    }
    if (!kubeconfig_files_current_context(files, error, name))
        return false;
    return *name || error_set(error, ERROR_INVALID, "kubeconfig \"%s\": current-context: must not be empty",
                              files->items[0].path);
}

static bool read_context(const struct kubeconfig_files *files, const char *name, struct error *error,
                         struct kubernetes_configuration *configuration)
{
    struct kubeconfig_entry entry;
    _cleanup_(freep) char *cluster = NULL;
    _cleanup_(freep) char *user = NULL;
    if (!kubeconfig_files_find(files, "contexts", "context", name, error, &entry))
        return false;
    const struct json_path *list_path = JSON_MEMBER(JSON_ROOT, "contexts");
    const struct json_path *item_path = JSON_ELEMENT(list_path, entry.index);
    const struct place place = {.entry = &entry, .path = JSON_MEMBER(item_path, "context")};
    if (asprintf(&configuration->source, "kubeconfig \"%s\", context \"%s\"", entry.file->path, name) < 0) {
        configuration->source = NULL;
        return error_set_no_memory(error);
    }
    if (!copy_string(&place, "cluster", error, &cluster) || !copy_string(&place, "user", error, &user) ||
        !copy_string(&place, "namespace", error, &configuration->namespace_name))
        return false;
    if (!cluster) {
        json_set_invalid(error, JSON_MEMBER(place.path, "cluster"), "must not be empty");
        return in_file(&place, error);
    }
    return read_entry(files, "clusters", "cluster", cluster, read_cluster, error, configuration) &&
           (!user || read_entry(files, "users", "user", user, read_user, error, configuration));
}

bool kubeconfig_resolve(const struct kubeconfig_files *files, const char *context, struct error *error,
                        struct kubernetes_configuration **configuration)
{
    const char *name = NULL;
    if (!choose_context(files, context, error, &name))
        return false;
    _cleanup_(kubernetes_configuration_freep) struct kubernetes_configuration *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    if (!read_context(files, name, error, made) || !configuration_check(made, error))
        return false;
    *configuration = take_pointer(&made);
    return true;
}
