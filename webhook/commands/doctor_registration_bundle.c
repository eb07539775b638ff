#include "certs/webhook_bundles.h"
#include "common/json.h"
#include "webhook/commands/doctor_registration.h"

/* With less than this left somebody should have renewed it. */
#define MARGIN_S ((time_t) 7 * 86400)

static const char check[] = "ca-bundle";
static const char advice[] =
    "let the injector keep its certificates itself, or set caBundle to the authority of "
    "what is served (docs/certificates.md)";

/* How many are valid now and until the margin ends; `*error` is of the last that is not. */
static int count_valid(const certificate_list *list, time_t now, time_t margin_s, struct error *error)
{
    int count = 0;
    for (int i = 0; i < sk_X509_num(list); i++) {
        char what[32];
        snprintf(what, sizeof what, "certificate %d", i + 1);
        count += certificate_check_time(sk_X509_value(list, i), now, margin_s, what, error);
    }
    return count;
}

static void judge_certificates(const struct registration_judgement *judgement, const certificate_list *list)
{
    struct error error, soon;
    char message[REGISTRATION_TEXT_BYTES];
    int total = sk_X509_num(list);
    int valid = count_valid(list, judgement->request->now, 0, &error);
    if (valid < total)
        registration_add(judgement, valid ? CHECK_WARNING : CHECK_FAILED, check, error.message, advice);
    else if (!count_valid(list, judgement->request->now, MARGIN_S, &soon))
        registration_add(judgement, CHECK_WARNING, check, soon.message, advice);
    else {
        snprintf(message, sizeof message, "%d valid certificate%s", total, total == 1 ? "" : "s");
        registration_add(judgement, CHECK_OK, check, message, NULL);
    }
}

void registration_judge_bundle(const struct registration_judgement *judgement)
{
    struct error error;
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    const cJSON *client = json_member(judgement->webhook, "clientConfig");
    const char *bundle = json_text(client, "caBundle");
    if (!*bundle && *json_text(client, "url")) {
        registration_add(judgement, CHECK_WARNING, check,
                         "caBundle is empty: the API server trusts every authority of its machine", advice);
    } else if (!*bundle) {
        registration_add(judgement, CHECK_FAILED, check,
                         "caBundle is empty: the API server does not trust the webhook", advice);
    } else if (!webhook_bundle_decode(bundle, &error, &list) && error.code == ERROR_NO_MEMORY) {
        checkup_fail(judgement->checkup, error.code);
    } else if (!list) {
        error_prefix(&error, "caBundle cannot be read");
        registration_add(judgement, CHECK_FAILED, check, error.message, advice);
    } else {
        judge_certificates(judgement, list);
    }
}
