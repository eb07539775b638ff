#include "driver/commands.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/rpc/socket.h"
#include "driver/sandboxes/bare_pod.h"
#include "driver/sandboxes/pod_state.h"
#include "kubernetes/access_review.h"
#include "kubernetes/objects.h"

#include <stdio.h>
#include <string.h>

/* A document of no sandbox, for a pod that is only tried and never made. */
#define PROBE_DOCUMENT "{\"version\":1,\"id\":\"check\",\"name\":\"check\",\"workspace\":\"default\"}"
#define PROBE_DEPTH 8

struct check {
    const struct driver_configuration *configuration;
    struct kubernetes_client *client;
    bool has_failed;
};

static void report(struct check *check, bool is_fine, const char *what, const char *detail)
{
    printf("%-5s %s%s%s\n", is_fine ? "ok" : "FAIL", what, *detail ? ": " : "", detail);
    check->has_failed = check->has_failed || !is_fine;
}

static void report_result(struct check *check, bool is_fine, const char *what, const struct error *error)
{
    report(check, is_fine, what, is_fine ? "" : error->message);
}

struct permission {
    const char *group;
    const char *resource;
    const char *verbs; /* separated by blanks */
    bool is_cluster_wide;
    int only_mode; /* an enum workspace_mode, or -1: all */
};

static const struct permission permissions[] = {
    {"", "pods", "create delete get list watch", false, -1},
    {"", "secrets", "create delete get list patch watch", false, -1},
    {"", "persistentvolumeclaims", "create delete get", false, -1},
    {"", "events", "list watch", false, WORKSPACE_SHARED},
    {"", "nodes", "list", true, -1},
    {"", "namespaces", "create delete get", true, WORKSPACE_MANAGED},
    {"", "serviceaccounts", "create patch", false, WORKSPACE_MANAGED},
    {"networking.k8s.io", "networkpolicies", "create patch", false, WORKSPACE_MANAGED},
    {"", "namespaces", "list", true, WORKSPACE_OPERATOR},
};

static bool ask_permission(struct check *check, const struct permission *permission, const char *verb,
                           struct error *error, bool *is_allowed)
{
    bool is_shared = check->configuration->workspace_mode == WORKSPACE_SHARED;
    const struct access_question question = {.verb = verb,
                                             .group = permission->group,
                                             .resource = permission->resource,
                                             .namespace_name = is_shared && !permission->is_cluster_wide
                                                                   ? check->configuration->namespace_name
                                                                   : NULL};
    return access_review_ask(check->client, &question, error, is_allowed);
}

static void check_permission(struct check *check, const struct permission *permission)
{
    const char *verbs = permission->verbs;
    while (*verbs) {
        char verb[16], what[128];
        struct error error = {0};
        bool is_allowed = false;
        size_t length = strcspn(verbs, " ");
        snprintf(verb, sizeof verb, "%.*s", (int) length, verbs);
        snprintf(what, sizeof what, "permission to %s %s", verb, permission->resource);
        if (!ask_permission(check, permission, verb, &error, &is_allowed))
            report_result(check, false, what, &error);
        else
            report(check, is_allowed, what, is_allowed ? "" : "not granted to this account");
        verbs += length + (verbs[length] == ' ');
    }
}

static void check_permissions(struct check *check)
{
    for (size_t index = 0; index < sizeof permissions / sizeof *permissions; index++) {
        const struct permission *permission = &permissions[index];
        if (permission->only_mode < 0 || permission->only_mode == (int) check->configuration->workspace_mode)
            check_permission(check, permission);
    }
}

/* Sends the pod of no sandbox as a dry run and looks at what admission makes of it. */
static bool try_pod(struct check *check, struct error *error)
{
    static const struct json_limits limits = {sizeof PROBE_DOCUMENT, PROBE_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *document = NULL, *pod = NULL, *created = NULL;
    if (!json_parse(PROBE_DOCUMENT, strlen(PROBE_DOCUMENT), &limits, error, &document) ||
        !bare_pod_build(check->configuration, document, error, &pod))
        return false;
    const struct kubernetes_target target = {.resource = &kubernetes_pods,
                                             .namespace_name = kubernetes_object_namespace(pod)};
    const struct kubernetes_call call = {.is_dry_run = true};
    if (!kubernetes_create(check->client, &target, pod, &call, error, &created))
        return false;
    return pod_is_supervised(created) ||
           error_set(error, ERROR_FAILED_PRECONDITION,
                     "a pod tried in namespace %s came back unchanged: install openshell-injector, or let it "
                     "select this namespace",
                     target.namespace_name);
}

static bool selects_sandboxes(const cJSON *webhook)
{
    const cJSON *labels = json_member(json_member(webhook, "objectSelector"), "matchLabels");
    const cJSON *label = json_member(labels, LABEL_MANAGED_BY);
    return cJSON_IsString(label) && strcmp(label->valuestring, LABEL_MANAGED_BY_VALUE) == 0;
}

/* Where no namespace exists yet to try a pod in, the registration has to do. */
static bool find_webhook(struct check *check, struct error *error)
{
    static const struct kubernetes_target target = {.resource = &kubernetes_mutating_webhook_configurations};
    _cleanup_(cJSON_Deletep) cJSON *configurations = NULL;
    if (!kubernetes_list(check->client, &target, NULL, NULL, error, &configurations))
        return false;
    const cJSON *configuration, *webhook;
    cJSON_ArrayForEach(configuration, configurations)
    {
        cJSON_ArrayForEach(webhook, json_member(configuration, "webhooks"))
        {
            if (selects_sandboxes(webhook))
                return true;
        }
    }
    return error_set(error, ERROR_FAILED_PRECONDITION,
                     "no mutating webhook selects " LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE);
}

static void check_webhook(struct check *check)
{
    struct error error = {0};
    bool is_fine = check->configuration->workspace_mode == WORKSPACE_SHARED ? try_pod(check, &error)
                                                                            : find_webhook(check, &error);
    report_result(check, is_fine, "webhook supervises sandbox pods", &error);
}

/* A sandbox whose pod has ended may be one that the gateway never learned of; only a person can tell. */
static bool show_if_ended(void *context, cJSON **pod, struct error *error)
{
    struct pod_state read;
    struct sandbox_state identity;
    (void) context;
    (void) error;
    pod_state_read(*pod, &read);
    if (read.phase == POD_ENDED && !read.is_deleting && state_read_identity(*pod, &identity))
        printf("note  sandbox %s (%s in workspace %s) has ended at %s: %s; if the gateway does not list it, "
               "remove secret " SANDBOX_SECRET_PREFIX "%s in namespace %s\n",
               identity.id, identity.name, identity.workspace, *read.since ? read.since : "an unknown time",
               read.message, identity.id, identity.namespace_name);
    return true;
}

static void show_ended(struct check *check)
{
    char selector[SELECTOR_BYTES];
    struct error error = {0};
    name_selector(check->configuration, selector);
    bool is_shared = check->configuration->workspace_mode == WORKSPACE_SHARED;
    const struct kubernetes_target target = {.resource = &kubernetes_pods,
                                             .namespace_name =
                                                 is_shared ? check->configuration->namespace_name : NULL};
    const struct kubernetes_list_options options = {.label_selector = selector};
    const struct kubernetes_list_handler handler = {.object = show_if_ended};
    _cleanup_(freep) char *ignored = NULL;
    if (!kubernetes_list_each(check->client, &target, &options, NULL, &handler, &error, &ignored))
        report_result(check, false, "listing sandboxes", &error);
}

static void check_socket(struct check *check)
{
    struct error error = {0};
    report_result(check, rpc_socket_check(check->configuration->socket_path, &error), "socket path", &error);
}

static bool open_client(struct check *check, struct error *error)
{
    struct kubernetes_configuration *access;
    return kubernetes_configuration_load(check->configuration->kubeconfig,
                                         check->configuration->kubeconfig_context, error, &access) &&
           kubernetes_client_new(access, NULL, error, &check->client);
}

int command_check(const struct driver_configuration *configuration)
{
    struct check check = {.configuration = configuration};
    struct error error = {0};
    check_socket(&check);
    if (open_client(&check, &error)) {
        check_permissions(&check);
        check_webhook(&check);
        show_ended(&check);
    } else {
        report_result(&check, false, "access to the cluster", &error);
    }
    kubernetes_client_free(check.client);
    return check.has_failed ? 1 : 0;
}
