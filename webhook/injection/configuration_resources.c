/* Resources of an injected container: requests and limits. Declared in configuration_value.h. */
#include "common/cleanup.h"
#include "common/json.h"
#include "common/syntax.h"
#include "webhook/injection/configuration_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a suffix of a quantity multiplies by. */
static double scale_of(const char *suffix)
{
    static const struct {
        const char *suffix;
        double scale;
    } scales[] = {
        {"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},    {"k", 1e3},     {"M", 1e6},
        {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},    {"Ki", 0x1p10},
        {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60},
    };
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        if (strcmp(suffix, scales[i].suffix) == 0)
            return scales[i].scale;
    }
    return *suffix ? pow(10, strtod(suffix + 1, NULL)) : 1;
}

/* A quantity as a number: near enough to compare, since equal texts give equal numbers. */
static double quantity_value(const char *quantity)
{
    size_t digits = strspn(quantity, "+0123456789.");
    char number[CONFIGURATION_QUANTITY_BYTES + 1] = {0};
    memcpy(number, quantity, digits);
    return strtod(number, NULL) * scale_of(quantity + digits);
}

/* The text of a quantity, for which a number stands as well: `cpu: 1` and `cpu: "1"` are one configuration.
 */
static bool read_quantity(const cJSON *quantity, struct error *error,
                          char text[static CONFIGURATION_QUANTITY_BYTES + 1])
{
    bool is_read = false;
    if (cJSON_IsNumber(quantity)) {
        is_read = cJSON_PrintPreallocated((cJSON *) quantity, text, CONFIGURATION_QUANTITY_BYTES + 1, false);
    } else if ((cJSON_IsString(quantity) || cJSON_IsRaw(quantity)) &&
               strlen(quantity->valuestring) <= CONFIGURATION_QUANTITY_BYTES) {
        strncpy(text, quantity->valuestring, CONFIGURATION_QUANTITY_BYTES + 1);
        is_read = true;
    }
    return (is_read && syntax_is_quantity(text)) ||
           error_set(error, ERROR_INVALID, "must be a quantity, as 500m or 64Mi");
}

static bool copy_quantity(const cJSON *quantity, struct error *error, cJSON *list)
{
    char text[CONFIGURATION_QUANTITY_BYTES + 1];
    if (!syntax_is_qualified_name(quantity->string))
        return error_set(error, ERROR_INVALID,
                         "must be the name of a resource, as cpu or example.com/device");
    if (!read_quantity(quantity, error, text))
        return false;
    return cJSON_AddStringToObject(list, quantity->string, text) || error_set_no_memory(error);
}

/* `requests` or `limits`, which is added to `resources` unless it is empty. */
static bool copy_list(const struct option *option, const cJSON *list, struct error *error,
                      const cJSON **culprit, cJSON *resources)
{
    *culprit = list;
    if (!cJSON_IsObject(list))
        return error_set(error, ERROR_INVALID, "%s.%s: must be a map of quantities", option->key,
                         list->string);
    if (cJSON_GetArraySize(list) > CONFIGURATION_MAP_ENTRIES)
        return error_set(error, ERROR_INVALID, "%s.%s: must have at most %d entries", option->key,
                         list->string, CONFIGURATION_MAP_ENTRIES);
    if (!list->child)
        return true;
    cJSON *copy = cJSON_AddObjectToObject(resources, list->string);
    if (!copy)
        return error_set_no_memory(error);
    for (const cJSON *quantity = list->child; quantity; quantity = quantity->next) {
        *culprit = quantity;
        if (!copy_quantity(quantity, error, copy))
            return error_prefix(error, "%s.%s[%s]", option->key, list->string, quantity->string);
    }
    return true;
}

/* The API server refuses a container that requests more than its limit. */
static bool check_requests_fit(const struct option *option, const cJSON *resources, const cJSON *original,
                               struct error *error, const cJSON **culprit)
{
    const cJSON *limits = json_member(resources, "limits"), *requests = json_member(resources, "requests");
    for (const cJSON *request = requests ? requests->child : NULL; request; request = request->next) {
        const cJSON *limit = json_member(limits, request->string);
        if (!limit || quantity_value(request->valuestring) <= quantity_value(limit->valuestring))
            continue;
        *culprit = json_member(json_member(original, "requests"), request->string);
        return error_set(error, ERROR_INVALID, "%s.requests[%s]: must not be more than the limit",
                         option->key, request->string);
    }
    return true;
}

bool resources_read(const struct option *option, const cJSON *object, struct error *error,
                    const cJSON **culprit, cJSON **resources)
{
    if (!cJSON_IsObject(object))
        return set_wrong_type(option, "a map with requests and limits", error);
    _cleanup_(cJSON_Deletep) cJSON *copy = cJSON_CreateObject();
    if (!copy)
        return error_set_no_memory(error);
    for (const cJSON *list = object->child; list; list = list->next) {
        *culprit = list;
        if (strcmp(list->string, "requests") != 0 && strcmp(list->string, "limits") != 0)
            return error_set(error, ERROR_INVALID, "unknown key \"%s.%s\"", option->key, list->string);
        if (!cJSON_IsNull(list) && !copy_list(option, list, error, culprit, copy))
            return false;
    }
    if (!check_requests_fit(option, copy, object, error, culprit))
        return false;
    *resources = copy->child ? take_pointer(&copy) : NULL;
    return true;
}
