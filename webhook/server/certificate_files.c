#include "webhook/server/certificate_files.h"

#include "common/file.h"

#include <pthread.h>
#include <string.h>

struct certificate_files {
    const char *certificate_path;
    const char *key_path;
    pthread_mutex_t mutex;
    struct serving_certificate *current; /* under the mutex; never NULL once made */
};

/* Frees the text of a key without leaving it in memory. */
static void wipe(char *text, size_t length)
{
    if (text)
        explicit_bzero(text, length);
    free(text);
}

static bool read_pair(const struct certificate_files *files, struct error *error,
                      struct serving_certificate **certificate)
{
    _cleanup_(freep) char *chain = NULL;
    char *key = NULL;
    size_t chain_length = 0, key_length = 0;
    if (!file_read(files->certificate_path, SERVING_CERTIFICATE_BYTES, error, &chain, &chain_length) ||
        !file_read(files->key_path, SERVING_CERTIFICATE_BYTES, error, &key, &key_length))
        return false;
    bool is_usable =
        serving_certificate_parse(chain, chain_length, key, key_length, time(NULL), error, certificate);
    wipe(key, key_length);
    if (!is_usable)
        return error_prefix(error, "\"%s\", \"%s\"", files->certificate_path, files->key_path);
    return true;
}

bool certificate_files_reload(struct certificate_files *files, struct error *error)
{
    struct serving_certificate *fresh = NULL;
    if (!read_pair(files, error, &fresh))
        return false;
    pthread_mutex_lock(&files->mutex);
    struct serving_certificate *old = files->current;
    files->current = fresh;
    pthread_mutex_unlock(&files->mutex);
    serving_certificate_release(old);
    return true;
}

bool certificate_files_new(const char *certificate_path, const char *key_path, struct error *error,
                           struct certificate_files **result)
{
    struct certificate_files *files = calloc(1, sizeof *files);
    if (!files)
        return error_set_no_memory(error);
    files->certificate_path = certificate_path;
    files->key_path = key_path;
    pthread_mutex_init(&files->mutex, NULL);
    if (!certificate_files_reload(files, error)) {
        certificate_files_free(files);
        return false;
    }
    *result = files;
    return true;
}

void certificate_files_free(struct certificate_files *files)
{
    if (!files)
        return;
    serving_certificate_release(files->current);
    pthread_mutex_destroy(&files->mutex);
    free(files);
}

static struct serving_certificate *acquire(void *context)
{
    struct certificate_files *files = context;
    pthread_mutex_lock(&files->mutex);
    struct serving_certificate *certificate = serving_certificate_reference(files->current);
    pthread_mutex_unlock(&files->mutex);
    return certificate;
}

static bool check(void *context, struct error *error)
{
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = acquire(context);
    return serving_certificate_check_time(certificate, time(NULL), error);
}

time_t certificate_files_expiry(struct certificate_files *files)
{
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = acquire(files);
    return certificate->not_after;
}

struct certificate_source certificate_files_source(struct certificate_files *files)
{
    return (struct certificate_source){.acquire = acquire, .check = check, .context = files};
}
