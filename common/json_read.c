#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

cJSON *json_member(const cJSON *object, const char *key)
{
    if (!cJSON_IsObject(object))
        return NULL;
    for (cJSON *member = object->child; member; member = member->next) {
        /* Most keys differ in their first byte. */
        if (member->string[0] == key[0] && strcmp(member->string, key) == 0)
            return cJSON_IsNull(member) ? NULL : member;
    }
    return NULL;
}

const char *json_text(const cJSON *object, const char *key)
{
    const cJSON *member = json_member(object, key);
    return cJSON_IsString(member) ? member->valuestring : "";
}

bool json_set_invalid(struct error *error, const struct json_path *path, const char *format, ...)
{
    if (!error)
        return false;
    /* Twice the message's size: what is cut is cut by error_set alone. */
    struct buffer field = BUFFER_INIT(ERROR_MESSAGE_BYTES);
    json_path_append_field(path, &field);
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (field.length)
        error_set(error, ERROR_INVALID, "%s: %s", buffer_string(&field), message);
    else
        error_set(error, ERROR_INVALID, "%s", message);
    buffer_done(&field);
    return false;
}

static const char *type_name(const cJSON *value)
{
    if (cJSON_IsObject(value))
        return "an object";
    if (cJSON_IsArray(value))
        return "an array";
    if (cJSON_IsString(value))
        return "a string";
    if (cJSON_IsBool(value))
        return "a boolean";
    return "a number";
}

static bool set_type_error(struct error *error, const struct json_path *path, const char *key,
                           const char *expected, const cJSON *value)
{
    return json_set_invalid(error, JSON_MEMBER(path, key), "must be %s, not %s", expected, type_name(value));
}

bool json_read_string(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                      const char **value)
{
    const cJSON *member = json_member(object, key);
    if (member && !cJSON_IsString(member))
        return set_type_error(error, path, key, "a string", member);
    *value = member ? member->valuestring : NULL;
    return true;
}

bool json_read_boolean(const cJSON *object, const struct json_path *path, const char *key, bool fallback,
                       struct error *error, bool *value)
{
    const cJSON *member = json_member(object, key);
    if (member && !cJSON_IsBool(member))
        return set_type_error(error, path, key, "a boolean", member);
    *value = member ? cJSON_IsTrue(member) : fallback;
    return true;
}

bool json_read_integer(const cJSON *object, const struct json_path *path, const char *key, int64_t minimum,
                       int64_t maximum, int64_t fallback, struct error *error, int64_t *value)
{
    const cJSON *member = json_member(object, key);
    if (!member) {
        *value = fallback;
        return true;
    }
    int64_t integer;
    if (!json_get_integer(member, &integer))
        return json_set_invalid(error, JSON_MEMBER(path, key), "must be an integer");
    if (integer < minimum || integer > maximum)
        return json_set_invalid(error, JSON_MEMBER(path, key),
                                "must be between %" PRId64 " and %" PRId64 ", not %" PRId64, minimum, maximum,
                                integer);
    *value = integer;
    return true;
}

bool json_read_object(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                      cJSON **value)
{
    cJSON *member = json_member(object, key);
    if (member && !cJSON_IsObject(member))
        return set_type_error(error, path, key, "an object", member);
    *value = member;
    return true;
}

bool json_read_array(const cJSON *object, const struct json_path *path, const char *key, struct error *error,
                     cJSON **value)
{
    cJSON *member = json_member(object, key);
    if (member && !cJSON_IsArray(member))
        return set_type_error(error, path, key, "an array", member);
    *value = member;
    return true;
}

bool json_require_string(const cJSON *object, const struct json_path *path, const char *key,
                         struct error *error, const char **value)
{
    const char *found;
    if (!json_read_string(object, path, key, error, &found))
        return false;
    if (!found || !*found)
        return json_set_invalid(error, JSON_MEMBER(path, key), "must be set and not empty");
    *value = found;
    return true;
}

bool json_require_object(const cJSON *object, const struct json_path *path, const char *key,
                         struct error *error, cJSON **value)
{
    cJSON *found;
    if (!json_read_object(object, path, key, error, &found))
        return false;
    if (!found)
        return json_set_invalid(error, JSON_MEMBER(path, key), "must be set");
    *value = found;
    return true;
}
