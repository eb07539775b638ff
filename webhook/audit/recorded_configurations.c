#include "webhook/audit/recorded_configurations.h"

#include "common/buffer.h"
#include "common/digest.h"
#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define SUFFIX ".json"
#define DIGEST_LENGTH (DIGEST_SHA256_HEX_BYTES - 1)

DEFINE_POINTER_CLEANUP(DIR *, closedir)

/* <64 hex digits>.json; a file that is still being written has another name. */
static bool is_configuration_file(const char *name)
{
    return strspn(name, "0123456789abcdef") == DIGEST_LENGTH && strcmp(name + DIGEST_LENGTH, SUFFIX) == 0;
}

/* The recorded object has the keys alone; a configuration file begins with what it is. */
static bool parse(const char *path, const char *text, struct error *error,
                  struct configuration **configuration)
{
    _cleanup_(buffer_done) struct buffer document = BUFFER_INIT(CONFIGURATION_FILE_BYTES);
    buffer_append_format(&document, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",%s", CONFIGURATION_API_VERSION,
                         CONFIGURATION_KIND, text + (*text == '{'));
    if (!buffer_check(&document, error))
        return error_prefix(error, "\"%s\"", path);
    const struct configuration_sources sources = {.file = path, .text = buffer_string(&document)};
    return configuration_load(&sources, error, configuration);
}

static bool read_file(const char *path, const char *expected, struct error *error,
                      struct configuration **configuration)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    char digest[DIGEST_SHA256_HEX_BYTES];
    if (!file_read(path, CONFIGURATION_FILE_BYTES, error, &text, &length))
        return false;
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (!digest_sha256_hex(text, length, error, digest))
        return false;
    if (strncmp(digest, expected, DIGEST_LENGTH) != 0)
        return error_set(error, ERROR_INVALID, "\"%s\": its content has another SHA-256 than its name says",
                         path);
    return parse(path, text, error, configuration);
}

static bool add_file(const char *directory, const char *name, struct error *error,
                     struct recorded_configurations *configurations)
{
    _cleanup_(freep) char *path = NULL;
    _cleanup_(configuration_freep) struct configuration *configuration = NULL;
    if (configurations->count == RECORDED_CONFIGURATIONS)
        return error_set(error, ERROR_TOO_LARGE, "\"%s\": more than %u configurations", directory,
                         RECORDED_CONFIGURATIONS);
    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        path = NULL;
        return error_set_no_memory(error);
    }
    if (!read_file(path, name, error, &configuration))
        return false;
    struct configuration **items =
        realloc(configurations->items, (configurations->count + 1) * sizeof *items);
    if (!items)
        return error_set_no_memory(error);
    items[configurations->count++] = take_pointer(&configuration);
    configurations->items = items;
    return true;
}

static bool read_folder(DIR *stream, const char *folder, struct error *error,
                        struct recorded_configurations *configurations)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0 || error_set_errno(error, ERROR_IO, errno, "\"%s\"", folder);
        if (is_configuration_file(entry->d_name) && !add_file(folder, entry->d_name, error, configurations))
            return false;
    }
}

bool recorded_configurations_read(const char *directory, struct error *error,
                                  struct recorded_configurations *configurations)
{
    _cleanup_(freep) char *folder = NULL;
    if (asprintf(&folder, "%s/%s", directory, RECORDED_CONFIGURATIONS_FOLDER) < 0) {
        folder = NULL;
        return error_set_no_memory(error);
    }
    struct recorded_configurations read = {0};
    _cleanup_(closedirp) DIR *stream = opendir(folder);
    if (!stream && errno != ENOENT)
        return file_set_error(error, errno, folder);
    if (stream && !read_folder(stream, folder, error, &read)) {
        recorded_configurations_done(&read);
        return false;
    }
    *configurations = read;
    return true;
}

const struct configuration *recorded_configurations_find(const struct recorded_configurations *configurations,
                                                         const char *digest)
{
    for (size_t i = 0; i < configurations->count; i++)
        if (strcmp(configurations->items[i]->digest, digest) == 0)
            return configurations->items[i];
    return NULL;
}

void recorded_configurations_done(struct recorded_configurations *configurations)
{
    for (size_t i = 0; i < configurations->count; i++)
        configuration_free(configurations->items[i]);
    free(configurations->items);
    *configurations = (struct recorded_configurations){0};
}
