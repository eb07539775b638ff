/* Every allocation of a whole injection fails in turn: no crash, no leak (under ASan), no half-made answer.
 */
#include "common/cleanup.h"
#include "tests/support/allocation.h"
#include "tests/support/pod_fixture.h"
#include "webhook/admission/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RUN_LIMIT 20000
#define RESPONSE_BYTES (1u << 20)

struct round {
    struct configuration *configuration;
    char *review;
    enum admission_endpoint endpoint;
    char *expected; /* the answer of a run with memory */
    bool is_wrong;
};

static bool answer(void *context)
{
    struct round *round = context;
    const struct admission_context admission = {.configuration = round->configuration};
    struct buffer response = BUFFER_INIT(RESPONSE_BYTES);
    struct admission_outcome outcome;
    struct error error = {0};
    bool is_answered = admission_review(&admission, round->endpoint, round->review, strlen(round->review),
                                        &error, &response, &outcome);
    if (is_answered && round->expected && strcmp(buffer_string(&response), round->expected) != 0)
        round->is_wrong = true;
    /* OpenSSL cannot always tell missing memory from a missing algorithm. */
    if (!is_answered && error.code != ERROR_NO_MEMORY && error.code != ERROR_INTERNAL)
        round->is_wrong = true;
    buffer_done(&response);
    return is_answered;
}

static void run_round(const char *flags, const char *merge_patch, enum admission_endpoint endpoint)
{
    struct round round = {.configuration = configuration_fixture_make(flags), .endpoint = endpoint};
    _cleanup_(cJSON_Deletep) cJSON *pod = pod_fixture_make(merge_patch);
    _cleanup_(freep) char *object = cJSON_PrintUnformatted(pod);
    assert_true(
        asprintf(
            &round.review,
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":"
            "\"u\",\"operation\":\"CREATE\",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},"
            "\"namespace\":\"n\",\"userInfo\":{\"username\":\"a\",\"groups\":[\"g\"]},\"object\":%s}}",
            object) > 0);
    const struct admission_context admission = {.configuration = round.configuration};
    struct buffer response = BUFFER_INIT(RESPONSE_BYTES);
    struct admission_outcome outcome;
    struct error error;
    assert_true(admission_review(&admission, endpoint, round.review, strlen(round.review), &error, &response,
                                 &outcome));
    assert_true(buffer_take(&response, &error, &round.expected));
    buffer_done(&response);

    size_t failures = 0;
    bool has_succeeded = allocation_fail_each(answer, &round, RUN_LIMIT, &failures);
    assert_true(has_succeeded);
    assert_false(round.is_wrong);
    assert_true(failures > 100);
    free(round.review);
    free(round.expected);
    configuration_free(round.configuration);
}

static void survives_in_the_combined_topology(void **state)
{
    (void) state;
    run_round(
        "topology=combined host-gateway-ip=10.0.0.1 agentEnvironment={A:%one} enable-user-namespaces=true",
        "{\"spec\":{\"volumes\":[{\"name\":\"workspace\",\"persistentVolumeClaim\":{\"claimName\":\"w\"}}],"
        "\"containers\":[{\"name\":\"agent\",\"image\":\"i\",\"command\":[\"a\"],\"env\":[{\"name\":\"B\","
        "\"value\":\"1\"}],\"volumeMounts\":[{\"name\":\"workspace\",\"mountPath\":\"/sandbox\"}]}]}}",
        ADMISSION_MUTATE);
}

static void survives_in_the_sidecar_topology(void **state)
{
    (void) state;
    run_round("topology=sidecar credential=service-account client-tls-secret-name=t "
              "provider-spiffe-workload-api-socket-path=/s/s.sock supervisor-sideload-method=init-container "
              "https-proxy=http://p:1 proxy-auth-secret-name=s proxy-auth-secret-key=k "
              "proxy-auth-allow-insecure=true "
              "app-armor-profile=Localhost/x",
              NULL, ADMISSION_MUTATE);
}

static void survives_a_denial(void **state)
{
    (void) state;
    run_round(NULL, "{\"spec\":{\"hostNetwork\":true,\"restartPolicy\":\"Always\"}}", ADMISSION_MUTATE);
}

static void survives_the_check_of_a_final_pod(void **state)
{
    (void) state;
    run_round(NULL, NULL, ADMISSION_VALIDATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_in_the_combined_topology),
        cmocka_unit_test(survives_in_the_sidecar_topology),
        cmocka_unit_test(survives_a_denial),
        cmocka_unit_test(survives_the_check_of_a_final_pod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
