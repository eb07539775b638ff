#include "webhook/audit/api_event.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"

#include <string.h>

#define MUTATION_PREFIX "mutation.webhook.admission.k8s.io/"
#define PATCH_PREFIX "patch.webhook.admission.k8s.io/"
#define ANCHOR_SUFFIX "/audit-record"
#define DECISION_SUFFIX "/decision"
/* The authorizer's annotation has a decision as well. */
#define OTHER_DECISION "authorization.k8s.io/decision"

bool api_event_is_of_interest(const struct line *line)
{
    /* Values alone: whoever passed the log on may have printed it with spaces. */
    static const char resource[] = "\"pods\"";
    static const char verb[] = "\"create\"";
    return memmem(line->text, line->length, resource, strlen(resource)) &&
           memmem(line->text, line->length, verb, strlen(verb));
}

static bool ends_in(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Annotations of webhooks are JSON texts. NULL in `*value`: it is not about `webhook`. */
static bool parse_for_webhook(const cJSON *annotation, const char *webhook, struct error *error,
                              cJSON **value)
{
    *value = NULL;
    if (!cJSON_IsString(annotation))
        return true;
    const char *text = annotation->valuestring;
    const struct json_limits limits = {.bytes = API_EVENT_BYTES, .depth = API_EVENT_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *parsed = NULL;
    if (!json_parse(text, strlen(text), &limits, error, &parsed))
        return error_prefix(error, "annotations[%.80s]", annotation->string);
    if (strcmp(json_text(parsed, "webhook"), webhook) == 0)
        *value = take_pointer(&parsed);
    return true;
}

static bool count_call(const cJSON *annotation, const char *webhook, struct error *error,
                       struct api_event *event)
{
    cJSON *call;
    if (!parse_for_webhook(annotation, webhook, error, &call))
        return false;
    event->calls += call != NULL;
    cJSON_Delete(call);
    return true;
}

/* Our webhooks, the mutating and the validating one, have their names in one domain. What another webhook
 * says of a record is no sign that ours saw the pod. */
static bool is_of_domain(const char *key, const char *webhook)
{
    const char *domain = strchr(webhook, '.'), *given = strchr(key, '.');
    size_t length = domain ? strlen(domain) : 0;
    return domain && given && strncmp(given, domain, length) == 0 && given[length] == '/';
}

static bool read_annotations(const char *webhook, struct error *error, struct api_event *event)
{
    for (const cJSON *at = event->annotations ? event->annotations->child : NULL; at; at = at->next) {
        if (starts_with(at->string, MUTATION_PREFIX)) {
            if (!count_call(at, webhook, error, event))
                return false;
        } else if (ends_in(at->string, DECISION_SUFFIX) && strcmp(at->string, OTHER_DECISION) != 0) {
            event->has_decided |= starts_with(at->string, webhook);
        } else if (ends_in(at->string, ANCHOR_SUFFIX) && is_of_domain(at->string, webhook) &&
                   cJSON_IsString(at)) {
            if (event->anchor_count == API_EVENT_ANCHORS)
                return error_set(error, ERROR_TOO_LARGE, "annotations: more than %d audit-record",
                                 API_EVENT_ANCHORS);
            event->anchors[event->anchor_count++] =
                (struct api_anchor){.webhook_prefix = at->string, .record = at->valuestring};
        }
    }
    return true;
}

/* Labels are known from the stored object, or from the request where that failed. */
static void read_object(const cJSON *tree, struct api_event *event)
{
    const cJSON *stored = json_member(tree, "responseObject");
    const cJSON *object = strcmp(json_text(stored, "kind"), "Pod") == 0 ? stored : NULL;
    if (!object)
        object = json_member(tree, "requestObject");
    const cJSON *metadata = json_member(object, "metadata");
    event->has_object = object != NULL;
    event->is_sandbox =
        strcmp(json_text(json_member(metadata, "labels"), LABEL_MANAGED_BY), LABEL_MANAGED_BY_VALUE) == 0;
    if (!*event->pod)
        event->pod = json_text(metadata, "name");
    event->is_name_generated = !*event->pod;
    if (event->is_name_generated)
        event->pod = json_text(metadata, "generateName");
}

static bool is_creation_of_pod(const cJSON *tree)
{
    const cJSON *reference = json_member(tree, "objectRef");
    return strcmp(json_text(tree, "verb"), "create") == 0 &&
           strcmp(json_text(tree, "stage"), "ResponseComplete") == 0 &&
           strcmp(json_text(reference, "resource"), "pods") == 0 && !*json_text(reference, "apiGroup") &&
           !*json_text(reference, "subresource");
}

bool api_event_read(const cJSON *tree, const char *webhook, struct error *error, struct api_event *event,
                    bool *is_creation)
{
    if (strcmp(json_text(tree, "apiVersion"), "audit.k8s.io/v1") != 0 ||
        strcmp(json_text(tree, "kind"), "Event") != 0)
        return error_set(error, ERROR_INVALID, "must be an Event of audit.k8s.io/v1");
    if (!is_creation_of_pod(tree)) {
        *is_creation = false;
        return true;
    }
    const cJSON *reference = json_member(tree, "objectRef");
    struct api_event read = {
        .audit_id = json_text(tree, "auditID"),
        .namespace_name = json_text(reference, "namespace"),
        .pod = json_text(reference, "name"),
        .user = json_text(json_member(tree, "user"), "username"),
        .received = json_text(tree, "requestReceivedTimestamp"),
        .completed = json_text(tree, "stageTimestamp"),
    };
    const cJSON *impersonated = json_member(tree, "impersonatedUser");
    if (impersonated)
        read.user = json_text(impersonated, "username");
    if (!json_read_object(tree, JSON_ROOT, "annotations", error, &read.annotations) ||
        !json_read_integer(json_member(tree, "responseStatus"), JSON_ROOT, "code", 0, 999, 0, error,
                           &read.code))
        return false;
    read_object(tree, &read);
    if (!read_annotations(webhook, error, &read))
        return false;
    *event = read;
    *is_creation = true;
    return true;
}

bool api_event_find_patch(const struct api_event *event, const char *webhook, struct error *error,
                          cJSON **holder, const cJSON **patch)
{
    *holder = NULL;
    *patch = NULL;
    /* Keys are sorted by the API server, so that the first is that of the first round. */
    for (const cJSON *at = event->annotations ? event->annotations->child : NULL; at; at = at->next) {
        if (!starts_with(at->string, PATCH_PREFIX))
            continue;
        if (!parse_for_webhook(at, webhook, error, holder))
            return false;
        if (*holder) {
            *patch = json_member(*holder, "patch");
            return true;
        }
    }
    return true;
}
