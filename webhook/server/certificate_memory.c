#include "webhook/server/certificate_memory.h"

#include <pthread.h>
#include <string.h>

struct certificate_memory {
    pthread_mutex_t mutex;
    struct serving_certificate *current; /* under the mutex; NULL: none yet */
};

bool certificate_memory_new(struct error *error, struct certificate_memory **result)
{
    struct certificate_memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return error_set_no_memory(error);
    pthread_mutex_init(&memory->mutex, NULL);
    *result = memory;
    return true;
}

void certificate_memory_free(struct certificate_memory *memory)
{
    if (!memory)
        return;
    serving_certificate_release(memory->current);
    pthread_mutex_destroy(&memory->mutex);
    free(memory);
}

bool certificate_memory_set(struct certificate_memory *memory, const char *chain_pem, const char *key_pem,
                            struct error *error)
{
    struct serving_certificate *fresh = NULL;
    if (!serving_certificate_parse(chain_pem, strlen(chain_pem), key_pem, strlen(key_pem), time(NULL), error,
                                   &fresh))
        return false;
    pthread_mutex_lock(&memory->mutex);
    struct serving_certificate *old = memory->current;
    memory->current = fresh;
    pthread_mutex_unlock(&memory->mutex);
    serving_certificate_release(old);
    return true;
}

static struct serving_certificate *acquire(void *context)
{
    struct certificate_memory *memory = context;
    pthread_mutex_lock(&memory->mutex);
    struct serving_certificate *certificate =
        memory->current ? serving_certificate_reference(memory->current) : NULL;
    pthread_mutex_unlock(&memory->mutex);
    return certificate;
}

static bool check(void *context, struct error *error)
{
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate = acquire(context);
    if (!certificate)
        return error_set(error, ERROR_FAILED_PRECONDITION, "there is no certificate yet");
    return serving_certificate_check_time(certificate, time(NULL), error);
}

struct certificate_source certificate_memory_source(struct certificate_memory *memory)
{
    return (struct certificate_source){.acquire = acquire, .check = check, .context = memory};
}
