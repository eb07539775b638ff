#include "webhook/commands/doctor_probe.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "common/version.h"
#include "webhook/commands/verification.h"
#include "webhook/commands/verification_marks.h"

#include <string.h>

#define IMAGE "openshell-doctor"
#define POD_DEPTH 8
/* Fields that are told; `verify` tells all. */
#define FINDINGS_TOLD 3
#define FINDINGS_BYTES 4096

static const char pod_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"generateName\":\"openshell-doctor-\",\"labels\":"
    "{\"" LABEL_MANAGED_BY "\":\"" LABEL_MANAGED_BY_VALUE "\",\"" LABEL_SANDBOX_ID "\":\"doctor\","
    "\"" LABEL_SANDBOX_NAME "\":\"doctor\",\"" LABEL_SANDBOX_WORKSPACE "\":\"" WORKSPACE_DEFAULT "\"}},"
    "\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,\"containers\":"
    "[{\"name\":\"" CONTAINER_AGENT "\",\"command\":[\"/bin/true\"]}]}}";

/* An image that the entry of allowedImages accepts: a digest, or a pattern with its wildcards filled in. */
static char *make_image(const char *entry)
{
    char *image = NULL;
    if (strncmp(entry, "sha256:", 7) == 0)
        return asprintf(&image, IMAGE "@%s", entry) < 0 ? NULL : image;
    image = strdup(entry);
    for (char *at = image; at && *at; at++) {
        if (*at == '*' || *at == '?')
            *at = 'x';
    }
    return image;
}

static bool add_variable(cJSON *container)
{
    cJSON *variable = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(cJSON_AddArrayToObject(container, "env"), variable)) {
        cJSON_Delete(variable);
        return false;
    }
    return cJSON_AddStringToObject(variable, "name", DOCTOR_VARIABLE) &&
           cJSON_AddStringToObject(variable, "value", "1");
}

bool doctor_probe_make(const struct configuration *configuration, bool is_hostile, struct error *error,
                       cJSON **pod)
{
    static const struct json_limits limits = {sizeof pod_text, POD_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *made = NULL;
    const struct string_list *allowed = &configuration->allowed_images;
    _cleanup_(freep) char *image = make_image(allowed->count ? allowed->items[0] : IMAGE);
    if (!json_parse(pod_text, strlen(pod_text), &limits, error, &made))
        return false;
    cJSON *container = json_member(json_member(made, "spec"), "containers")->child;
    if (!image || !cJSON_AddStringToObject(container, "image", image) ||
        (is_hostile && !add_variable(container)))
        return error_set_no_memory(error);
    *pod = take_pointer(&made);
    return true;
}

/* How many findings from `first` on have its field: what is to be taken from a list has the index that is its
 * own when what stood before it is gone. */
static size_t count_same(const struct verification *verification, size_t first)
{
    size_t next = first + 1;
    while (next < verification->count &&
           strcmp(verification->findings[next].field, verification->findings[first].field) == 0)
        next++;
    return next - first;
}

/* `spec.volumes, spec.containers[0].env[0] (3 times) and 2 more`. */
static void append_findings(const struct verification *verification, struct buffer *text)
{
    size_t at = 0;
    for (size_t told = 0; told < FINDINGS_TOLD && at < verification->count; told++) {
        size_t same = count_same(verification, at);
        buffer_append_format(text, "%s%.300s", told ? ", " : "", verification->findings[at].field);
        if (same > 1)
            buffer_append_format(text, " (%zu times)", same);
        at += same;
    }
    size_t more = verification->count - at + verification->dropped;
    if (more)
        buffer_append_format(text, " and %zu more", more);
}

static void add_outdated(const char *digest, const struct probe_request *request, const char *fields,
                         struct checkup *checkup)
{
    if (*digest && strncmp(digest, request->configuration->digest, MARKS_DIGEST_CHARACTERS) != 0)
        checkup_add(checkup, CHECK_WARNING, "sandbox-pod",
                    "supervised, but the server runs another configuration (%s) than this one (%.*s); it "
                    "differs in %s",
                    digest, MARKS_DIGEST_CHARACTERS, request->configuration->digest, fields);
    else
        checkup_add(checkup, CHECK_WARNING, "sandbox-pod",
                    "supervised, but by another version than this one (" PRODUCT_IDENTIFIER
                    "); it differs in %s",
                    fields);
    checkup_advise(checkup,
                   "give the server's configuration by --config; if it is, a replica has not reloaded it, "
                   "or is of another version: its log says why");
}

static void add_state(enum verification_state state, const char *digest, const struct probe_request *request,
                      const char *fields, struct checkup *checkup)
{
    static const char check[] = "sandbox-pod";
    if (state == VERIFICATION_SUPERVISED) {
        checkup_add(checkup, CHECK_OK, check, "comes back supervised as this configuration (%.*s) says",
                    MARKS_DIGEST_CHARACTERS, request->configuration->digest);
    } else if (state == VERIFICATION_UNSUPERVISED) {
        checkup_add(checkup, CHECK_FAILED, check,
                    "comes back unsupervised: its agent would run with no fence around it; missing: %s",
                    fields);
        checkup_advise(checkup,
                       "no webhook has seen it: correct what failed above; the driver deletes such pods");
    } else if (request->are_annotations_unknown) {
        checkup_add(checkup, CHECK_WARNING, check,
                    "supervised; whether as configured cannot be told without the namespace's annotations "
                    "(differs in %s)",
                    fields);
        checkup_advise(checkup, "grant get on namespaces, or give them by --namespace-annotation");
    } else if (state == VERIFICATION_OUTDATED) {
        add_outdated(digest, request, fields, checkup);
    } else {
        checkup_add(checkup, CHECK_FAILED, check,
                    "comes back by this configuration, but with something changed: %s", fields);
        checkup_advise(checkup, "another webhook has the last word: exclude sandbox pods from it");
    }
}

/* The judgement could not be made. */
static void add_error(const struct error *error, struct checkup *checkup)
{
    if (error->code == ERROR_NO_MEMORY) {
        checkup_fail(checkup, error->code);
        return;
    }
    checkup_add(checkup, CHECK_FAILED, "sandbox-pod", "comes back as no pod: %s", error->message);
    checkup_advise(checkup, "see what is between this machine and the API server");
}

void doctor_judge_pod(const struct probe_request *request, struct checkup *checkup)
{
    struct error error;
    char digest[MARKS_DIGEST_CHARACTERS + 1];
    struct verification verification;
    _cleanup_(buffer_done) struct buffer fields = BUFFER_INIT(FINDINGS_BYTES);
    const struct verification_request verified = {.pod = request->pod,
                                                  .namespace_annotations = request->namespace_annotations,
                                                  .configuration = request->configuration};
    if (!verification_marks_read_digest(request->pod, &error, digest) ||
        !verification_run(&verified, &error, &verification)) {
        add_error(&error, checkup);
        return;
    }
    append_findings(&verification, &fields);
    if (fields.failure == ERROR_NONE)
        add_state(verification.state, digest, request, buffer_string(&fields), checkup);
    else
        checkup_fail(checkup, fields.failure);
    verification_done(&verification);
}
