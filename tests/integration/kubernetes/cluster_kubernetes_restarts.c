/* What watches and leads while the API server goes away and comes back. Only for a cluster of the test's own.
 */
#include "kubernetes/clock.h"
#include "kubernetes/lease.h"
#include "kubernetes/lease_record.h"
#include "kubernetes/objects.h"
#include "kubernetes/watch.h"
#include "tests/integration/kubernetes/cluster.h"
#include "tests/integration/kubernetes/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kubernetes_reflector_options quick = {.retry_first_ms = 100, .retry_longest_ms = 1000};

static void a_crash_of_the_api_server_is_survived(void **state)
{
    (void) state;
    struct kubernetes_client *client = cluster_client();
    char name[64];
    cluster_namespace_make(client, name);
    const struct kubernetes_target maps = {.resource = &kubernetes_config_maps, .namespace_name = name};
    struct kubernetes_reflector_options options = quick;
    options.label_selector = "test=yes";
    struct mirror *mirror = mirror_start_with(client, &maps, &options);
    cluster_config_map_make(client, name, "before");
    assert_true(mirror_becomes(mirror, "before=value "));
    for (int i = 0; i < 3; i++) {
        char object[32];
        snprintf(object, sizeof object, "after%d", i);
        cluster_script("stop-apiserver", i % 2 ? NULL : "--kill");
        cluster_script("start-apiserver", NULL);
        cluster_config_map_make(client, name, object);
        assert_true(mirror_has(mirror, object));
    }
    assert_true(mirror_becomes(mirror, "after0=value after1=value after2=value before=value "));
    mirror_free(mirror);
    cluster_namespace_remove(client, name);
    kubernetes_client_free(client);
}

static void what_was_deleted_in_a_gap_that_nobody_remembers_is_noticed(void **state)
{
    (void) state;
    struct kubernetes_client *client = cluster_client();
    char name[64];
    cluster_namespace_make(client, name);
    const struct kubernetes_target maps = {.resource = &kubernetes_config_maps, .namespace_name = name};
    const struct kubernetes_target gone = {
        .resource = &kubernetes_config_maps, .namespace_name = name, .name = "gone"};
    struct kubernetes_reflector_options options = quick;
    options.label_selector = "test=yes";
    cluster_config_map_make(client, name, "gone");
    cluster_config_map_make(client, name, "kept");
    struct mirror *mirror = mirror_start_with(client, &maps, &options);
    assert_true(mirror_becomes(mirror, "gone=value kept=value "));
    atomic_store(&mirror->is_held, true);
    cluster_script("stop-apiserver", "--kill");
    cluster_script("start-apiserver", NULL);
    struct error error;
    if (!kubernetes_delete(client, &gone, NULL, NULL, &error))
        fail_msg("%s", error.message);
    cluster_config_map_make(client, name, "new");
    cluster_script("stop-apiserver", NULL);
    cluster_script("compact", NULL);
    cluster_script("start-apiserver", NULL);
    atomic_store(&mirror->is_held, false);
    assert_true(mirror_becomes(mirror, "kept=value new=value "));
    struct kubernetes_reflector_statistics statistics;
    kubernetes_reflector_read_statistics(mirror->reflector, &statistics);
    assert_true(statistics.gone >= 1);
    assert_int_equal(statistics.lists, 2);
    mirror_free(mirror);
    cluster_namespace_remove(client, name);
    kubernetes_client_free(client);
}

static void never_called(void *context)
{
    (void) context;
}

static bool never_taken(void *context, struct watch_event *event, struct error *error)
{
    (void) context;
    (void) event;
    return error_set(error, ERROR_INTERNAL, "an event came");
}

static void a_watch_from_a_version_long_forgotten_is_gone(void **state)
{
    (void) state;
    struct kubernetes_client *client = cluster_client();
    const struct kubernetes_target maps = {.resource = &kubernetes_config_maps, .namespace_name = "default"};
    const struct watch watch = {
        .client = client,
        .target = &maps,
        .resource_version = "1",
        .seconds = 5,
        .stall_ms = 10000,
        .event_bytes = KUBERNETES_WATCH_EVENT_BYTES,
        .opened = never_called,
        .event = never_taken,
    };
    struct error error;
    struct kubernetes_answer answer = {0};
    cluster_script("stop-apiserver", NULL);
    cluster_script("compact", NULL);
    cluster_script("start-apiserver", NULL);
    assert_false(watch_perform(&watch, &error, &answer));
    if (error.code != ERROR_GONE)
        fail_msg("%s", error.message);
    kubernetes_client_free(client);
}

enum { CONTENDERS = 3 };

struct election {
    struct kubernetes_client *client;
    char namespace_name[64];
    struct kubernetes_lease *leases[CONTENDERS];
    atomic_int acquired, lost;
    atomic_bool is_over;
    atomic_int double_holders; /* times when more than one held it */
};

static void on_acquired(void *context)
{
    struct election *election = context;
    atomic_fetch_add(&election->acquired, 1);
}

static void on_lost(void *context)
{
    struct election *election = context;
    atomic_fetch_add(&election->lost, 1);
}

static int holder_of(struct election *election)
{
    int holder = -1, holders = 0;
    for (int i = 0; i < CONTENDERS; i++) {
        if (election->leases[i] && kubernetes_lease_is_held(election->leases[i])) {
            holder = i;
            holders++;
        }
    }
    if (holders > 1)
        atomic_fetch_add(&election->double_holders, 1);
    return holder;
}

static void enter(struct election *election, int number)
{
    char identity[16];
    snprintf(identity, sizeof identity, "contender-%d", number);
    const struct kubernetes_lease_options options = {
        .namespace_name = election->namespace_name,
        .name = "leader",
        .identity = identity,
        .duration_s = 3,
        .renew_deadline_ms = 2000,
        .retry_ms = 250,
        .acquired = on_acquired,
        .lost = on_lost,
        .context = election,
    };
    struct error error;
    if (!kubernetes_lease_start(election->client, &options, &error, &election->leases[number]))
        fail_msg("%s", error.message);
}

static bool has_holder(void *context)
{
    return holder_of(context) >= 0;
}

static bool has_no_holder(void *context)
{
    return holder_of(context) < 0;
}

static void expect_record(struct election *election, const char *holder)
{
    const struct kubernetes_target target = {
        .resource = &kubernetes_leases, .namespace_name = election->namespace_name, .name = "leader"};
    struct error error;
    cJSON *record = NULL;
    assert_true(kubernetes_get(election->client, &target, NULL, &error, &record));
    assert_string_equal(lease_record_holder(record), holder);
    cJSON_Delete(record);
}

static void one_of_three_leads_through_handovers_and_an_outage(void **state)
{
    (void) state;
    struct election election = {.client = cluster_client()};
    cluster_namespace_make(election.client, election.namespace_name);
    for (int i = 0; i < CONTENDERS; i++)
        enter(&election, i);
    for (int round = 0; round < 4; round++) {
        assert_true(cluster_eventually(has_holder, &election));
        int holder = holder_of(&election);
        assert_true(holder >= 0);
        char identity[16];
        snprintf(identity, sizeof identity, "contender-%d", holder);
        expect_record(&election, identity);
        kubernetes_lease_free(take_pointer(&election.leases[holder]));
        assert_true(cluster_eventually(has_holder, &election));
        assert_int_not_equal(holder_of(&election), holder);
        enter(&election, holder);
    }
    cluster_script("stop-apiserver", "--kill");
    uint64_t down_ns = clock_now_ns();
    assert_true(cluster_eventually(has_no_holder, &election));
    assert_true(clock_now_ns() - down_ns < 3000 * NANOSECONDS_PER_MILLISECOND);
    cluster_script("start-apiserver", NULL);
    assert_true(cluster_eventually(has_holder, &election));
    for (int i = 0; i < CONTENDERS; i++)
        kubernetes_lease_free(election.leases[i]);
    assert_int_equal(atomic_load(&election.double_holders), 0);
    assert_int_equal(atomic_load(&election.acquired), atomic_load(&election.lost));
    assert_true(atomic_load(&election.acquired) >= 6);
    expect_record(&election, "");
    cluster_namespace_remove(election.client, election.namespace_name);
    kubernetes_client_free(election.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_of_the_api_server_is_survived),
        cmocka_unit_test(what_was_deleted_in_a_gap_that_nobody_remembers_is_noticed),
        cmocka_unit_test(a_watch_from_a_version_long_forgotten_is_gone),
        cmocka_unit_test(one_of_three_leads_through_handovers_and_an_outage),
    };
    return cmocka_run_group_tests(tests, cluster_setup, cluster_teardown);
}
