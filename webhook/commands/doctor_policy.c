#include "common/json.h"
#include "webhook/commands/doctor_judge.h"
#include "webhook/commands/doctor_selector.h"

#include <string.h>

#define APPLY_ADVICE "kubectl apply -k manifests/policy (docs/auditing.md)"

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

/* Whether both have the namespace of the sandboxes in their scope; false: a check has been added. */
static bool judge_scope(const struct policy_request *request, struct checkup *checkup)
{
    const struct {
        const cJSON *object;
        const char *member;
    } scopes[] = {{request->policy, "matchConstraints"}, {request->binding, "matchResources"}};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        const char *namespace_name = request->sandbox_namespace;
        const cJSON *scope = json_member(json_member(scopes[i].object, "spec"), scopes[i].member);
        switch (doctor_select_namespace(json_member(scope, "namespaceSelector"), namespace_name,
                                        request->namespace_labels)) {
        case LABELS_SELECTED:
            continue;
        case LABELS_NOT_SELECTED:
            checkup_add(
                checkup, CHECK_WARNING, request->check,
                "%.253s is not in force in namespace %.253s, which its %s.namespaceSelector leaves out",
                request->name, namespace_name, scopes[i].member);
            checkup_advise(checkup, APPLY_ADVICE);
            return false;
        case LABELS_UNKNOWN:
            checkup_add(checkup, CHECK_WARNING, request->check,
                        "whether %.253s is in force cannot be told without the labels of namespace %.253s",
                        request->name, namespace_name);
            checkup_advise(checkup, NAMESPACE_LABELS_ADVICE);
            return false;
        }
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
    } else if (judge_scope(request, checkup)) {
        checkup_add(checkup, CHECK_OK, request->check, "%.253s is installed, with a binding that denies",
                    request->name);
    }
}
