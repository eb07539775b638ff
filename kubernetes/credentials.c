#include "kubernetes/credentials.h"

#include "common/file.h"
#include "kubernetes/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What tells one version of a file from the next; a mounted Secret swaps a symbolic link, so the inode
 * changes. */
struct file_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

/* One material with its current content. */
struct current_material {
    const struct kubernetes_material *source;
    struct file_identity identity;
    char *data; /* NULL: none configured */
    size_t length;
};

struct kubernetes_credentials {
    pthread_mutex_t mutex; /* guards all below */
    struct current_material authority;
    struct current_material client_certificate;
    struct current_material client_key;
    struct current_material token;
    bool is_insecure;
    uint64_t generation;
};

static bool identify(const char *path, struct file_identity *identity)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return false;
    *identity = (struct file_identity){
        .device = status.st_dev, .inode = status.st_ino, .size = status.st_size, .modified = status.st_mtim};
    return true;
}

static bool is_same_file(const struct file_identity *left, const struct file_identity *right)
{
    return left->device == right->device && left->inode == right->inode && left->size == right->size &&
           left->modified.tv_sec == right->modified.tv_sec &&
           left->modified.tv_nsec == right->modified.tv_nsec;
}

static void replace_data(struct current_material *material, char *data, size_t length)
{
    secret_wipe(material->data, material->length);
    material->data = data;
    material->length = length;
}

static bool load_first(struct current_material *material, const struct kubernetes_material *source,
                       struct error *error)
{
    material->source = source;
    if (source->path) {
        /* Identified before it is read: a change in between is seen as one, once too often rather than never.
         */
        identify(source->path, &material->identity);
        return file_read(source->path, KUBERNETES_FILE_BYTES, error, &material->data, &material->length);
    }
    if (!source->data)
        return true;
    material->data = malloc(source->length + 1);
    if (!material->data)
        return error_set_no_memory(error);
    memcpy(material->data, source->data, source->length);
    material->data[source->length] = '\0';
    material->length = source->length;
    return true;
}

/* Reads a changed file again; true when the content is another. */
static bool refresh(struct current_material *material)
{
    struct file_identity identity = {0};
    if (!material->source->path || !identify(material->source->path, &identity) ||
        is_same_file(&identity, &material->identity))
        return false;
    char *data = NULL;
    size_t length = 0;
    struct error unread;
    if (!file_read(material->source->path, KUBERNETES_FILE_BYTES, &unread, &data, &length))
        return false;
    material->identity = identity;
    bool is_changed = length != material->length || memcmp(data, material->data, length) != 0;
    replace_data(material, data, length);
    return is_changed;
}

bool kubernetes_credentials_new(const struct kubernetes_configuration *configuration, struct error *error,
                                struct kubernetes_credentials **credentials)
{
    struct kubernetes_credentials *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    made->is_insecure = configuration->is_insecure;
    if (!load_first(&made->authority, &configuration->authority, error) ||
        !load_first(&made->client_certificate, &configuration->client_certificate, error) ||
        !load_first(&made->client_key, &configuration->client_key, error) ||
        !load_first(&made->token, &configuration->token, error)) {
        kubernetes_credentials_free(made);
        return false;
    }
    *credentials = made;
    return true;
}

void kubernetes_credentials_free(struct kubernetes_credentials *credentials)
{
    if (!credentials)
        return;
    replace_data(&credentials->authority, NULL, 0);
    replace_data(&credentials->client_certificate, NULL, 0);
    replace_data(&credentials->client_key, NULL, 0);
    replace_data(&credentials->token, NULL, 0);
    pthread_mutex_destroy(&credentials->mutex);
    free(credentials);
}

uint64_t kubernetes_credentials_generation(struct kubernetes_credentials *credentials)
{
    pthread_mutex_lock(&credentials->mutex);
    bool authority_changed = refresh(&credentials->authority);
    bool certificate_changed = refresh(&credentials->client_certificate);
    bool key_changed = refresh(&credentials->client_key);
    if (authority_changed || certificate_changed || key_changed)
        credentials->generation++;
    uint64_t generation = credentials->generation;
    pthread_mutex_unlock(&credentials->mutex);
    return generation;
}

static CURLcode set_blob(CURL *easy, CURLoption option, const struct current_material *material)
{
    if (!material->data)
        return CURLE_OK;
    struct curl_blob blob = {.data = material->data, .len = material->length, .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

/* Certificates and key alone; the mutex is held. */
static CURLcode set_tls(const struct kubernetes_credentials *credentials, CURL *easy)
{
    /* With an authority of the cluster's own, the system's must not count: neither its file nor its
     * directory. */
    if (credentials->authority.data) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, credentials->is_insecure ? 0L : 1L),
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, credentials->is_insecure ? 0L : 2L),
        set_blob(easy, CURLOPT_CAINFO_BLOB, &credentials->authority),
        set_blob(easy, CURLOPT_SSLCERT_BLOB, &credentials->client_certificate),
        set_blob(easy, CURLOPT_SSLKEY_BLOB, &credentials->client_key),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] != CURLE_OK)
            return codes[i];
    }
    return CURLE_OK;
}

static bool check_code(CURLcode code, struct error *error)
{
    if (code == CURLE_OK)
        return true;
    return error_set(error, code == CURLE_OUT_OF_MEMORY ? ERROR_NO_MEMORY : ERROR_INTERNAL,
                     "cannot set credentials: %s", curl_easy_strerror(code));
}

bool kubernetes_credentials_apply_tls(struct kubernetes_credentials *credentials, CURL *easy,
                                      struct error *error)
{
    pthread_mutex_lock(&credentials->mutex);
    CURLcode code = set_tls(credentials, easy);
    pthread_mutex_unlock(&credentials->mutex);
    return check_code(code, error);
}

/* The token without the line end that files have; an empty or unprintable one would be another header. */
static CURLcode set_token(struct current_material *token, CURL *easy, bool *is_usable)
{
    refresh(token);
    size_t length = token->length;
    while (length && strchr(" \t\r\n", token->data[length - 1]))
        length--;
    *is_usable = length > 0;
    for (size_t i = 0; i < length; i++)
        *is_usable = *is_usable && token->data[i] > ' ' && token->data[i] < 0x7f;
    if (!*is_usable)
        return CURLE_OK;
    char ending = token->data[length];
    token->data[length] = '\0';
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    CURLcode code = curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, token->data);
    token->data[length] = ending;
    return code;
}

bool kubernetes_credentials_apply_token(struct kubernetes_credentials *credentials, CURL *easy,
                                        struct error *error)
{
    bool is_usable = true;
    CURLcode code = CURLE_OK;
    pthread_mutex_lock(&credentials->mutex);
    if (credentials->token.data)
        code = set_token(&credentials->token, easy, &is_usable);
    pthread_mutex_unlock(&credentials->mutex);
    if (!is_usable)
        return error_set(error, ERROR_INVALID, "token: must be one line of printable characters");
    return check_code(code, error);
}
