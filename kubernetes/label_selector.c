#include "kubernetes/label_selector.h"

#include "common/json.h"

#include <string.h>

static const char *label_of(const cJSON *labels, const char *key)
{
    return key ? cJSON_GetStringValue(json_member(labels, key)) : NULL;
}

static bool lists_value(const cJSON *values, const char *value)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, values)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, value) == 0)
            return true;
    }
    return false;
}

static bool meets_requirement(const cJSON *requirement, const cJSON *labels)
{
    const char *key = cJSON_GetStringValue(json_member(requirement, "key"));
    const char *operation = cJSON_GetStringValue(json_member(requirement, "operator"));
    const cJSON *values = json_member(requirement, "values");
    const char *label = label_of(labels, key);
    if (!key || !operation)
        return false;
    if (strcmp(operation, "In") == 0)
        return label && lists_value(values, label);
    if (strcmp(operation, "NotIn") == 0)
        return !label || !lists_value(values, label);
    if (strcmp(operation, "Exists") == 0)
        return label;
    return strcmp(operation, "DoesNotExist") == 0 && !label;
}

bool label_selector_matches(const cJSON *selector, const cJSON *labels)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(selector, "matchLabels"))
    {
        const char *label = label_of(labels, item->string);
        if (!label || !cJSON_IsString(item) || strcmp(label, item->valuestring) != 0)
            return false;
    }
    cJSON_ArrayForEach(item, json_member(selector, "matchExpressions"))
    {
        if (!meets_requirement(item, labels))
            return false;
    }
    return true;
}
