/* An AdmissionReview of any bytes, on both endpoints. What must hold: no crash, no leak, an answer that
 * parses and repeats the uid, never allowed and denied at once. */
#include "common/cleanup.h"
#include "webhook/admission/admission.h"

#include <stdint.h>
#include <stdlib.h>

#define RESPONSE_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct configuration *load(const char *topology)
{
    const struct configuration_flag flags[] = {
        {.name = "topology", .value = topology},
        {.name = "sandbox-uid", .value = "1000"},
        {.name = "host-gateway-ip", .value = "10.0.0.1"},
    };
    const struct configuration_sources sources = {.flags = flags, .flag_count = sizeof flags / sizeof *flags};
    struct configuration *configuration = NULL;
    struct error error;
    if (!configuration_load(&sources, &error, &configuration))
        abort();
    return configuration;
}

static void check_answer(const struct buffer *response, const struct admission_outcome *outcome)
{
    const struct json_limits limits = {.bytes = RESPONSE_BYTES, .depth = ADMISSION_DEPTH};
    struct error error;
    _cleanup_(cJSON_Deletep) cJSON *review = NULL;
    if (!json_parse(buffer_string(response), response->length, &limits, &error, &review))
        abort();
    const cJSON *answer = json_member(review, "response");
    bool is_allowed = cJSON_IsTrue(json_member(answer, "allowed"));
    if (!json_member(answer, "uid") || is_allowed == (outcome->decision == INJECTION_DENIED) ||
        is_allowed == (json_member(answer, "status") != NULL) ||
        (json_member(answer, "patch") == NULL) != (json_member(answer, "patchType") == NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct configuration *configurations[2];
    if (!configurations[0]) {
        configurations[0] = load("combined");
        configurations[1] = load("sidecar");
    }
    for (int i = 0; i < 4; i++) {
        const struct admission_context context = {.configuration = configurations[i & 1]};
        struct buffer response = BUFFER_INIT(RESPONSE_BYTES);
        struct admission_outcome outcome;
        struct error error;
        if (admission_review(&context, i < 2 ? ADMISSION_MUTATE : ADMISSION_VALIDATE, (const char *) data,
                             size, &error, &response, &outcome))
            check_answer(&response, &outcome);
        buffer_done(&response);
    }
    return 0;
}
