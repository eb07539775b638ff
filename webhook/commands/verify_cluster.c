#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "kubernetes/objects.h"
#include "webhook/commands/cluster_client.h"
#include "webhook/commands/verify.h"

/* A cluster that is being looked at. */
struct survey {
    const struct command_line *line;
    struct kubernetes_client *client; /* owned */
    cJSON *namespaces; /* object: name to annotations (an object); what was read so far; owned */
    struct verify_results *results;
};

static bool read_namespace(struct survey *survey, const char *name, struct error *error, cJSON **annotations)
{
    const struct kubernetes_target target = {.resource = &kubernetes_namespaces, .name = name};
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    if (!kubernetes_get(survey->client, &target, NULL, error, &object))
        return false;
    cJSON *metadata = json_member(object, "metadata");
    _cleanup_(cJSON_Deletep) cJSON *found = cJSON_DetachItemFromObjectCaseSensitive(metadata, "annotations");
    if (!cJSON_IsObject(found)) {
        cJSON_Delete(found);
        found = cJSON_CreateObject();
    }
    if (!found || !cJSON_AddItemToObject(survey->namespaces, name, found))
        return error_set_no_memory(error);
    *annotations = take_pointer(&found);
    return true;
}

/* Those of the command line, those read before, or those that the API server has; NULL when nothing depends
 * on them. They stay the survey's. */
static bool find_annotations(struct survey *survey, const cJSON *pod, struct error *error,
                             const cJSON **annotations)
{
    *annotations = survey->line->namespace_annotations;
    if (*annotations || !injection_needs_namespace(pod, survey->results->configuration))
        return true;
    const char *name = kubernetes_object_namespace(pod);
    if (!name)
        return error_set(error, ERROR_UNAVAILABLE, "the API server gave a pod without a namespace");
    *annotations = json_member(survey->namespaces, name);
    cJSON *read = NULL;
    if (*annotations)
        return true;
    if (!read_namespace(survey, name, error, &read))
        return false;
    *annotations = read;
    return true;
}

static bool begin(void *context, struct error *error)
{
    struct survey *survey = context;
    (void) error;
    verify_results_clear(survey->results);
    return true;
}

static bool take_pod(void *context, cJSON **pod, struct error *error)
{
    struct survey *survey = context;
    const cJSON *annotations;
    return find_annotations(survey, *pod, error, &annotations) &&
           verify_results_add(survey->results, NULL, *pod, annotations, error);
}

static bool list_pods(struct survey *survey, struct error *error)
{
    const struct kubernetes_target target = {.resource = &kubernetes_pods,
                                             .namespace_name = survey->line->namespace_name};
    const struct kubernetes_list_options options = {.label_selector =
                                                        LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE};
    const struct kubernetes_list_handler handler = {.begin = begin, .object = take_pod, .context = survey};
    _cleanup_(freep) char *resource_version = NULL;
    return kubernetes_list_each(survey->client, &target, &options, NULL, &handler, error, &resource_version);
}

bool verify_cluster(const struct command_line *line, struct error *error, struct verify_results *results)
{
    struct survey survey = {.line = line, .namespaces = cJSON_CreateObject(), .results = results};
    if (!survey.namespaces)
        return error_set_no_memory(error);
    bool is_open = cluster_client_open(line->kubeconfig, line->context, error, &survey.client) ||
                   error_prefix(error, "no file is given, so the cluster is asked");
    bool is_verified = is_open && list_pods(&survey, error);
    cluster_client_close(survey.client);
    cJSON_Delete(survey.namespaces);
    return is_verified;
}
