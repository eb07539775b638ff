/* One webhook of a registration that is being judged. Private to doctor_registration*.c.
 */
#pragma once

#include "webhook/commands/doctor_judge.h"

#define REGISTRATION_CHECK_BYTES 128
#define REGISTRATION_TEXT_BYTES 1024

struct registration_judgement {
    const struct registration_request *request;
    const char *check; /* "mutating-webhook" */
    const cJSON *webhook;
    struct checkup *checkup;
};

/* Adds the check `<judgement's>.<check>`; the advice is left out of one that is ok. */
void registration_add(const struct registration_judgement *judgement, enum check_result result,
                      const char *check, const char *message, const char *advice);

/* What the webhook is asked about: exactly what it must be. Adds `.rules`. */
void registration_judge_rules(const struct registration_judgement *judgement);

/* Whom the API server trusts to be the webhook. Adds `.ca-bundle`. */
void registration_judge_bundle(const struct registration_judgement *judgement);
