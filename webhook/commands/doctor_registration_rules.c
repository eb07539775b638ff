#include "common/json.h"
#include "webhook/commands/doctor_registration.h"
#include "webhook/commands/doctor_rule.h"

#include <string.h>

static const struct rule_subject creation = {"CREATE", "pods"};
static const struct rule_subject debugging = {"UPDATE", "pods/ephemeralcontainers"};

static bool covers(const cJSON *rules, const struct rule_subject *subject)
{
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules)
    {
        if (doctor_rule_covers(rule, subject))
            return true;
    }
    return false;
}

static bool is_wanted(const struct registration_judgement *judgement, const char *operation,
                      const char *resource)
{
    if (strcmp(operation, creation.operation) == 0 && strcmp(resource, creation.resource) == 0)
        return true;
    return !judgement->request->is_mutating && strcmp(operation, debugging.operation) == 0 &&
           strcmp(resource, debugging.resource) == 0;
}

/* The first pair of a rule that nobody wanted; false: there is none. */
static bool find_excess(const struct registration_judgement *judgement, const cJSON *rule,
                        const char **found_operation, const char **found_resource)
{
    const cJSON *operation, *resource;
    cJSON_ArrayForEach(operation, json_member(rule, "operations"))
    {
        cJSON_ArrayForEach(resource, json_member(rule, "resources"))
        {
            if (!cJSON_IsString(operation) || !cJSON_IsString(resource) ||
                is_wanted(judgement, operation->valuestring, resource->valuestring))
                continue;
            *found_operation = operation->valuestring;
            *found_resource = resource->valuestring;
            return true;
        }
    }
    return false;
}

static bool report_excess(const struct registration_judgement *judgement, const cJSON *rules)
{
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules)
    {
        char message[REGISTRATION_TEXT_BYTES];
        const char *operation, *resource;
        if (!find_excess(judgement, rule, &operation, &resource))
            continue;
        snprintf(message, sizeof message, "is asked at %.60s of %.253s too", operation, resource);
        registration_add(judgement, CHECK_WARNING, "rules", message,
                         "take it out of rules: changes and ends of pods must not wait for the webhook");
        return true;
    }
    return false;
}

void registration_judge_rules(const struct registration_judgement *judgement)
{
    const cJSON *rules = json_member(judgement->webhook, "rules");
    bool is_mutating = judgement->request->is_mutating;
    if (!covers(rules, &creation))
        registration_add(judgement, CHECK_FAILED, "rules",
                         "is not asked at CREATE of pods: sandboxes pass unseen",
                         "add the rule as in manifests/base");
    else if (!is_mutating && !covers(rules, &debugging))
        registration_add(judgement, CHECK_FAILED, "rules",
                         "is not asked at UPDATE of pods/ephemeralcontainers: kubectl debug puts containers "
                         "beside the supervisor",
                         "add the rule as in manifests/base");
    else if (!report_excess(judgement, rules))
        registration_add(judgement, CHECK_OK, "rules",
                         is_mutating ? "is asked at CREATE of pods"
                                     : "is asked at CREATE of pods and UPDATE of pods/ephemeralcontainers",
                         NULL);
}
