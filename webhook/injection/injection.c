#include "webhook/injection/injection.h"

#include "webhook/injection/container_edits.h"
#include "webhook/injection/container_rules.h"
#include "webhook/injection/editor.h"
#include "webhook/injection/main_process.h"
#include "webhook/injection/marks.h"
#include "webhook/injection/plan.h"
#include "webhook/injection/pod_edits.h"
#include "webhook/injection/pod_rules.h"
#include "webhook/injection/sandbox.h"
#include "webhook/injection/topology.h"

#include <stdlib.h>

const char *injection_decision_name(enum injection_decision decision)
{
    switch (decision) {
    case INJECTION_SKIPPED:
        return "skipped";
    case INJECTION_UNCHANGED:
        return "unchanged";
    case INJECTION_INJECTED:
        return "injected";
    case INJECTION_DENIED:
        return "denied";
    }
    return "unknown";
}

bool injection_needs_namespace(const cJSON *pod, const struct configuration *configuration)
{
    return configuration->sandbox_uid == 0 && sandbox_is_selected(pod);
}

/* Works out the whole plan. */
static bool make_plan(struct plan *plan, const struct injection_request *request, struct error *error,
                      struct denial_list *denials)
{
    const struct topology_definition *topology = topology_find(request->configuration->topology);
    plan->configuration = request->configuration;
    plan->is_stored = request->is_stored;
    plan->agent = (struct planned_container){.image = "", .pull_policy = ""};
    plan->agent.security = planned_security_none(
        "what the supervisor needs to fence the agent, and nothing of the container's own");
    topology->plan_command(plan);
    if (!plan_check(plan, error) || !pod_view_open(request->pod, error, &plan->view) ||
        !sandbox_identify(plan, error, denials) ||
        !sandbox_resolve_user(plan, request->namespace_annotations, error, denials) ||
        !main_process_plan(plan, error, denials))
        return false;
    topology->plan_pod(plan);
    plan_find_own_containers(plan);
    return plan_check(plan, error);
}

static bool collect_denials(const struct plan *plan, const struct injection_request *request,
                            struct error *error, struct denial_list *denials)
{
    const struct topology_definition *topology = topology_find(request->configuration->topology);
    return pod_rules_deny(plan, request, error, denials) && container_rules_deny(plan, error, denials) &&
           topology->deny_unsupported(plan, error, denials) && environment_rules_deny(plan, error, denials) &&
           volume_rules_deny(plan, error, denials) && mount_rules_deny(plan, error, denials) &&
           baseline_deny(plan, error, denials);
}

static bool apply(struct plan *plan, struct error *error, struct editor *editor)
{
    pod_edits_apply(plan, editor);
    container_edits_apply_agent(plan, editor);
    container_edits_apply_init(plan, editor);
    container_edits_apply_sidecar(plan, editor);
    return plan_check(plan, error);
}

/* The whole way for a selected pod; `result` owns what was found even when it fails. */
static bool decide(struct plan *plan, const struct injection_request *request, struct error *error,
                   struct injection_result *result)
{
    if (!make_plan(plan, request, error, &result->denials) ||
        !collect_denials(plan, request, error, &result->denials))
        return false;
    if (result->denials.count) {
        result->decision = INJECTION_DENIED;
        return true;
    }
    struct editor editor = EDITOR_INIT;
    bool is_applied = apply(plan, error, &editor) && editor_finish(&editor, error, result);
    if (is_applied) {
        result->decision = result->operation_count ? INJECTION_INJECTED : INJECTION_UNCHANGED;
        result->warning = plan->warning;
    }
    editor_done(&editor);
    return is_applied;
}

bool injection_run(const struct injection_request *request, struct error *error,
                   struct injection_result *result)
{
    struct injection_result found = {.decision = INJECTION_SKIPPED};
    if (!cJSON_IsObject(request->pod))
        return error_set(error, ERROR_INVALID, "a pod must be an object");
    if (!sandbox_is_selected(request->pod)) {
        found.skip_reason = "not labelled openshell.ai/managed-by=openshell, so no sandbox pod";
        *result = found;
        return true;
    }
    if (!request->is_stored && json_member(json_member(request->pod, "metadata"), "deletionTimestamp")) {
        found.skip_reason = "being deleted: nothing is changed or denied any more";
        *result = found;
        return true;
    }
    struct plan plan = {0};
    bool is_decided = decide(&plan, request, error, &found);
    plan_done(&plan);
    if (!is_decided) {
        injection_result_done(&found);
        return false;
    }
    *result = found;
    return true;
}

void injection_result_done(struct injection_result *result)
{
    free(result->operations);
    free(result->text);
    denial_list_done(&result->denials);
    *result = (struct injection_result){.decision = INJECTION_SKIPPED};
}

bool injection_append_patch(const struct injection_result *result, struct buffer *buffer, struct error *error)
{
    buffer_append_character(buffer, '[');
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct injection_operation *operation = &result->operations[i];
        buffer_append_string(buffer, i ? ",{\"op\":\"" : "{\"op\":\"");
        buffer_append_string(buffer, operation->verb);
        buffer_append_string(buffer, "\"");
        if (operation->from) {
            buffer_append_string(buffer, ",\"from\":");
            json_append_string(buffer, operation->from);
        }
        buffer_append_string(buffer, ",\"path\":");
        json_append_string(buffer, operation->path);
        if (operation->value) {
            buffer_append_string(buffer, ",\"value\":");
            buffer_append_string(buffer, operation->value);
        }
        buffer_append_character(buffer, '}');
    }
    buffer_append_character(buffer, ']');
    return buffer_check(buffer, error);
}
