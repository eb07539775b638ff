#include "driver/sandboxes/validation.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/syntax.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/document.h"
#include "driver/sandboxes/driver_config.h"
#include "driver/sandboxes/names.h"

#include <string.h>

#define PROTECTED_VARIABLE_PREFIX "OPENSHELL_"

static bool check_identity(const cJSON *document, struct error *error)
{
    if (!syntax_is_dns_label(document_id(document)))
        return error_set(error, ERROR_INVALID,
                         "id: must be 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends");
    if (!name_is_sandbox(document_name(document)))
        return error_set(error, ERROR_INVALID,
                         "name: must be 1 to 19 of a-z, 0-9 and -, without - at an end and without --");
    if (!name_is_sandbox(document_workspace(document)))
        return error_set(error, ERROR_INVALID,
                         "workspace: must be 1 to 19 of a-z, 0-9 and -, without - at an end and without --");
    return true;
}

static bool check_environment(const cJSON *environment, const struct json_path *path, struct error *error)
{
    const cJSON *variable;
    cJSON_ArrayForEach(variable, environment)
    {
        const struct json_path *variable_path = JSON_MEMBER(path, variable->string);
        if (!syntax_is_variable_name(variable->string))
            return json_set_invalid(error, variable_path, "must be named by letters, digits and _ alone");
        if (strncmp(variable->string, PROTECTED_VARIABLE_PREFIX, strlen(PROTECTED_VARIABLE_PREFIX)) == 0)
            return json_set_invalid(error, variable_path,
                                    "names that begin with " PROTECTED_VARIABLE_PREFIX
                                    " belong to the supervisor");
    }
    return true;
}

static bool check_labels(const cJSON *labels, const struct json_path *path, struct error *error)
{
    const cJSON *label;
    cJSON_ArrayForEach(label, labels)
    {
        if (!syntax_is_qualified_name(label->string))
            return json_set_invalid(error, JSON_MEMBER(path, label->string), "is not a valid label key");
        if (!syntax_is_label_value(label->valuestring))
            return json_set_invalid(error, JSON_MEMBER(path, label->string),
                                    "must be at most 63 of letters, digits, -, _ and .");
    }
    return true;
}

static bool check_typed_resources(const cJSON *template, const struct json_path *path, struct error *error)
{
    const struct json_path *resources_path = JSON_MEMBER(path, "resources");
    const cJSON *resource;
    cJSON_ArrayForEach(resource, json_member(template, "resources"))
    {
        if (!syntax_is_quantity(resource->valuestring))
            return json_set_invalid(error, JSON_MEMBER(resources_path, resource->string),
                                    "must be a quantity such as 500m or 4Gi");
    }
    return true;
}

static bool check_annotations(const cJSON *platform, const struct json_path *path, struct error *error)
{
    const struct json_path *annotations_path = JSON_MEMBER(path, "annotations");
    cJSON *annotations;
    if (!json_read_object(platform, path, "annotations", error, &annotations))
        return false;
    const cJSON *annotation;
    cJSON_ArrayForEach(annotation, annotations)
    {
        const struct json_path *annotation_path = JSON_MEMBER(annotations_path, annotation->string);
        if (!syntax_is_qualified_name(annotation->string))
            return json_set_invalid(error, annotation_path, "is not a valid annotation key");
        if (!cJSON_IsString(annotation))
            return json_set_invalid(error, annotation_path, "must be a string");
    }
    return true;
}

static bool check_raw_resources(const cJSON *platform, const struct json_path *path, struct error *error)
{
    static const char *const lists[] = {"requests", "limits"};
    const struct json_path *raw_path = JSON_MEMBER(path, "resources_raw");
    cJSON *raw, *list;
    if (!json_read_object(platform, path, "resources_raw", error, &raw))
        return false;
    for (size_t index = 0; index < sizeof lists / sizeof *lists; index++) {
        if (!json_read_object(raw, raw_path, lists[index], error, &list))
            return false;
    }
    return true;
}

static bool check_platform(const cJSON *template, const struct json_path *path, struct error *error)
{
    const struct json_path *platform_path = JSON_MEMBER(path, "platform_config");
    cJSON *platform, *ignored;
    const char *runtime_class;
    bool ignored_flag;
    if (!json_read_object(template, path, "platform_config", error, &platform) ||
        !json_read_string(platform, platform_path, "runtime_class_name", error, &runtime_class) ||
        !json_read_boolean(platform, platform_path, "host_users", true, error, &ignored_flag) ||
        !json_read_object(platform, platform_path, "node_selector", error, &ignored) ||
        !json_read_array(platform, platform_path, "tolerations", error, &ignored))
        return false;
    if (runtime_class && !syntax_is_dns_subdomain(runtime_class))
        return json_set_invalid(error, JSON_MEMBER(platform_path, "runtime_class_name"),
                                "must be a DNS subdomain");
    return check_annotations(platform, platform_path, error) &&
           check_raw_resources(platform, platform_path, error);
}

static bool check_template(const struct driver_configuration *configuration, const cJSON *document,
                           const struct json_path *spec_path, struct error *error)
{
    const struct json_path *path = JSON_MEMBER(spec_path, "template");
    const cJSON *template = json_member(document, "template");
    if (!json_member(template, "image") && !*configuration->default_image)
        return json_set_invalid(error, JSON_MEMBER(path, "image"),
                                "is empty, and no default image is configured");
    return check_labels(json_member(template, "labels"), JSON_MEMBER(path, "labels"), error) &&
           check_environment(json_member(template, "environment"), JSON_MEMBER(path, "environment"), error) &&
           check_typed_resources(template, path, error) && check_platform(template, path, error) &&
           driver_config_check(driver_config_of(document), JSON_MEMBER(path, "driver_config"), error);
}

static bool check_printed_length(const cJSON *value, size_t maximum, const char *field, struct error *error)
{
    _cleanup_(freep) char *text = NULL;
    if (!value)
        return true;
    if (!json_print(value, false, error, &text))
        return false;
    if (strlen(text) > maximum)
        return error_set(error, ERROR_INVALID, "%s: longer than %zu bytes as JSON", field, maximum);
    return true;
}

static bool check_command(const cJSON *document, struct error *error)
{
    const cJSON *command = json_member(document, "command");
    if (command && !*command->child->valuestring)
        return error_set(error, ERROR_INVALID, "spec.command[0]: must not be empty");
    return check_printed_length(command, COMMAND_JSON_BYTES_MAXIMUM, "spec.command", error);
}

static bool check_sizes(const cJSON *document, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *environment = NULL;
    return bare_pod_environment(document, error, &environment) &&
           check_printed_length(environment, ENVIRONMENT_JSON_BYTES_MAXIMUM, "spec.environment", error) &&
           check_printed_length(document, RECORD_BYTES_MAXIMUM, "spec", error);
}

bool sandbox_validate(const struct driver_configuration *configuration, const cJSON *document,
                      struct error *error)
{
    const struct json_path *path = JSON_MEMBER(JSON_ROOT, "spec");
    const cJSON *log_level = json_member(document, "log_level");
    const cJSON *gpu = json_member(document, "gpu");
    int64_t count;
    if (!check_identity(document, error) ||
        !check_environment(json_member(document, "environment"), JSON_MEMBER(path, "environment"), error) ||
        !check_command(document, error) || !check_template(configuration, document, path, error))
        return false;
    if (log_level && strlen(log_level->valuestring) > LOG_LEVEL_LENGTH_MAXIMUM)
        return error_set(error, ERROR_INVALID, "spec.log_level: longer than %d characters",
                         LOG_LEVEL_LENGTH_MAXIMUM);
    if (json_get_integer(json_member(gpu, "count"), &count) && count == 0)
        return error_set(error, ERROR_INVALID, "spec.resource_requirements.gpu.count: must be at least 1");
    return check_sizes(document, error);
}
