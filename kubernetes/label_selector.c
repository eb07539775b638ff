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

/* `known`: the one label whose presence and value `labels` tell; NULL: all. */
static enum label_selection select_labels(const cJSON *selector, const cJSON *labels, const char *known)
{
    enum label_selection selection = LABELS_SELECTED;
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(selector, "matchLabels"))
    {
        const char *label = label_of(labels, item->string);
        if (known && strcmp(item->string, known) != 0)
            selection = LABELS_UNKNOWN;
        else if (!label || !cJSON_IsString(item) || strcmp(label, item->valuestring) != 0)
            return LABELS_NOT_SELECTED;
    }
    cJSON_ArrayForEach(item, json_member(selector, "matchExpressions"))
    {
        const char *key = json_text(item, "key");
        if (known && *key && strcmp(key, known) != 0)
            selection = LABELS_UNKNOWN;
        else if (!meets_requirement(item, labels))
            return LABELS_NOT_SELECTED;
    }
    return selection;
}

bool label_selector_matches(const cJSON *selector, const cJSON *labels)
{
    return select_labels(selector, labels, NULL) == LABELS_SELECTED;
}

enum label_selection label_selector_select(const cJSON *selector, const char *key, const char *value)
{
    cJSON label = {.type = cJSON_String, .valuestring = (char *) value, .string = (char *) key};
    cJSON labels = {.type = cJSON_Object, .child = &label};
    label.prev = &label;
    return select_labels(selector, &labels, key);
}
