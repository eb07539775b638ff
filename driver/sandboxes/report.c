#include "driver/sandboxes/report.h"

#include "driver/sandboxes/monotonic.h"

#include <stdio.h>
#include <string.h>

static void add(struct report *report, const char *type, const char *status, const char *reason,
                const char *message, const char *since)
{
    struct report_condition *condition = &report->conditions[report->count++];
    condition->type = type;
    condition->status = status;
    condition->reason = reason;
    state_copy_text(condition->message, sizeof condition->message, message);
    state_copy_text(condition->since, sizeof condition->since, since);
}

static void add_ready(struct report *report, const char *status, const char *reason, const char *message,
                      const char *since)
{
    add(report, "Ready", status, reason, message, since);
}

static bool is_patience_over(const struct pod_state *pod, uint64_t now_ns, unsigned patience_seconds)
{
    return pod->blocked_since_ns != 0 &&
           now_ns >= pod->blocked_since_ns + patience_seconds * MONOTONIC_SECOND_NS;
}

static void report_blocked(struct report *report, const struct pod_state *pod, bool is_final)
{
    if (!is_final)
        add_ready(report, "False", "Starting", pod->message, pod->since);
    else if (pod->is_pull_failure)
        add_ready(report, "False", "ImagePullFailed", pod->message, pod->since);
    else
        add_ready(report, "False", "ContainerStartFailed", pod->message, pod->since);
}

static void report_stopped(struct report *report, const struct pod_state *pod)
{
    if (pod->exists)
        add(report, "Suspended", "False", "PodTerminating", "the pod is being stopped", pod->since);
    else
        add(report, "Suspended", "True", "Stopped", "the sandbox is stopped", "");
    /* Not ContainerExited while the pod goes: the gateway would take that for the end of the stop. */
    add_ready(report, "False", pod->exists ? "Starting" : "Stopped", "the sandbox is stopped on request", "");
}

static void report_running(struct report *report, const struct sandbox_state *state, uint64_t now_ns,
                           unsigned patience_seconds)
{
    const struct pod_state *pod = &state->pod;
    if (*state->record.starting_by && (!pod->exists || pod->is_deleting))
        add_ready(report, "False", "Starting", "the pod is about to be created", "");
    else if (!pod->exists)
        add_ready(report, "False", "PodMissing",
                  "the pod is gone, and neither a stop nor a delete was asked for", "");
    else if (pod->phase == POD_ENDED)
        add_ready(report, "False", "ContainerExited", pod->message, pod->since);
    else if (pod->is_deleting)
        add_ready(report, "False", "PodMissing",
                  "the pod is being deleted, and neither a stop nor a delete was asked for", pod->since);
    else if (pod->phase == POD_BLOCKED)
        report_blocked(report, pod, is_patience_over(pod, now_ns, patience_seconds));
    else if (pod->phase == POD_RUNNING)
        add_ready(report, "True", "BackendReady", "the agent's container is running", pod->since);
    else
        add_ready(report, "False", "Starting", *pod->message ? pod->message : "the pod is starting",
                  pod->since);
}

void report_make(const struct sandbox_state *state, uint64_t now_ns, unsigned patience_seconds,
                 struct report *report)
{
    *report = (struct report){0};
    switch (state->record.desired) {
    case DESIRED_DELETED:
        report->is_deleting = true;
        add_ready(report, "False", "Deleting", "the sandbox is being deleted", "");
        break;
    case DESIRED_STOPPED:
        report_stopped(report, &state->pod);
        break;
    case DESIRED_RUNNING:
        report_running(report, state, now_ns, patience_seconds);
        break;
    }
}

bool report_awaits_time(const struct sandbox_state *state, uint64_t now_ns, unsigned patience_seconds)
{
    return state->record.exists && state->record.desired == DESIRED_RUNNING &&
           state->pod.phase == POD_BLOCKED && !is_patience_over(&state->pod, now_ns, patience_seconds);
}

/* FNV-1a. */
static uint64_t digest_text(uint64_t digest, const char *text)
{
    for (;; text++) {
        digest = (digest ^ (unsigned char) *text) * 0x100000001b3ull;
        if (!*text)
            return digest;
    }
}

uint64_t report_digest(const struct report *report)
{
    uint64_t digest = 0xcbf29ce484222325ull + report->is_deleting;
    for (size_t index = 0; index < report->count; index++) {
        const struct report_condition *condition = &report->conditions[index];
        digest = digest_text(digest, condition->type);
        digest = digest_text(digest, condition->status);
        digest = digest_text(digest, condition->reason);
        digest = digest_text(digest, condition->message);
        digest = digest_text(digest, condition->since);
    }
    return digest;
}

void snapshot_make(struct snapshot *snapshot, const struct driver_configuration *configuration,
                   uint64_t now_ns)
{
    struct sandbox_state *state = &snapshot->state;
    report_make(state, now_ns, configuration->image_pull_timeout_seconds, &snapshot->report);
    name_pod(configuration, state->workspace, state->name, snapshot->pod_name);

    compute__driver_sandbox__init(&snapshot->sandbox);
    snapshot->sandbox.id = state->id;
    snapshot->sandbox.name = state->name;
    snapshot->sandbox.namespace_ = state->namespace_name;
    snapshot->sandbox.workspace = state->workspace;
    snapshot->sandbox.status = &snapshot->status;

    compute__driver_sandbox_status__init(&snapshot->status);
    snapshot->status.sandbox_name = snapshot->pod_name;
    snapshot->status.instance_id = snapshot->pod_name;
    snapshot->status.deleting = snapshot->report.is_deleting;
    snapshot->status.conditions = snapshot->condition_pointers;
    snapshot->status.n_conditions = snapshot->report.count;
    for (size_t index = 0; index < snapshot->report.count; index++) {
        struct report_condition *source = &snapshot->report.conditions[index];
        Compute__DriverCondition *condition = &snapshot->conditions[index];
        compute__driver_condition__init(condition);
        condition->type = (char *) source->type;
        condition->status = (char *) source->status;
        condition->reason = (char *) source->reason;
        condition->message = source->message;
        condition->last_transition_time = source->since;
        snapshot->condition_pointers[index] = condition;
    }
}
