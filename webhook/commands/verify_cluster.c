#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "common/version.h"
#include "kubernetes/objects.h"
#include "webhook/commands/verify.h"

#include <curl/curl.h>
#include <signal.h>
#include <string.h>

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

static bool open_client(struct survey *survey, struct error *error)
{
    struct kubernetes_configuration *configuration = NULL;
    const struct kubernetes_client_options options = {.user_agent = PRODUCT_IDENTIFIER};
    if (!kubernetes_configuration_load(survey->line->kubeconfig, survey->line->context, error,
                                       &configuration))
        return error_prefix(error, "no file is given, so the cluster is asked");
    return kubernetes_client_new(configuration, &options, error, &survey->client);
}

bool verify_cluster(const struct command_line *line, struct error *error, struct verify_results *results)
{
    struct survey survey = {.line = line, .namespaces = cJSON_CreateObject(), .results = results};
    if (!survey.namespaces)
        return error_set_no_memory(error);
    /* A connection that the API server drops is an error to report, not the end. */
    signal(SIGPIPE, SIG_IGN);
    bool has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
    bool is_verified = has_curl ? open_client(&survey, error) && list_pods(&survey, error)
                                : error_set(error, ERROR_INTERNAL, "curl cannot start");
    kubernetes_client_free(survey.client);
    if (has_curl)
        curl_global_cleanup();
    cJSON_Delete(survey.namespaces);
    return is_verified;
}
