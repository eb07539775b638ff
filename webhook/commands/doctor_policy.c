#include "common/json.h"
#include "common/names.h"
#include "webhook/commands/doctor_judge.h"
#include "webhook/commands/doctor_rule.h"
#include "webhook/commands/doctor_selector.h"

#include <string.h>

#define APPLY_ADVICE "kubectl apply -k manifests/policy (docs/auditing.md)"

/* What each policy must be asked about, as in manifests/policy; ended by one without an operation. */
static const struct rule_subject of_sandboxes[] = {{"CREATE", "pods"},
                                                   {"UPDATE", "pods"},
                                                   {"UPDATE", "pods/ephemeralcontainers"},
                                                   {"UPDATE", "pods/status"},
                                                   {0}};
static const struct rule_subject of_bindings[] = {{"CREATE", "bindings"}, {"CREATE", "pods/binding"}, {0}};

/* Where a policy is in force: what its own scope and its binding's both take in. */
struct scope {
    const char *member; /* of the spec */
    const cJSON *object;
};

static bool has_deny(const cJSON *binding)
{
    const cJSON *action;
    cJSON_ArrayForEach(action, json_member(json_member(binding, "spec"), "validationActions"))
    {
        if (cJSON_IsString(action) && strcmp(action->valuestring, "Deny") == 0)
            return true;
    }
    return false;
}

static void warn(const struct policy_request *request, const char *message, struct checkup *checkup)
{
    checkup_add(checkup, CHECK_WARNING, request->check, "%.253s %s", request->name, message);
    checkup_advise(checkup, APPLY_ADVICE);
}

/* Whether the namespace of the sandboxes is in the scope; false: a check has been added. */
static bool judge_namespace(const struct policy_request *request, const struct scope *scope,
                            struct checkup *checkup)
{
    const char *namespace_name = request->sandbox_namespace;
    switch (doctor_select_namespace(json_member(scope->object, "namespaceSelector"), namespace_name,
                                    request->namespace_labels)) {
    case LABELS_SELECTED:
        break;
    case LABELS_NOT_SELECTED:
        checkup_add(checkup, CHECK_WARNING, request->check,
                    "%.253s is not in force in namespace %.253s, which its %s.namespaceSelector leaves out",
                    request->name, namespace_name, scope->member);
        checkup_advise(checkup, APPLY_ADVICE);
        return false;
    case LABELS_UNKNOWN:
        checkup_add(checkup, CHECK_WARNING, request->check,
                    "whether %.253s is in force cannot be told without the labels of namespace %.253s",
                    request->name, namespace_name);
        checkup_advise(checkup, NAMESPACE_LABELS_ADVICE);
        return false;
    }
    return true;
}

/* Whatever other labels the object has: whoever makes it chooses them. A Binding needs none. */
static bool selects_all(const struct policy_request *request, const cJSON *selector)
{
    if (!request->is_about_bindings)
        return label_selector_select(selector, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE) == LABELS_SELECTED;
    return !cJSON_GetArraySize(json_member(selector, "matchLabels")) &&
           !cJSON_GetArraySize(json_member(selector, "matchExpressions"));
}

/* The same for the objects. */
static bool judge_objects(const struct policy_request *request, const struct scope *scope,
                          struct checkup *checkup)
{
    if (selects_all(request, json_member(scope->object, "objectSelector")))
        return true;
    checkup_add(checkup, CHECK_WARNING, request->check,
                "%.253s is not in force for every %s: its %s.objectSelector leaves some out", request->name,
                request->is_about_bindings ? "Binding"
                                           : "pod labelled " LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE,
                scope->member);
    checkup_advise(checkup, APPLY_ADVICE);
    return false;
}

/* `takes_names`: also by a rule for some names, which whoever makes an object chooses. */
static bool is_covered(const cJSON *rules, const struct rule_subject *subject, bool takes_names)
{
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules)
    {
        if (doctor_rule_covers(rule, subject) &&
            (takes_names || !cJSON_GetArraySize(json_member(rule, "resourceNames"))))
            return true;
    }
    return false;
}

/* The member of the scope that keeps the policy from being asked; NULL: it is asked. No rules at all are all
 * rules. */
static const char *find_narrow_rules(const cJSON *scope, const struct rule_subject *subject)
{
    const cJSON *rules = json_member(scope, "resourceRules");
    if (is_covered(json_member(scope, "excludeResourceRules"), subject, true))
        return "excludeResourceRules";
    return !cJSON_GetArraySize(rules) || is_covered(rules, subject, false) ? NULL : "resourceRules";
}

/* The same for the requests. */
static bool judge_rules(const struct policy_request *request, const struct scope *scope,
                        struct checkup *checkup)
{
    const struct rule_subject *subject = request->is_about_bindings ? of_bindings : of_sandboxes;
    for (; subject->operation; subject++) {
        const char *narrow = find_narrow_rules(scope->object, subject);
        if (!narrow)
            continue;
        checkup_add(checkup, CHECK_WARNING, request->check,
                    "%.253s is not in force at %s of %s, which its %s.%s leave out", request->name,
                    subject->operation, subject->resource, scope->member, narrow);
        checkup_advise(checkup, APPLY_ADVICE);
        return false;
    }
    return true;
}

/* Whether the policy and its binding both take in all that they must; false: a check has been added. */
static bool judge_scopes(const struct policy_request *request, struct checkup *checkup)
{
    const struct scope scopes[] = {
        {"matchConstraints", json_member(json_member(request->policy, "spec"), "matchConstraints")},
        {"matchResources", json_member(json_member(request->binding, "spec"), "matchResources")},
    };
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        if (!judge_namespace(request, &scopes[i], checkup) || !judge_objects(request, &scopes[i], checkup) ||
            !judge_rules(request, &scopes[i], checkup))
            return false;
    }
    return true;
}

void doctor_judge_policy(const struct policy_request *request, struct checkup *checkup)
{
    if (!request->policy) {
        checkup_add(checkup, CHECK_WARNING, request->check, "%.253s is not installed: %s", request->name,
                    request->consequence);
        checkup_advise(checkup, APPLY_ADVICE);
    } else if (!request->binding) {
        warn(request, "is not in force: its binding is not installed", checkup);
    } else if (strcmp(json_text(json_member(request->binding, "spec"), "policyName"), request->name) != 0) {
        warn(request, "is not in force: the binding of its name is of another policy (policyName)", checkup);
    } else if (!has_deny(request->binding)) {
        warn(request, "is not in force: its binding does not deny (validationActions)", checkup);
    } else if (strcmp(json_text(json_member(request->policy, "spec"), "failurePolicy"), "Fail") != 0) {
        warn(request, "lets pass what it cannot judge: its failurePolicy is not Fail", checkup);
    } else if (judge_scopes(request, checkup)) {
        checkup_add(checkup, CHECK_OK, request->check, "%.253s is installed, with a binding that denies",
                    request->name);
    }
}
