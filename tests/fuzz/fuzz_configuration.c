/* A configuration file of any bytes. What must hold: no crash, no leak; one that loads prints, and what it
 * prints loads to the same digest. */
#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/injection/configuration.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loads the bytes through a file that exists in memory only. */
static struct configuration *load(const void *data, size_t size)
{
    _cleanup_(closep) int descriptor = memfd_create("configuration", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t) size)
        abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    struct configuration *configuration = NULL;
    struct error error;
    const struct configuration_sources sources = {.file = path};
    return configuration_load(&sources, &error, &configuration) ? configuration : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration *configuration = load(data, size);
    if (!configuration)
        return 0;
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    _cleanup_(freep) char *text = NULL;
    struct error error;
    if (!configuration_to_json(configuration, &error, &document) ||
        !json_print(document, true, &error, &text))
        abort();
    struct configuration *again = load(text, strlen(text));
    if (!again || strcmp(again->digest, configuration->digest) != 0)
        abort();
    configuration_free(again);
    configuration_free(configuration);
    return 0;
}
