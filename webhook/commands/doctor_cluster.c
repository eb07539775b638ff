#include "common/json.h"
#include "kubernetes/objects.h"
#include "webhook/commands/certs_options.h"
#include "webhook/commands/doctor.h"
#include "webhook/commands/doctor_judge.h"

#include <string.h>
#include <time.h>

#define STATUS_FORBIDDEN 403
#define SELECTOR_BYTES 512

void doctor_report_missing_right(struct doctor *doctor, const char *check, const char *verb,
                                 const struct kubernetes_resource *resource, const char *namespace_name)
{
    checkup_add(&doctor->checkup, CHECK_WARNING, check, "not looked at: this account may not %s %s%s%.253s",
                verb, resource->plural, namespace_name ? " in namespace " : "",
                namespace_name ? namespace_name : "");
    checkup_advise(&doctor->checkup, "grant the verb %s on %s%s%s, or run doctor as somebody who has it",
                   verb, resource->plural, *resource->group ? " of " : "", resource->group);
}

/* The error of a question that has no answer. */
static void report_error(struct doctor *doctor, const char *check, const char *verb,
                         const struct kubernetes_target *target, const struct kubernetes_answer *answer,
                         const struct error *error)
{
    if (answer->status == STATUS_FORBIDDEN) {
        doctor_report_missing_right(doctor, check, verb, target->resource, target->namespace_name);
        return;
    }
    if (error->code == ERROR_NO_MEMORY) {
        checkup_fail(&doctor->checkup, error->code);
        return;
    }
    checkup_add(&doctor->checkup, CHECK_FAILED, check, "%s", error->message);
    checkup_advise(&doctor->checkup, "the API server did not answer this question: run doctor again");
}

bool doctor_ask(struct doctor *doctor, const char *check, const struct kubernetes_target *target,
                doctor_getter *get, cJSON **object)
{
    struct error error;
    struct kubernetes_answer answer = {0};
    const struct kubernetes_call call = {.time_limit_ms = DOCTOR_QUESTION_LIMIT_MS, .answer = &answer};
    *object = NULL;
    if (get(doctor->client, target, &call, &error, object) || error.code == ERROR_NOT_FOUND)
        return true;
    report_error(doctor, check, "get", target, &answer, &error);
    return false;
}

bool doctor_ask_version(struct doctor *doctor)
{
    static const char check[] = "api-server";
    static const struct kubernetes_request request = {
        .method = "GET", .path = "/version", .verb = "get", .is_idempotent = true};
    struct error error;
    struct kubernetes_answer answer = {0};
    const struct kubernetes_call call = {.time_limit_ms = DOCTOR_QUESTION_LIMIT_MS, .answer = &answer};
    const char *server = kubernetes_client_configuration(doctor->client)->server;
    _cleanup_(cJSON_Deletep) cJSON *version = NULL;
    bool is_answered = kubernetes_client_request_json(doctor->client, &request, &call, &error, &version);
    if (!is_answered && answer.status != STATUS_FORBIDDEN) {
        checkup_add(&doctor->checkup, CHECK_FAILED, check, "%s: %s", server, error.message);
        checkup_advise(&doctor->checkup,
                       "see that the kubeconfig names the cluster and valid credentials (%s)",
                       kubernetes_client_configuration(doctor->client)->source);
        return false;
    }
    checkup_add(&doctor->checkup, CHECK_OK, check, "%s answers", server);
    if (is_answered) {
        doctor_judge_version(version, doctor->configuration, &doctor->checkup);
        return true;
    }
    checkup_add(&doctor->checkup, CHECK_WARNING, "kubernetes-version",
                "not looked at: this account may not get the path /version");
    checkup_advise(&doctor->checkup, "grant the verb get on the nonResourceURL /version");
    return true;
}

static void ask_secret(struct doctor *doctor, struct secret_request *request)
{
    const struct kubernetes_target target = {
        .resource = &kubernetes_secrets, .namespace_name = doctor->namespace_name, .name = request->name};
    _cleanup_(cJSON_Deletep) cJSON *metadata = NULL;
    if (!*request->name || !doctor_ask(doctor, request->check, &target, kubernetes_get_metadata, &metadata))
        return;
    request->namespace_name = doctor->namespace_name;
    request->object = metadata;
    doctor_judge_secret(request, &doctor->checkup);
}

static void ask_secrets(struct doctor *doctor)
{
    static const char *const tls_keys[] = {"ca.crt", "tls.crt", "tls.key", NULL};
    const struct configuration *configuration = doctor->configuration;
    const char *const proxy_keys[] = {configuration->upstream_proxy_auth_secret_key, NULL};
    struct secret_request client_tls = {.check = "secret.client-tls",
                                        .option = "gateway.clientTLSSecretName",
                                        .name = configuration->client_tls_secret_name,
                                        .keys = tls_keys};
    struct secret_request proxy_auth = {.check = "secret.proxy-auth",
                                        .option = "upstreamProxy.auth.secretName",
                                        .name = configuration->upstream_proxy_auth_secret_name,
                                        .keys = proxy_keys};
    ask_secret(doctor, &client_tls);
    ask_secret(doctor, &proxy_auth);
}

void doctor_ask_namespace(struct doctor *doctor)
{
    const struct kubernetes_target target = {.resource = &kubernetes_namespaces,
                                             .name = doctor->namespace_name};
    if (doctor_ask(doctor, "namespace", &target, kubernetes_get, &doctor->namespace_object)) {
        doctor->lacks_namespace = !doctor->namespace_object;
        doctor_judge_namespace(doctor->namespace_object, doctor->namespace_name, doctor->configuration,
                               &doctor->checkup);
    }
    if (!doctor->lacks_namespace)
        ask_secrets(doctor);
}

static void ask_service(struct doctor *doctor, const char *namespace_name, const char *name)
{
    static const char check[] = "service";
    char selector[SELECTOR_BYTES];
    struct error error;
    struct kubernetes_answer answer = {0};
    const struct kubernetes_call call = {.time_limit_ms = DOCTOR_QUESTION_LIMIT_MS, .answer = &answer};
    const struct kubernetes_target service = {
        .resource = &kubernetes_services, .namespace_name = namespace_name, .name = name};
    const struct kubernetes_target slices = {.resource = &kubernetes_endpoint_slices,
                                             .namespace_name = namespace_name};
    const struct kubernetes_list_options options = {.label_selector = selector};
    _cleanup_(cJSON_Deletep) cJSON *object = NULL, *items = NULL;
    if (!doctor_ask(doctor, check, &service, kubernetes_get, &object))
        return;
    if (!object) {
        checkup_add(&doctor->checkup, CHECK_FAILED, check, "Service %.253s/%.253s does not exist",
                    namespace_name, name);
        checkup_advise(&doctor->checkup, "install manifests/base, or correct clientConfig of the webhooks");
        return;
    }
    snprintf(selector, sizeof selector, "kubernetes.io/service-name=%.253s", name);
    if (kubernetes_list(doctor->client, &slices, &options, &call, &error, &items))
        doctor_judge_endpoints(items, namespace_name, name, &doctor->checkup);
    else
        report_error(doctor, check, "list", &slices, &answer, &error);
}

/* Of the sandboxes' namespace; NULL: not known. */
static const cJSON *namespace_labels(const struct doctor *doctor)
{
    return json_member(json_member(doctor->namespace_object, "metadata"), "labels");
}

/* Gets and judges one of them; `*object` NULL when it cannot be read. The caller owns it. */
static void ask_registration(struct doctor *doctor, bool is_mutating, cJSON **object)
{
    const char *given =
        is_mutating ? doctor->line->mutating_configuration : doctor->line->validating_configuration;
    const struct kubernetes_target target = {.resource = is_mutating
                                                             ? &kubernetes_mutating_webhook_configurations
                                                             : &kubernetes_validating_webhook_configurations,
                                             .name = certs_option_or(given, CERTS_DEFAULT_NAME)};
    if (!doctor_ask(doctor, is_mutating ? "mutating-webhook" : "validating-webhook", &target, kubernetes_get,
                    object))
        return;
    const struct registration_request request = {.is_mutating = is_mutating,
                                                 .name = target.name,
                                                 .object = *object,
                                                 .sandbox_namespace = doctor->namespace_name,
                                                 .namespace_labels = namespace_labels(doctor),
                                                 .now = time(NULL)};
    doctor_judge_registration(&request, &doctor->checkup);
}

void doctor_ask_registrations(struct doctor *doctor)
{
    _cleanup_(cJSON_Deletep) cJSON *mutating = NULL, *validating = NULL;
    const char *namespaces[2], *names[2];
    ask_registration(doctor, true, &mutating);
    ask_registration(doctor, false, &validating);
    bool has_first = doctor_find_service(mutating, true, &namespaces[0], &names[0]);
    bool has_second = doctor_find_service(validating, false, &namespaces[1], &names[1]);
    bool are_same = has_first && has_second && strcmp(namespaces[0], namespaces[1]) == 0 &&
                    strcmp(names[0], names[1]) == 0;
    if (has_first)
        ask_service(doctor, namespaces[0], names[0]);
    if (has_second && !are_same)
        ask_service(doctor, namespaces[1], names[1]);
}

static void ask_policy(struct doctor *doctor, struct policy_request *request)
{
    const struct kubernetes_target policy = {.resource = &kubernetes_validating_admission_policies,
                                             .name = request->name};
    const struct kubernetes_target binding = {.resource = &kubernetes_validating_admission_policy_bindings,
                                              .name = request->name};
    _cleanup_(cJSON_Deletep) cJSON *policy_object = NULL, *binding_object = NULL;
    if (!doctor_ask(doctor, request->check, &policy, kubernetes_get, &policy_object) ||
        !doctor_ask(doctor, request->check, &binding, kubernetes_get, &binding_object))
        return;
    request->sandbox_namespace = doctor->namespace_name;
    request->namespace_labels = namespace_labels(doctor);
    request->policy = policy_object;
    request->binding = binding_object;
    doctor_judge_policy(request, &doctor->checkup);
}

void doctor_ask_policies(struct doctor *doctor)
{
    struct policy_request sandboxes = {
        .check = "policy",
        .name = "openshell-sandboxes",
        .consequence = "nothing refuses unsupervised pods while the webhook is not registered"};
    struct policy_request bindings = {
        .check = "policy.bindings",
        .name = "openshell-bindings",
        .is_about_bindings = true,
        .consequence = "whoever binds pods to nodes can bring them a sandbox's annotations"};
    ask_policy(doctor, &sandboxes);
    ask_policy(doctor, &bindings);
}
