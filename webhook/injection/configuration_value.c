#include "webhook/injection/configuration_value.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The option's member, to be used as the type that its kind says. */
static void *member_of(const struct option *option, const struct configuration *configuration)
{
    return (char *) configuration + option->offset;
}

static char **string_of(const struct option *option, const struct configuration *configuration)
{
    return member_of(option, configuration);
}

/* Every enum of struct configuration has the representation of unsigned int; so reading and writing one by
 * its bytes is the same for all. */
_Static_assert(sizeof(enum topology) == sizeof(unsigned) && sizeof(enum credential) == sizeof(unsigned) &&
                   sizeof(enum sideload_method) == sizeof(unsigned) &&
                   sizeof(enum supervisor_install) == sizeof(unsigned) &&
                   sizeof(enum sidecar_kind) == sizeof(unsigned) &&
                   sizeof(enum pod_security) == sizeof(unsigned),
               "an enum of another size");

static bool check_characters(const char *text, size_t maximum_bytes, const char *accepted,
                             struct error *error)
{
    size_t length = strlen(text);
    if (length > maximum_bytes)
        return error_set(error, ERROR_INVALID, "must have at most %zu bytes", maximum_bytes);
    if (!utf8_is_valid(text, length))
        return error_set(error, ERROR_INVALID, "must be UTF-8");
    for (const char *at = text; *at; at++) {
        if (((unsigned char) *at < ' ' || *at == '\x7F') && !strchr(accepted, *at))
            return error_set(error, ERROR_INVALID, "must not contain control characters");
    }
    return true;
}

bool check_text(const char *text, size_t maximum_bytes, struct error *error)
{
    return check_characters(text, maximum_bytes, "", error);
}

bool check_lines(const char *text, size_t maximum_bytes, struct error *error)
{
    return check_characters(text, maximum_bytes, "\n\r\t", error);
}

static bool set_string(const struct option *option, const char *text, struct configuration *configuration,
                       struct error *error)
{
    if (!check_text(text, CONFIGURATION_STRING_BYTES, error))
        return false;
    if (!*text && option->fallback)
        return error_set(error, ERROR_INVALID, "must not be empty");
    if (*text && option->check && !option->check(text, error))
        return false;
    char *copy = strdup(text);
    if (!copy)
        return error_set_no_memory(error);
    char **string = string_of(option, configuration);
    free(*string);
    *string = copy;
    return true;
}

static bool set_choice(const struct option *option, const char *text, struct configuration *configuration,
                       struct error *error)
{
    for (unsigned i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            memcpy(member_of(option, configuration), &i, sizeof i);
            return true;
        }
    }
    char accepted[128] = "";
    size_t length = 0;
    for (unsigned i = 0; option->choices[i] && length < sizeof accepted; i++)
        length += (size_t) snprintf(accepted + length, sizeof accepted - length, "%s%s",
                                    i == 0                   ? ""
                                    : option->choices[i + 1] ? ", "
                                                             : " or ",
                                    option->choices[i]);
    return error_set(error, ERROR_INVALID, "must be %s", accepted);
}

static bool set_number(const struct option *option, int64_t number, struct configuration *configuration,
                       struct error *error)
{
    if (option->is_clamped && number <= 0)
        number = strtoll(option->fallback, NULL, 10);
    if (option->is_clamped)
        number = number < option->minimum   ? option->minimum
                 : number > option->maximum ? option->maximum
                                            : number;
    if (number < option->minimum || number > option->maximum)
        return error_set(error, ERROR_INVALID, "must be a whole number from %" PRId64 " to %" PRId64,
                         option->minimum, option->maximum);
    *(uint32_t *) member_of(option, configuration) = (uint32_t) number;
    return true;
}

static bool set_number_text(const struct option *option, const char *text,
                            struct configuration *configuration, struct error *error)
{
    const char *digits = text + (*text == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return error_set(error, ERROR_INVALID, "must be a whole number");
    /* Past the range of 64 bits the nearest number is as wrong, or as well clamped. */
    return set_number(option, strtoll(text, NULL, 10), configuration, error);
}

static bool set_boolean_text(const struct option *option, const char *text,
                             struct configuration *configuration, struct error *error)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        bool is_true = strcasecmp(text, words[i][1]) == 0;
        if (is_true || strcasecmp(text, words[i][0]) == 0) {
            *(bool *) member_of(option, configuration) = is_true;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "must be true or false");
}

bool option_set_text(const struct option *option, const char *text, struct configuration *configuration,
                     struct error *error)
{
    switch (option->kind) {
    case OPTION_STRING:
        return set_string(option, text, configuration, error);
    case OPTION_CHOICE:
        return set_choice(option, text, configuration, error);
    case OPTION_NUMBER:
        return set_number_text(option, text, configuration, error);
    case OPTION_BOOLEAN:
        return set_boolean_text(option, text, configuration, error);
    case OPTION_LIST:
    case OPTION_MAP:
    case OPTION_RESOURCES:
        break;
    }
    return error_set(error, ERROR_INTERNAL, "%s has no text form", option->key);
}

bool set_wrong_type(const struct option *option, const char *wanted, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: must be %s", option->key, wanted);
}

static bool set_scalar_json(const struct option *option, const cJSON *value,
                            struct configuration *configuration, struct error *error)
{
    int64_t number;
    bool is_set;
    if (option->kind == OPTION_BOOLEAN) {
        if (!cJSON_IsBool(value))
            return set_wrong_type(option, "true or false", error);
        *(bool *) member_of(option, configuration) = cJSON_IsTrue(value);
        return true;
    }
    if (option->kind == OPTION_NUMBER) {
        if (!json_get_integer(value, &number))
            return set_wrong_type(option, "a whole number", error);
        is_set = set_number(option, number, configuration, error);
    } else {
        if (!cJSON_IsString(value))
            return set_wrong_type(option, "a string", error);
        is_set = option_set_text(option, value->valuestring, configuration, error);
    }
    return is_set || error_prefix(error, "%s", option->key);
}

/* Each reads into a copy first, so that a refused value leaves the old one. */
static bool set_list_json(const struct option *option, const cJSON *value,
                          struct configuration *configuration, struct error *error, const cJSON **culprit)
{
    struct string_list list;
    if (!string_list_read(option, value, error, culprit, &list))
        return false;
    option_clear(option, configuration);
    *(struct string_list *) member_of(option, configuration) = list;
    return true;
}

static bool set_map_json(const struct option *option, const cJSON *value, struct configuration *configuration,
                         struct error *error, const cJSON **culprit)
{
    struct string_map map;
    if (!string_map_read(option, value, error, culprit, &map))
        return false;
    option_clear(option, configuration);
    *(struct string_map *) member_of(option, configuration) = map;
    return true;
}

static bool set_resources_json(const struct option *option, const cJSON *value,
                               struct configuration *configuration, struct error *error,
                               const cJSON **culprit)
{
    cJSON *resources;
    if (!resources_read(option, value, error, culprit, &resources))
        return false;
    option_clear(option, configuration);
    *(cJSON **) member_of(option, configuration) = resources;
    return true;
}

bool option_set_json(const struct option *option, const cJSON *value, struct configuration *configuration,
                     struct error *error, const cJSON **culprit)
{
    *culprit = value;
    switch (option->kind) {
    case OPTION_LIST:
        return set_list_json(option, value, configuration, error, culprit);
    case OPTION_MAP:
        return set_map_json(option, value, configuration, error, culprit);
    case OPTION_RESOURCES:
        return set_resources_json(option, value, configuration, error, culprit);
    case OPTION_STRING:
    case OPTION_CHOICE:
    case OPTION_NUMBER:
    case OPTION_BOOLEAN:
        break;
    }
    return set_scalar_json(option, value, configuration, error);
}

static cJSON *list_to_json(const struct string_list *list)
{
    _cleanup_(cJSON_Deletep) cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < list->count; i++) {
        cJSON *item = cJSON_CreateString(list->items[i]);
        if (!item)
            return NULL;
        cJSON_AddItemToArray(array, item);
    }
    return take_pointer(&array);
}

static cJSON *map_to_json(const struct string_map *map)
{
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object && i < map->count; i++) {
        if (!cJSON_AddStringToObject(object, map->keys[i], map->values[i]))
            return NULL;
    }
    return take_pointer(&object);
}

cJSON *option_to_json(const struct option *option, const struct configuration *configuration)
{
    const void *member = member_of(option, configuration);
    unsigned choice;
    const cJSON *resources;
    switch (option->kind) {
    case OPTION_STRING:
        return cJSON_CreateString(*string_of(option, configuration));
    case OPTION_BOOLEAN:
        return cJSON_CreateBool(*(const bool *) member);
    case OPTION_NUMBER:
        return *(const uint32_t *) member ? cJSON_CreateNumber(*(const uint32_t *) member)
                                          : cJSON_CreateNull();
    case OPTION_CHOICE:
        memcpy(&choice, member, sizeof choice);
        return cJSON_CreateString(option->choices[choice]);
    case OPTION_LIST:
        return list_to_json(member);
    case OPTION_MAP:
        return map_to_json(member);
    case OPTION_RESOURCES:
        resources = *(cJSON *const *) member;
        return resources ? cJSON_Duplicate(resources, true) : cJSON_CreateNull();
    }
    return NULL;
}

void option_clear(const struct option *option, struct configuration *configuration)
{
    switch (option->kind) {
    case OPTION_STRING:
        free(*string_of(option, configuration));
        *string_of(option, configuration) = NULL;
        return;
    case OPTION_LIST:
        string_list_done(member_of(option, configuration));
        return;
    case OPTION_MAP:
        string_map_done(member_of(option, configuration));
        return;
    case OPTION_RESOURCES:
        cJSON_Delete(*(cJSON **) member_of(option, configuration));
        *(cJSON **) member_of(option, configuration) = NULL;
        return;
    case OPTION_BOOLEAN:
    case OPTION_NUMBER:
    case OPTION_CHOICE:
        return;
    }
}
