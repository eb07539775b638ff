#include "webhook/commands/doctor_probe.h"

#include <string.h>

/* Words in the API server's answer that tell the cause; the first that is found counts. */
struct cause {
    const char *words;
    enum check_result result;
    const char *advice;
};

static const struct cause causes[] = {
    {"no endpoints available", CHECK_FAILED,
     "no replica is ready: look at kubectl get pods in the injector's namespace, and at /readyz of one"},
    {"x509:", CHECK_FAILED,
     "caBundle must be the authority of the certificate that is served, and that must be for the Service: "
     "openshell-injector certs check, docs/certificates.md"},
    {"tls:", CHECK_FAILED,
     "the injector and the API server do not agree on TLS (--client-ca?): docs/certificates.md"},
    {"connection refused", CHECK_FAILED, "nothing listens at the webhook's address: is a replica running?"},
    {"deadline exceeded", CHECK_FAILED,
     "the API server does not reach the webhook in time: look for network policies, firewalls and load"},
    {"imeout", CHECK_FAILED,
     "the API server does not reach the webhook in time: look for network policies, firewalls and load"},
    {"failed calling webhook", CHECK_FAILED, "the API server cannot use the webhook: its words say why"},
    {"allowedCreators", CHECK_WARNING,
     "the webhook answers, and lets only the accounts of allowedCreators make sandboxes: run doctor as one"},
    {"allowedImages", CHECK_WARNING,
     "the webhook answers, and lets only certain images run: give its own configuration by --config"},
    {"ValidatingAdmissionPolicy", CHECK_FAILED,
     "the policy holds where the webhook does not act: correct what failed above"},
    {"violates PodSecurity", CHECK_FAILED,
     "the supervisor needs the level privileged: label the namespace, or exempt it"},
    {"exceeded quota", CHECK_FAILED, "a ResourceQuota leaves no room for a sandbox"},
    {"failed quota", CHECK_FAILED, "a ResourceQuota wants resources on every container: configure resources"},
    {"looking up service account", CHECK_FAILED, "the namespace has no ServiceAccount default yet"},
    {"denied the request", CHECK_FAILED, "docs/denials.md says what is accepted"},
};

void doctor_judge_refusal(const struct error *reason, struct checkup *checkup)
{
    enum check_result result = CHECK_FAILED;
    const char *advice = "sandboxes are refused the same way: the API server's words say why";
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        if (!strstr(reason->message, causes[i].words))
            continue;
        result = causes[i].result;
        advice = causes[i].advice;
        break;
    }
    checkup_add(checkup, result, "sandbox-pod", "%s", reason->message);
    checkup_advise(checkup, "%s", advice);
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
