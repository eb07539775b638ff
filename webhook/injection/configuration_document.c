#include "webhook/injection/configuration_document.h"

#include "common/buffer.h"
#include "common/cleanup.h"
#include "webhook/injection/configuration_value.h"

#include <string.h>

/* The object that the last part of `key` is a member of, made as far as it is missing; NULL without memory.
 */
static cJSON *open_group(cJSON *document, const char *key, const char **name)
{
    cJSON *object = document;
    const char *dot;
    for (; object && (dot = strchr(key, '.')); key = dot + 1) {
        char part[64];
        snprintf(part, sizeof part, "%.*s", (int) (dot - key), key);
        cJSON *group = cJSON_GetObjectItemCaseSensitive(object, part);
        object = group ? group : cJSON_AddObjectToObject(object, part);
    }
    *name = key;
    return object;
}

static bool add_options(const struct configuration *configuration, cJSON *document)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        const char *name;
        cJSON *group = open_group(document, option->key, &name);
        _cleanup_(cJSON_Deletep) cJSON *value = group ? option_to_json(option, configuration) : NULL;
        if (!value || !cJSON_AddItemToObject(group, name, value))
            return false;
        value = NULL;
    }
    return true;
}

bool configuration_document_build(const struct configuration *configuration, struct error *error,
                                  cJSON **document)
{
    _cleanup_(cJSON_Deletep) cJSON *built = cJSON_CreateObject();
    if (!built || !add_options(configuration, built))
        return error_set_no_memory(error);
    *document = take_pointer(&built);
    return true;
}

bool configuration_to_json(const struct configuration *configuration, struct error *error, cJSON **document)
{
    _cleanup_(cJSON_Deletep) cJSON *built = cJSON_CreateObject();
    if (!built || !cJSON_AddStringToObject(built, "apiVersion", CONFIGURATION_API_VERSION) ||
        !cJSON_AddStringToObject(built, "kind", CONFIGURATION_KIND) || !add_options(configuration, built))
        return error_set_no_memory(error);
    *document = take_pointer(&built);
    return true;
}
