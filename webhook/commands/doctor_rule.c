#include "webhook/commands/doctor_rule.h"

#include "common/json.h"

#include <string.h>

static bool lists_or_all(const cJSON *list, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) &&
            (strcmp(item->valuestring, "*") == 0 || strcmp(item->valuestring, text) == 0))
            return true;
    }
    return false;
}

/* What is behind the slash; "": nothing. */
static const char *subresource_of(const char *resource)
{
    const char *slash = strchr(resource, '/');
    return slash ? slash + 1 : "";
}

/* A `*` is any resource, or behind a slash any subresource and none. */
static bool is_covered_by(const char *resource, const char *pattern)
{
    const char *subresource = subresource_of(pattern);
    size_t length = strcspn(pattern, "/");
    bool is_any = length == 1 && pattern[0] == '*';
    bool is_same = length == strcspn(resource, "/") && strncmp(pattern, resource, length) == 0;
    return (is_any || is_same) &&
           (strcmp(subresource, "*") == 0 || strcmp(subresource, subresource_of(resource)) == 0);
}

static bool covers_resource(const cJSON *resources, const char *resource)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, resources)
    {
        if (cJSON_IsString(item) && is_covered_by(resource, item->valuestring))
            return true;
    }
    return false;
}

bool doctor_rule_covers(const cJSON *rule, const struct rule_subject *subject)
{
    return lists_or_all(json_member(rule, "apiGroups"), "") &&
           lists_or_all(json_member(rule, "apiVersions"), "v1") &&
           lists_or_all(json_member(rule, "operations"), subject->operation) &&
           covers_resource(json_member(rule, "resources"), subject->resource) &&
           strcmp(json_text(rule, "scope"), "Cluster") != 0;
}
