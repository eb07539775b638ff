#include "webhook/commands/doctor_registration.h"
#include "common/json.h"
#include "common/names.h"
#include "kubernetes/label_selector.h"
#include "webhook/commands/doctor_judge.h"
#include "webhook/commands/doctor_selector.h"

#include <string.h>

/* A member of a webhook that must be one word. */
struct word {
    const char *check;
    const char *key;
    const char *wanted;
    enum check_result otherwise;
    bool is_mutating_only;
    const char *consequence;
};

static const struct word words[] = {
    {"failure-policy", "failurePolicy", "Fail", CHECK_FAILED, false,
     "agents run unsupervised whenever the webhook does not answer"},
    {"reinvocation-policy", "reinvocationPolicy", "IfNeeded", CHECK_WARNING, true,
     "a pod that another webhook changes after this one is refused"},
    {"match-policy", "matchPolicy", "Equivalent", CHECK_WARNING, false,
     "a pod that is sent in another version of the API passes unseen"},
    {"side-effects", "sideEffects", "None", CHECK_WARNING, false,
     "the webhook has none, and dry runs may be refused"},
};

static const char *path_of(bool is_mutating)
{
    return is_mutating ? "/mutate" : "/validate";
}

static bool is_ours(const cJSON *webhook, bool is_mutating)
{
    const char *path = path_of(is_mutating);
    const cJSON *client = json_member(webhook, "clientConfig");
    const char *url = json_text(client, "url");
    size_t length = strlen(url), path_length = strlen(path);
    return strcmp(json_text(json_member(client, "service"), "path"), path) == 0 ||
           (length > path_length && strcmp(url + length - path_length, path) == 0);
}

bool doctor_find_service(const cJSON *object, bool is_mutating, const char **namespace_name,
                         const char **name)
{
    const cJSON *webhook;
    cJSON_ArrayForEach(webhook, json_member(object, "webhooks"))
    {
        const cJSON *service = json_member(json_member(webhook, "clientConfig"), "service");
        if (!is_ours(webhook, is_mutating) || !service)
            continue;
        *namespace_name = json_text(service, "namespace");
        *name = json_text(service, "name");
        return true;
    }
    return false;
}

void registration_add(const struct registration_judgement *judgement, enum check_result result,
                      const char *check, const char *message, const char *advice)
{
    char name[REGISTRATION_CHECK_BYTES];
    snprintf(name, sizeof name, "%s.%s", judgement->check, check);
    checkup_add(judgement->checkup, result, name, "%s", message);
    if (result != CHECK_OK)
        checkup_advise(judgement->checkup, "%s", advice);
}

static void judge_words(const struct registration_judgement *judgement)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char message[REGISTRATION_TEXT_BYTES], advice[REGISTRATION_TEXT_BYTES];
        const struct word *word = &words[i];
        if (word->is_mutating_only && !judgement->request->is_mutating)
            continue;
        const char *found = json_text(judgement->webhook, word->key);
        bool is_wanted = strcmp(found, word->wanted) == 0;
        snprintf(message, sizeof message, "%s is %.60s", word->key, *found ? found : "not set");
        snprintf(advice, sizeof advice, "set it to %s: %s", word->wanted, word->consequence);
        registration_add(judgement, is_wanted ? CHECK_OK : word->otherwise, word->check, message, advice);
    }
}

/* Whether the selector takes an object with this one label; `key` NULL: without labels. */
static bool selects(const cJSON *selector, const char *key, const char *value)
{
    cJSON text = {.type = cJSON_String, .valuestring = (char *) value, .string = (char *) key};
    cJSON labels = {.type = cJSON_Object, .child = key ? &text : NULL};
    text.prev = &text;
    return label_selector_matches(selector, &labels);
}

static void judge_object_selector(const struct registration_judgement *judgement)
{
    static const char check[] = "object-selector";
    static const char advice[] =
        "set objectSelector to matchLabels " LABEL_MANAGED_BY ": " LABEL_MANAGED_BY_VALUE " and no more";
    const cJSON *selector = json_member(judgement->webhook, "objectSelector");
    /* Whatever other labels a pod has: whoever makes it chooses them. */
    if (label_selector_select(selector, LABEL_MANAGED_BY, LABEL_MANAGED_BY_VALUE) != LABELS_SELECTED)
        registration_add(judgement, CHECK_FAILED, check,
                         "does not select every pod labelled " LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE
                         ": sandboxes pass unseen",
                         advice);
    else if (selects(selector, NULL, NULL) || selects(selector, LABEL_MANAGED_BY, "another"))
        registration_add(judgement, CHECK_FAILED, check,
                         "selects pods that are no sandboxes: they wait for the webhook too", advice);
    else
        registration_add(judgement, CHECK_OK, check,
                         "selects " LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE " alone", NULL);
}

/* Whether the sandboxes' namespace is selected; false: a check has been added. */
static bool judge_sandboxes_selected(const struct registration_judgement *judgement, const char *check,
                                     const cJSON *selector)
{
    char message[REGISTRATION_TEXT_BYTES];
    const char *name = judgement->request->sandbox_namespace;
    switch (doctor_select_namespace(selector, name, judgement->request->namespace_labels)) {
    case LABELS_SELECTED:
        break;
    case LABELS_NOT_SELECTED:
        snprintf(message, sizeof message, "does not select namespace %.253s: its sandboxes pass unseen",
                 name);
        registration_add(
            judgement, CHECK_FAILED, check, message,
            "let namespaceSelector leave out kube-system and the injector's own namespace alone");
        return false;
    case LABELS_UNKNOWN:
        snprintf(message, sizeof message,
                 "whether it takes sandboxes cannot be told without the labels of namespace %.253s", name);
        registration_add(judgement, CHECK_WARNING, check, message, NAMESPACE_LABELS_ADVICE);
        return false;
    }
    return true;
}

static void judge_namespace_selector(const struct registration_judgement *judgement)
{
    static const char check[] = "namespace-selector";
    char message[REGISTRATION_TEXT_BYTES];
    const cJSON *selector = json_member(judgement->webhook, "namespaceSelector");
    const cJSON *service = json_member(json_member(judgement->webhook, "clientConfig"), "service");
    const char *own = json_text(service, "namespace");
    if (!judge_sandboxes_selected(judgement, check, selector))
        return;
    bool takes_system = selects(selector, NAMESPACE_NAME_LABEL, "kube-system");
    bool takes_own = *own && selects(selector, NAMESPACE_NAME_LABEL, own);
    if (takes_system || takes_own)
        snprintf(message, sizeof message, "does not leave out %s%s%.253s", takes_system ? "kube-system" : "",
                 takes_system && takes_own ? " and " : "", takes_own ? own : "");
    else
        snprintf(message, sizeof message, "leaves out kube-system%s%.253s", *own ? " and " : "", own);
    registration_add(
        judgement, takes_system || takes_own ? CHECK_WARNING : CHECK_OK, check, message,
        "leave it out by namespaceSelector: the webhook must not be in its own or the system's way");
}

static void judge_conditions(const struct registration_judgement *judgement)
{
    if (cJSON_GetArraySize(json_member(judgement->webhook, "matchConditions")))
        registration_add(judgement, CHECK_WARNING, "match-conditions",
                         "matchConditions decide which pods the webhook sees",
                         "remove them, or see that they hold for every sandbox pod: others pass unseen");
}

static void judge_webhook(const struct registration_judgement *judgement)
{
    const cJSON *client = json_member(judgement->webhook, "clientConfig");
    const cJSON *service = json_member(client, "service");
    const char *name = json_text(judgement->webhook, "name");
    if (service)
        checkup_add(judgement->checkup, CHECK_OK, judgement->check, "%.253s calls Service %.253s/%.253s",
                    name, json_text(service, "namespace"), json_text(service, "name"));
    else
        checkup_add(judgement->checkup, CHECK_OK, judgement->check, "%.253s calls %.253s", name,
                    json_text(client, "url"));
    judge_words(judgement);
    registration_judge_rules(judgement);
    judge_object_selector(judgement);
    judge_namespace_selector(judgement);
    judge_conditions(judgement);
    registration_judge_bundle(judgement);
}

void doctor_judge_registration(const struct registration_request *request, struct checkup *checkup)
{
    const char *check = request->is_mutating ? "mutating-webhook" : "validating-webhook";
    const char *kind =
        request->is_mutating ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration";
    size_t ours = 0;
    const cJSON *webhook;
    cJSON_ArrayForEach(webhook, json_member(request->object, "webhooks"))
    {
        const struct registration_judgement judgement = {
            .request = request, .check = check, .webhook = webhook, .checkup = checkup};
        if (!is_ours(webhook, request->is_mutating))
            continue;
        judge_webhook(&judgement);
        ours++;
    }
    if (ours)
        return;
    if (request->object)
        checkup_add(checkup, CHECK_FAILED, check, "no webhook of %s %.253s calls %s", kind, request->name,
                    path_of(request->is_mutating));
    else
        checkup_add(checkup, CHECK_FAILED, check, "%s %.253s does not exist", kind, request->name);
    checkup_advise(checkup, "install manifests/base, or name the object by --%s",
                   request->is_mutating ? "mutating-configuration" : "validating-configuration");
}
