#include "common/json.h"
#include "kubernetes/access_review.h"
#include "kubernetes/objects.h"
#include "webhook/commands/doctor.h"
#include "webhook/commands/doctor_probe.h"
#include "webhook/injection/injection.h"

/* How the API server took a pod that was tried. */
enum reception {
    RECEPTION_ADMITTED,
    RECEPTION_REFUSED,
    RECEPTION_NOT_ASKED, /* the account may not create pods there */
};

struct trial {
    enum reception reception;
    cJSON *pod;           /* as it came back; owned; NULL unless admitted */
    struct error refusal; /* when it was refused */
};

/* A refusal by RBAC and one by admission look the same, but for their words. */
static bool lacks_right(struct doctor *doctor)
{
    const struct access_question question = {.verb = "create",
                                             .group = kubernetes_pods.group,
                                             .resource = kubernetes_pods.plural,
                                             .namespace_name = doctor->namespace_name};
    bool is_allowed = false;
    return access_review_ask(doctor->client, &question, NULL, &is_allowed) && !is_allowed;
}

/* False: there was no memory for it, which the checkup remembers. */
static bool try_pod(struct doctor *doctor, bool is_hostile, struct trial *trial)
{
    const struct kubernetes_target target = {.resource = &kubernetes_pods,
                                             .namespace_name = doctor->namespace_name};
    const struct kubernetes_call call = {.time_limit_ms = DOCTOR_POD_LIMIT_MS, .is_dry_run = true};
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *pod = NULL;
    *trial = (struct trial){.reception = RECEPTION_ADMITTED};
    if (!doctor_probe_make(doctor->configuration, is_hostile, &error, &pod)) {
        checkup_fail(&doctor->checkup, error.code);
        return false;
    }
    if (kubernetes_create(doctor->client, &target, pod, &call, &trial->refusal, &trial->pod))
        return true;
    bool may_be_right = trial->refusal.code == ERROR_PERMISSION_DENIED && !doctor_is_denial(&trial->refusal);
    trial->reception = may_be_right && lacks_right(doctor) ? RECEPTION_NOT_ASKED : RECEPTION_REFUSED;
    return true;
}

static void judge_admitted(struct doctor *doctor, cJSON *pod)
{
    const cJSON *metadata = json_member(doctor->namespace_object, "metadata");
    const cJSON *given = doctor->line->namespace_annotations;
    const struct probe_request request = {
        .pod = pod,
        .namespace_annotations = given ? given : json_member(metadata, "annotations"),
        .are_annotations_unknown =
            !given && !metadata && injection_needs_namespace(pod, doctor->configuration),
        .configuration = doctor->configuration};
    doctor_judge_pod(&request, &doctor->checkup);
}

static void try_hostile(struct doctor *doctor)
{
    struct trial trial;
    if (!try_pod(doctor, true, &trial))
        return;
    doctor_judge_hostile(trial.reception == RECEPTION_ADMITTED ? NULL : &trial.refusal, &doctor->checkup);
    cJSON_Delete(trial.pod);
}

void doctor_try_pods(struct doctor *doctor)
{
    struct trial trial;
    if (doctor->lacks_namespace || !try_pod(doctor, false, &trial))
        return;
    switch (trial.reception) {
    case RECEPTION_ADMITTED:
        judge_admitted(doctor, trial.pod);
        break;
    case RECEPTION_REFUSED:
        doctor_judge_refusal(&trial.refusal, &doctor->checkup);
        break;
    case RECEPTION_NOT_ASKED:
        doctor_report_missing_right(doctor, "sandbox-pod", "create", &kubernetes_pods,
                                    doctor->namespace_name);
        break;
    }
    cJSON_Delete(trial.pod);
    /* Only where the webhooks are reached can their denial be asked for. */
    if (trial.reception == RECEPTION_ADMITTED || doctor_is_denial(&trial.refusal))
        try_hostile(doctor);
}
