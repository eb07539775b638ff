#include "webhook/injection/configuration_file.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/yaml.h"
#include "webhook/injection/configuration_value.h"

#include <stdlib.h>
#include <string.h>

/* What no key of the table comes near; a longer one is unknown. */
#define KEY_BYTES 128

static const struct yaml_limits yaml_limits = {
    .bytes = CONFIGURATION_FILE_BYTES,
    .depth = 16,
    .nodes = 65536,
    .documents = 1,
};

struct reading {
    const char *path;
    const struct yaml_documents *documents;
    struct configuration *configuration;
    configuration_file_seen *seen;
    void *context;
    struct error *error;
};

/* Puts file and line in front of the message. */
static bool fail_at(const struct reading *reading, const cJSON *value)
{
    unsigned line = yaml_line_of(reading->documents, value);
    if (line)
        return error_prefix(reading->error, "config \"%s\" line %u", reading->path, line);
    return error_prefix(reading->error, "config \"%s\"", reading->path);
}

static bool fail_unknown(const struct reading *reading, const cJSON *member, const char *prefix)
{
    error_set(reading->error, ERROR_INVALID, "unknown key \"%s%s%s\"", prefix, *prefix ? "." : "",
              member->string);
    return fail_at(reading, member);
}

static bool read_option(const struct reading *reading, const struct option *option, const cJSON *value)
{
    const cJSON *culprit;
    if (cJSON_IsNull(value))
        return true;
    if (!option_set_json(option, value, reading->configuration, reading->error, &culprit))
        return reading->error->code == ERROR_NO_MEMORY ? false : fail_at(reading, culprit);
    reading->seen(reading->context, option, yaml_line_of(reading->documents, value));
    return true;
}

static bool read_group(const struct reading *reading, const cJSON *object, const char *prefix);

static bool read_member(const struct reading *reading, const cJSON *member, const char *prefix)
{
    char key[KEY_BYTES];
    int length = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", member->string);
    const struct option *option = option_find_key(key);
    /* A dot in a member's own name would pass for a step down. */
    if (length >= (int) sizeof key || strchr(member->string, '.') || (!option && !option_is_group(key)))
        return fail_unknown(reading, member, prefix);
    if (option)
        return read_option(reading, option, member);
    if (cJSON_IsNull(member))
        return true;
    if (!cJSON_IsObject(member)) {
        error_set(reading->error, ERROR_INVALID, "%s: must be a map", key);
        return fail_at(reading, member);
    }
    return read_group(reading, member, key);
}

/* Recursion is as deep as the keys of the table. */
static bool read_group(const struct reading *reading, const cJSON *object, const char *prefix)
{
    for (const cJSON *member = object->child; member; member = member->next) {
        bool is_header =
            !*prefix && (strcmp(member->string, "apiVersion") == 0 || strcmp(member->string, "kind") == 0);
        if (!is_header && !read_member(reading, member, prefix))
            return false;
    }
    return true;
}

static bool check_header(const struct reading *reading, const cJSON *root, const char *key,
                         const char *expected)
{
    const cJSON *value = json_member(root, key);
    if (cJSON_IsString(value) && strcmp(value->valuestring, expected) == 0)
        return true;
    error_set(reading->error, ERROR_INVALID, "%s: must be %s", key, expected);
    return fail_at(reading, value ? value : root);
}

static bool read_documents(const struct reading *reading)
{
    if (reading->documents->count == 0)
        return error_set(reading->error, ERROR_INVALID,
                         "config \"%s\": is empty: it needs at least apiVersion "
                         "and kind",
                         reading->path);
    const cJSON *root = reading->documents->items[0];
    if (!cJSON_IsObject(root)) {
        error_set(reading->error, ERROR_INVALID, "must be a map");
        return fail_at(reading, root);
    }
    return check_header(reading, root, "apiVersion", CONFIGURATION_API_VERSION) &&
           check_header(reading, root, "kind", CONFIGURATION_KIND) && read_group(reading, root, "");
}

/* Reads and parses. The messages of both begin with a place of their own: `"path": ...`, `line 3 ...`. */
static bool parse_file(const char *path, const char *text, struct error *error,
                       struct yaml_documents *documents)
{
    _cleanup_(freep) char *content = NULL;
    size_t length = text ? strlen(text) : 0;
    if (!text && !file_read(path, CONFIGURATION_FILE_BYTES, error, &content, &length))
        return error_set(error, error->code, "config %s", error->message);
    if (!text)
        text = content;
    return yaml_parse_documents(text, length, &yaml_limits, error, documents) ||
           error_set(error, error->code, "config \"%s\" %s", path, error->message);
}

bool configuration_file_read(const char *path, const char *text, configuration_file_seen *seen, void *context,
                             struct configuration *configuration, struct error *error)
{
    _cleanup_(yaml_documents_done) struct yaml_documents documents = {0};
    if (!parse_file(path, text, error, &documents))
        return false;
    const struct reading reading = {
        .path = path,
        .documents = &documents,
        .configuration = configuration,
        .seen = seen,
        .context = context,
        .error = error,
    };
    return read_documents(&reading);
}
