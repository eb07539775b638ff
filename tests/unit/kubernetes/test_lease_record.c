#include "kubernetes/lease_record.h"

#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct timespec first = {.tv_sec = 1700000000, .tv_nsec = 123456789};
static const struct timespec second = {.tv_sec = 1700000002, .tv_nsec = 0};

static void expect_json(const cJSON *value, const char *expected)
{
    char *text = cJSON_PrintUnformatted(value);
    assert_string_equal(text, expected);
    cJSON_free(text);
}

static void a_new_lease_is_taken_renewed_taken_over_and_released(void **state)
{
    (void) state;
    struct error error;
    cJSON *lease = NULL;
    assert_true(lease_record_new("ns", "leader", &error, &lease));
    expect_json(lease, "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
                       "\"metadata\":{\"namespace\":\"ns\",\"name\":\"leader\"}}");
    assert_string_equal(lease_record_holder(lease), "");

    assert_true(lease_record_hold(lease, "one", 15, &first, &error));
    expect_json(
        json_member(lease, "spec"),
        "{\"leaseTransitions\":0,\"acquireTime\":\"2023-11-14T22:13:20.123456Z\",\"holderIdentity\":\"one\","
        "\"leaseDurationSeconds\":15,\"renewTime\":\"2023-11-14T22:13:20.123456Z\"}");

    assert_true(lease_record_hold(lease, "one", 15, &second, &error));
    expect_json(
        json_member(lease, "spec"),
        "{\"leaseTransitions\":0,\"acquireTime\":\"2023-11-14T22:13:20.123456Z\",\"holderIdentity\":\"one\","
        "\"leaseDurationSeconds\":15,\"renewTime\":\"2023-11-14T22:13:22.000000Z\"}");

    assert_true(lease_record_hold(lease, "two", 30, &second, &error));
    assert_string_equal(lease_record_holder(lease), "two");
    expect_json(json_member(json_member(lease, "spec"), "leaseTransitions"), "1");
    assert_int_equal(lease_record_duration_s(lease, 15), 30);

    assert_true(lease_record_release(lease, &second, &error));
    assert_string_equal(lease_record_holder(lease), "");
    assert_int_equal(lease_record_duration_s(lease, 15), 1);
    assert_true(lease_record_hold(lease, "three", 15, &second, &error));
    expect_json(json_member(json_member(lease, "spec"), "leaseTransitions"), "2");
    cJSON_Delete(lease);
}

static void compares_records_without_their_metadata(void **state)
{
    (void) state;
    cJSON *one = cJSON_Parse("{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"renewTime\":\"a\"}}");
    cJSON *same = cJSON_Parse("{\"metadata\":{\"resourceVersion\":\"2\"},\"spec\":{\"renewTime\":\"a\"}}");
    cJSON *other = cJSON_Parse("{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"renewTime\":\"b\"}}");
    cJSON *empty = cJSON_Parse("{}");
    assert_true(lease_record_is_equal(one, same));
    assert_false(lease_record_is_equal(one, other));
    assert_false(lease_record_is_equal(one, empty));
    assert_true(lease_record_is_equal(empty, empty));
    cJSON_Delete(one);
    cJSON_Delete(same);
    cJSON_Delete(other);
    cJSON_Delete(empty);
}

static void reads_senseless_records_as_nobody_s(void **state)
{
    (void) state;
    const char *records[] = {
        "{}",
        "{\"spec\":5}",
        "{\"spec\":{\"holderIdentity\":7,\"leaseDurationSeconds\":\"x\",\"leaseTransitions\":-4}}",
        "{\"spec\":{\"leaseDurationSeconds\":0,\"leaseTransitions\":2147483647}}",
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct error error;
        cJSON *lease = cJSON_Parse(records[i]);
        assert_string_equal(lease_record_holder(lease), "");
        assert_int_equal(lease_record_duration_s(lease, 15), 15);
        assert_true(lease_record_hold(lease, "one", 20, &first, &error));
        assert_string_equal(lease_record_holder(lease), "one");
        assert_int_equal(lease_record_duration_s(lease, 15), 20);
        cJSON_Delete(lease);
    }
}

static void keeps_members_it_does_not_know(void **state)
{
    (void) state;
    struct error error;
    cJSON *lease = cJSON_Parse("{\"spec\":{\"strategy\":\"OldestEmulationVersion\"}}");
    assert_true(lease_record_hold(lease, "one", 15, &first, &error));
    assert_true(lease_record_release(lease, &first, &error));
    assert_non_null(json_member(json_member(lease, "spec"), "strategy"));
    cJSON_Delete(lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_lease_is_taken_renewed_taken_over_and_released),
        cmocka_unit_test(compares_records_without_their_metadata),
        cmocka_unit_test(reads_senseless_records_as_nobody_s),
        cmocka_unit_test(keeps_members_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
