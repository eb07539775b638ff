#include "common/cleanup.h"
#include "common/json.h"
#include "driver/sandboxes/keeper.h"
#include "driver/sandboxes/pod_state.h"
#include "driver/sandboxes/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_SECONDS 300
#define SECOND_NS 1000000000ull
#define NOW_NS (1000 * SECOND_NS)

static cJSON *parse(const char *text)
{
    static const struct json_limits limits = {64 * 1024, 32};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s", error.message);
    return value;
}

#define NETWORK "openshell-supervisor-network"
#define POD_WITH(container, status)                                                                          \
    "{\"metadata\":{\"uid\":\"u\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"                          \
    "\"spec\":{\"containers\":[{\"name\":\"agent\"},{\"name\":\"" container "\"}]},\"status\":" status "}"
#define POD(status) POD_WITH(NETWORK, status)

#define RUNNING(name)                                                                                        \
    "{\"name\":\"" name "\",\"state\":{\"running\":{\"startedAt\":\"2026-01-01T00:01:00Z\"}}}"
#define WAITING(name, reason)                                                                                \
    "{\"name\":\"" name "\",\"state\":{\"waiting\":{\"reason\":\"" reason "\",\"message\":\"m\"}}}"
#define ENDED(name, code)                                                                                    \
    "{\"name\":\"" name "\",\"state\":{\"terminated\":{\"exitCode\":" code                                   \
    ",\"reason\":\"Error\",\"finishedAt\":\"2026-01-01T00:02:00Z\"}}}"

static struct sandbox_state state_of(const char *pod)
{
    struct sandbox_state state = {.id = "an-id", .name = "sb", .workspace = "default"};
    state.record = (struct record_state){.exists = true, .uid = "r", .desired = DESIRED_RUNNING};
    if (pod) {
        _cleanup_(cJSON_Deletep) cJSON *object = parse(pod);
        pod_state_read(object, &state.pod);
        if (state.pod.phase == POD_BLOCKED)
            state.pod.blocked_since_ns = NOW_NS;
    }
    return state;
}

static const struct report_condition *condition(const struct report *report, const char *type)
{
    for (size_t index = 0; index < report->count; index++) {
        if (strcmp(report->conditions[index].type, type) == 0)
            return &report->conditions[index];
    }
    return NULL;
}

/* The Ready condition of a state, as "status/reason". */
static void assert_ready(const struct sandbox_state *state, uint64_t now_ns, const char *expected)
{
    struct report report;
    char got[64];
    report_make(state, now_ns, PATIENCE_SECONDS, &report);
    const struct report_condition *ready = condition(&report, "Ready");
    assert_non_null(ready);
    snprintf(got, sizeof got, "%s/%s", ready->status, ready->reason);
    assert_string_equal(got, expected);
}

static void reports_each_phase_of_a_pod(void **state)
{
    (void) state;
    static const struct {
        const char *pod;
        const char *ready;
    } phases[] = {
        {NULL, "False/PodMissing"},
        {POD("{}"), "False/Starting"},
        {POD("{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
             "\"reason\":\"Unschedulable\",\"message\":\"no node\"}]}"),
         "False/Starting"},
        {POD("{\"phase\":\"Pending\",\"containerStatuses\":[" WAITING("agent", "ContainerCreating") "]}"),
         "False/Starting"},
        {POD("{\"phase\":\"Running\",\"containerStatuses\":[" RUNNING("agent") "," RUNNING(NETWORK) "]}"),
         "True/BackendReady"},
        {POD("{\"phase\":\"Running\",\"containerStatuses\":[" RUNNING("agent") "," WAITING(NETWORK,
                                                                                           "X") "]}"),
         "False/Starting"},
        {POD_WITH("other", "{\"phase\":\"Running\",\"containerStatuses\":[" RUNNING("agent") "," ENDED(
                               "other", "0") "]}"),
         "True/BackendReady"},
        {POD_WITH(NETWORK, "{\"phase\":\"Running\",\"containerStatuses\":[" RUNNING("agent") "," ENDED(
                               NETWORK, "0") "]}"),
         "False/Starting"},
        {POD("{\"phase\":\"Running\",\"containerStatuses\":[" RUNNING("agent") "," ENDED(NETWORK, "1") "]}"),
         "False/Starting"},
        {POD("{\"phase\":\"Running\",\"containerStatuses\":[" ENDED("agent", "1") "," RUNNING(NETWORK) "]}"),
         "False/ContainerExited"},
        {POD("{\"phase\":\"Succeeded\",\"containerStatuses\":[" ENDED("agent", "0") "]}"),
         "False/ContainerExited"},
        {POD("{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low memory\"}"),
         "False/ContainerExited"},
    };
    for (size_t index = 0; index < sizeof phases / sizeof *phases; index++) {
        struct sandbox_state sandbox = state_of(phases[index].pod);
        assert_ready(&sandbox, NOW_NS, phases[index].ready);
    }
}

static void loses_patience_with_a_pull_exactly_at_the_limit(void **state)
{
    (void) state;
    struct sandbox_state pull =
        state_of(POD("{\"phase\":\"Pending\",\"containerStatuses\":[" WAITING("agent", "ErrImagePull") "]}"));
    uint64_t end_ns = NOW_NS + PATIENCE_SECONDS * SECOND_NS;
    assert_ready(&pull, end_ns - 1, "False/Starting");
    assert_true(report_awaits_time(&pull, end_ns - 1, PATIENCE_SECONDS));
    assert_ready(&pull, end_ns, "False/ImagePullFailed");
    assert_false(report_awaits_time(&pull, end_ns, PATIENCE_SECONDS));
    struct sandbox_state other = state_of(POD("{\"phase\":\"Pending\",\"initContainerStatuses\":[" WAITING(
        "i", "CreateContainerConfigError") "]}"));
    assert_ready(&other, end_ns, "False/ContainerStartFailed");
}

static void says_why_a_pod_ended(void **state)
{
    (void) state;
    struct sandbox_state evicted =
        state_of(POD("{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"m\"}"));
    assert_string_equal(evicted.pod.message, "the pod ended: Evicted: m");
    struct sandbox_state failed = state_of(POD("{\"phase\":\"Failed\",\"initContainerStatuses\":[" ENDED(
        "setup", "3") "],"
                      "\"containerStatuses\":[" WAITING("agent", "PodInitializing") "]}"));
    assert_string_equal(failed.pod.message, "container setup ended: Error, exit code 3");
    assert_string_equal(failed.pod.since, "2026-01-01T00:02:00Z");
}

static void tells_a_stop_from_its_end(void **state)
{
    (void) state;
    struct report report;
    struct sandbox_state sandbox = state_of(POD("{\"phase\":\"Running\"}"));
    sandbox.record.desired = DESIRED_STOPPED;
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &report);
    assert_string_equal(condition(&report, "Suspended")->status, "False");
    assert_string_equal(condition(&report, "Suspended")->reason, "PodTerminating");
    assert_false(report.is_deleting);
    sandbox.pod.exists = false;
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &report);
    assert_string_equal(condition(&report, "Suspended")->status, "True");
}

static void says_deleting_only_of_a_delete(void **state)
{
    (void) state;
    struct report report;
    struct sandbox_state sandbox = state_of(POD("{\"phase\":\"Running\"}"));
    sandbox.pod.is_deleting = true;
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &report);
    assert_false(report.is_deleting);
    assert_string_equal(condition(&report, "Ready")->reason, "PodMissing");
    sandbox.record.desired = DESIRED_DELETED;
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &report);
    assert_true(report.is_deleting);
}

static void gives_equal_reports_equal_digests(void **state)
{
    (void) state;
    struct report one, same, other;
    struct sandbox_state sandbox = state_of(NULL);
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &one);
    report_make(&sandbox, NOW_NS + 1, PATIENCE_SECONDS, &same);
    sandbox.record.desired = DESIRED_STOPPED;
    report_make(&sandbox, NOW_NS, PATIENCE_SECONDS, &other);
    assert_true(report_digest(&one) == report_digest(&same));
    assert_true(report_digest(&one) != report_digest(&other));
}

#define OURS "0123456789abcdef"

static void decides_from_the_state_alone(void **state)
{
    (void) state;
    static const struct {
        struct record_state record;
        struct pod_state pod;
        enum keeper_action action;
    } cases[] = {
        {{.exists = false}, {.exists = true}, KEEPER_NOTHING},
        {{.exists = true}, {.exists = true}, KEEPER_NOTHING},
        {{.exists = true}, {.exists = false}, KEEPER_NOTHING},
        {{.exists = true, .is_creating = true, .starting_by = OURS}, {.exists = true}, KEEPER_ROLL_BACK},
        {{.exists = true, .is_creating = true, .starting_by = "other", .is_from_start = true},
         {.exists = false},
         KEEPER_ROLL_BACK},
        {{.exists = true, .is_creating = true, .starting_by = "other"}, {.exists = true}, KEEPER_NOTHING},
        {{.exists = true, .desired = DESIRED_STOPPED}, {.exists = true}, KEEPER_END_POD},
        {{.exists = true, .desired = DESIRED_STOPPED}, {.exists = true, .is_deleting = true}, KEEPER_NOTHING},
        {{.exists = true, .desired = DESIRED_STOPPED}, {.exists = false}, KEEPER_NOTHING},
        {{.exists = true, .starting_by = OURS}, {.exists = false}, KEEPER_TAKE_BACK_START},
        {{.exists = true, .starting_by = "other", .is_from_start = true},
         {.exists = false},
         KEEPER_FINISH_START},
        {{.exists = true, .starting_by = "other"}, {.exists = false}, KEEPER_NOTHING},
        {{.exists = true, .desired = DESIRED_DELETED}, {.exists = true}, KEEPER_FINISH_DELETE},
        {{.exists = true, .desired = DESIRED_DELETED, .is_creating = true},
         {.exists = false},
         KEEPER_FINISH_DELETE},
        {{.exists = true}, {.exists = true, .phase = POD_BLOCKED}, KEEPER_REFRESH},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        const struct sandbox_state sandbox = {.record = cases[index].record, .pod = cases[index].pod};
        if (keeper_decide(&sandbox, OURS) != cases[index].action)
            fail_msg("case %zu", index);
    }
}

#define SUPERVISED_MOUNT "{\"name\":\"openshell-supervisor-bin\",\"mountPath\":\"/opt/openshell/bin\"}"
#define SUPERVISED_VOLUMES "\"volumes\":[{\"name\":\"openshell-supervisor-bin\"}]"

static void knows_a_supervised_pod_by_volume_mount_and_command(void **state)
{
    (void) state;
    static const struct {
        const char *spec;
        bool is_supervised;
    } pods[] = {
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/"
         "openshell-sandbox\",\"--workdir\"],\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         true},
        {"{\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/openshell-sandbox\"],"
         "\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         false},
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/"
         "openshell-sandbox\"]}]}",
         false},
        {"{" SUPERVISED_VOLUMES
         ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/usr/bin/"
         "openshell-sandbox\"],\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         true},
        {"{" SUPERVISED_VOLUMES
         ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/../../bin/"
         "openshell-sandbox\"],\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         false},
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/bin/sh\"],"
         "\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         false},
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/"
         "usr/bin/supervisor\"],\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         true},
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/bin/\"],"
         "\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         false},
        {"{" SUPERVISED_VOLUMES ",\"containers\":[{\"name\":\"agent\",\"command\":[\"/opt/openshell/binary/"
         "openshell-sandbox\"],\"volumeMounts\":[" SUPERVISED_MOUNT "]}]}",
         false},
        {"{}", false},
    };
    for (size_t index = 0; index < sizeof pods / sizeof *pods; index++) {
        _cleanup_(cJSON_Deletep) cJSON *pod = cJSON_CreateObject();
        cJSON_AddItemToObject(pod, "spec", parse(pods[index].spec));
        if (pod_is_supervised(pod) != pods[index].is_supervised)
            fail_msg("pod %zu", index);
    }
}

static void cuts_text_between_characters(void **state)
{
    (void) state;
    char field[5];
    state_copy_text(field, sizeof field, "abcd");
    assert_string_equal(field, "abcd");
    state_copy_text(field, sizeof field, "abc\xc3\xa9");
    assert_string_equal(field, "abc");
    state_copy_text(field, sizeof field, "abcde");
    assert_string_equal(field, "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_each_phase_of_a_pod),
        cmocka_unit_test(loses_patience_with_a_pull_exactly_at_the_limit),
        cmocka_unit_test(says_why_a_pod_ended),
        cmocka_unit_test(tells_a_stop_from_its_end),
        cmocka_unit_test(says_deleting_only_of_a_delete),
        cmocka_unit_test(gives_equal_reports_equal_digests),
        cmocka_unit_test(decides_from_the_state_alone),
        cmocka_unit_test(knows_a_supervised_pod_by_volume_mount_and_command),
        cmocka_unit_test(cuts_text_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
