#include "webhook/commands/doctor_probe.h"

#include <string.h>

/* The webhooks of manifests/base are called something before this. */
#define OUR_DOMAIN ".injector.openshell.ai"
#define CALL "failed calling webhook \""
#define DENIAL "admission webhook \""

/* Words in the API server's answer that tell the cause. In a list the first that is found counts, and the
 * last has none, which are always found. */
struct cause {
    const char *words;
    enum check_result result;
    const char *advice;
};

#define UNREACHABLE                                                                                          \
    "the API server does not reach the webhook in time: look for network policies, firewalls and load"

/* Why our webhook could not be called. */
static const struct cause calls[] = {
    {"no endpoints available", CHECK_FAILED,
     "no replica is ready: look at kubectl get pods in the injector's namespace, and at /readyz of one"},
    {"x509:", CHECK_FAILED,
     "caBundle must be the authority of the certificate that is served, and that must be for the Service: "
     "openshell-injector certs check, docs/certificates.md"},
    {"tls:", CHECK_FAILED,
     "the injector and the API server do not agree on TLS (--client-ca?): docs/certificates.md"},
    {"connection refused", CHECK_FAILED, "nothing listens at the webhook's address: is a replica running?"},
    {"deadline exceeded", CHECK_FAILED, UNREACHABLE},
    /* "Client.Timeout exceeded", "TLS handshake timeout". */
    {"imeout", CHECK_FAILED, UNREACHABLE},
    {"", CHECK_FAILED, "the API server cannot use the webhook: its words say why"},
};

/* Why our webhook refuses the pod. */
static const struct cause denials[] = {
    {"allowedCreators", CHECK_WARNING,
     "the webhook answers, and lets only the accounts of allowedCreators make sandboxes: run doctor as one"},
    {"allowedImages", CHECK_WARNING,
     "the webhook answers, and lets only certain images run: give its own configuration by --config"},
    {"", CHECK_FAILED, "docs/denials.md says what is accepted"},
};

/* The same of other webhooks, whatever their words are. */
static const struct cause foreign_call = {
    "", CHECK_FAILED, "another webhook cannot be called: put it right, or exclude sandbox pods from it"};
static const struct cause foreign_denial = {
    "", CHECK_FAILED, "another webhook refuses sandboxes: its words say why; exclude sandbox pods from it"};

/* Why the API server refuses it without a webhook. */
static const struct cause others[] = {
    {"ValidatingAdmissionPolicy 'openshell-sandboxes'", CHECK_FAILED,
     "the policy holds where the webhook does not act: correct what failed above"},
    {"violates PodSecurity", CHECK_FAILED,
     "the supervisor needs the level privileged: label the namespace, or exempt it"},
    {"exceeded quota", CHECK_FAILED, "a ResourceQuota leaves no room for a sandbox"},
    {"failed quota", CHECK_FAILED, "a ResourceQuota wants resources on every container: configure resources"},
    {"looking up service account", CHECK_FAILED, "the namespace has no ServiceAccount default yet"},
    {"", CHECK_FAILED, "sandboxes are refused the same way: the API server's words say why"},
};

/* Whether `text` begins with a name of one of our webhooks, ended by a quotation mark. */
static bool is_our_name(const char *text)
{
    size_t length = strcspn(text, "\""), tail = sizeof OUR_DOMAIN - 1;
    return length > tail && strncmp(text + length - tail, OUR_DOMAIN, tail) == 0;
}

/* The first that speaks may quote the other. */
static const struct cause *choose_causes(const char *message)
{
    const char *call = strstr(message, CALL), *denial = strstr(message, DENIAL);
    if (call && (!denial || call < denial))
        return is_our_name(call + strlen(CALL)) ? calls : &foreign_call;
    if (denial)
        return is_our_name(denial + strlen(DENIAL)) ? denials : &foreign_denial;
    return others;
}

void doctor_judge_refusal(const struct error *reason, struct checkup *checkup)
{
    const struct cause *cause = choose_causes(reason->message);
    while (!strstr(reason->message, cause->words))
        cause++;
    checkup_add(checkup, cause->result, "sandbox-pod", "%s", reason->message);
    checkup_advise(checkup, "%s", cause->advice);
}

bool doctor_is_denial(const struct error *reason)
{
    const char *webhook = strstr(reason->message, "admission webhook ");
    return reason->code == ERROR_PERMISSION_DENIED && webhook && strstr(webhook, "denied the request");
}

void doctor_judge_hostile(const struct error *reason, struct checkup *checkup)
{
    static const char check[] = "denial";
    if (!reason) {
        checkup_add(checkup, CHECK_FAILED, check,
                    "a pod with the variable " DOCTOR_VARIABLE " is admitted, which the webhook never does");
        checkup_advise(checkup, "no webhook of ours has seen it: correct what failed above");
    } else if (doctor_is_denial(reason) && strstr(reason->message, DOCTOR_VARIABLE)) {
        checkup_add(checkup, CHECK_OK, check, "a pod with the variable " DOCTOR_VARIABLE " is refused");
    } else {
        checkup_add(checkup, CHECK_FAILED, check,
                    "a pod with the variable " DOCTOR_VARIABLE " is refused, but not by the webhook: %s",
                    reason->message);
        checkup_advise(checkup, "see that the webhook is asked");
    }
}
