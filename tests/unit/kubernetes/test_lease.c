#include "kubernetes/lease.h"

#include "common/json.h"
#include "kubernetes/clock.h"
#include "kubernetes/lease_record.h"
#include "kubernetes/resource.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One Lease behind an API with optimistic concurrency. */
struct lease_world {
    pthread_mutex_t mutex; /* guards what follows */
    cJSON *lease;          /* NULL: there is none */
    unsigned version;
    unsigned writes;
    atomic_bool is_down; /* requests are not answered */
    struct fault_server *server;
};

/* The mutex is held. */
static void store(struct lease_world *world, cJSON *lease)
{
    char version[16];
    snprintf(version, sizeof version, "%u", ++world->version);
    cJSON *metadata = json_member(lease, "metadata");
    cJSON_DeleteItemFromObject(metadata, "resourceVersion");
    cJSON_AddStringToObject(metadata, "resourceVersion", version);
    cJSON_Delete(world->lease);
    world->lease = lease;
    world->writes++;
}

static bool answer_lease(const struct lease_world *world, int status, struct fault_connection *connection)
{
    char *text = cJSON_PrintUnformatted(world->lease);
    bool is_sent = fault_answer(connection, status, "", text);
    cJSON_free(text);
    return is_sent;
}

/* The mutex is held. */
static bool serve(struct lease_world *world, const struct fault_request *request,
                  struct fault_connection *connection)
{
    if (strcmp(request->method, "GET") == 0)
        return world->lease ? answer_lease(world, 200, connection)
                            : fault_status(connection, 404, "NotFound", "no lease");
    cJSON *sent = cJSON_Parse(request->body);
    const char *version = kubernetes_object_resource_version(sent);
    bool is_create = strcmp(request->method, "POST") == 0;
    int refusal = 0;
    const char *reason = "";
    if (is_create && world->lease)
        refusal = 409, reason = "AlreadyExists";
    else if (!is_create && !world->lease)
        refusal = 404, reason = "NotFound";
    else if (!is_create && strcmp(version, kubernetes_object_resource_version(world->lease)) != 0)
        refusal = 409, reason = "Conflict";
    if (refusal) {
        cJSON_Delete(sent);
        return fault_status(connection, refusal, reason, "refused");
    }
    store(world, sent);
    return answer_lease(world, is_create ? 201 : 200, connection);
}

static bool on_request(void *context, const struct fault_request *request,
                       struct fault_connection *connection)
{
    struct lease_world *world = context;
    if (atomic_load(&world->is_down)) {
        fault_wait(connection, 60000);
        return false;
    }
    pthread_mutex_lock(&world->mutex);
    bool is_open = serve(world, request, connection);
    pthread_mutex_unlock(&world->mutex);
    return is_open;
}

static struct lease_world *open_world(void)
{
    struct lease_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    pthread_mutex_init(&world->mutex, NULL);
    world->server = fault_server_start(on_request, world, NULL);
    return world;
}

static void close_world(struct lease_world *world)
{
    fault_server_stop(world->server);
    cJSON_Delete(world->lease);
    pthread_mutex_destroy(&world->mutex);
    free(world);
}

/* Somebody else writes the record. */
static void write_foreign(struct lease_world *world, const char *holder, const char *renewed)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"leader\",\"labels\":{\"kept\":\"yes\"}},\"spec\":"
        "{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":1,\"renewTime\":\"%s\",\"leaseTransitions\":4}}",
        holder, renewed);
    pthread_mutex_lock(&world->mutex);
    store(world, cJSON_Parse(text));
    pthread_mutex_unlock(&world->mutex);
}

struct contender {
    struct kubernetes_client *client;
    struct kubernetes_lease *lease;
    char identity[16];
    atomic_int acquired, lost, failed;
    atomic_uint_least64_t lost_ns;
};

static void on_acquired(void *context)
{
    struct contender *contender = context;
    atomic_fetch_add(&contender->acquired, 1);
}

static void on_lost(void *context)
{
    struct contender *contender = context;
    atomic_store(&contender->lost_ns, clock_now_ns());
    atomic_fetch_add(&contender->lost, 1);
}

static void on_failed(void *context, const struct error *error)
{
    struct contender *contender = context;
    atomic_fetch_add(&contender->failed, error->code != ERROR_NONE);
}

static struct kubernetes_lease_options options_for(struct contender *contender)
{
    return (struct kubernetes_lease_options){
        .namespace_name = "ns",
        .name = "leader",
        .identity = contender->identity,
        .duration_s = 1,
        .renew_deadline_ms = 600,
        .retry_ms = 100,
        .acquired = on_acquired,
        .lost = on_lost,
        .failed = on_failed,
        .context = contender,
    };
}

static struct contender *enter(struct lease_world *world, const char *identity)
{
    struct contender *contender = calloc(1, sizeof *contender);
    struct error error;
    assert_non_null(contender);
    snprintf(contender->identity, sizeof contender->identity, "%s", identity);
    contender->client = client_for(world->server, NULL);
    const struct kubernetes_lease_options options = options_for(contender);
    if (!kubernetes_lease_start(contender->client, &options, &error, &contender->lease))
        fail_msg("%s", error.message);
    return contender;
}

static void leave(struct contender *contender)
{
    kubernetes_lease_free(contender->lease);
    kubernetes_client_free(contender->client);
    free(contender);
}

static bool is_held(void *context)
{
    struct contender *contender = context;
    return kubernetes_lease_is_held(contender->lease) && atomic_load(&contender->acquired) > 0;
}

static bool has_lost(void *context)
{
    struct contender *contender = context;
    return atomic_load(&contender->lost) > 0;
}

static void expect_holder(struct contender *contender, const char *expected)
{
    char holder[KUBERNETES_LEASE_IDENTITY_BYTES + 1];
    kubernetes_lease_read_holder(contender->lease, holder);
    assert_string_equal(holder, expected);
}

static void a_missing_lease_is_made_held_renewed_and_given_back(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *one = enter(world, "one");
    assert_true(eventually(is_held, one));
    expect_holder(one, "one");
    cancellation_sleep(NULL, 1500);
    assert_true(kubernetes_lease_is_held(one->lease));
    assert_int_equal(atomic_load(&one->acquired), 1);
    assert_int_equal(atomic_load(&one->lost), 0);
    assert_int_equal(atomic_load(&one->failed), 0);
    assert_true(world->writes >= 5);
    leave(one);
    assert_string_equal(lease_record_holder(world->lease), "");
    assert_int_equal(lease_record_duration_s(world->lease, 99), 1);
    close_world(world);
}

static void exactly_one_of_three_holds_it_and_hands_it_on_at_once(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *contenders[] = {enter(world, "one"), enter(world, "two"), enter(world, "three")};
    size_t left = 3;
    while (left) {
        size_t holders = 0, holder = 0;
        for (int i = 0; i < 2000 && !holders; i++) {
            cancellation_sleep(NULL, 5);
            for (size_t j = 0; j < left; j++) {
                if (kubernetes_lease_is_held(contenders[j]->lease)) {
                    holders++;
                    holder = j;
                }
            }
        }
        assert_int_equal(holders, 1);
        uint64_t started_ns = clock_now_ns();
        leave(contenders[holder]);
        contenders[holder] = contenders[--left];
        bool is_taken = left == 0;
        while (!is_taken) {
            for (size_t j = 0; j < left; j++)
                is_taken = is_taken || kubernetes_lease_is_held(contenders[j]->lease);
            cancellation_sleep(NULL, 5);
            /* Given back: nobody waits for the duration of a second. */
            assert_true(clock_now_ns() - started_ns < 800 * NANOSECONDS_PER_MILLISECOND);
        }
    }
    close_world(world);
}

static void another_s_lease_is_taken_after_its_duration_and_not_before(void **state)
{
    (void) state;
    /* The times in the record are another clock's: they must not matter. */
    const char *renewals[] = {"2001-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z", "nonsense"};
    for (size_t i = 0; i < sizeof renewals / sizeof *renewals; i++) {
        struct lease_world *world = open_world();
        write_foreign(world, "crashed", renewals[i]);
        uint64_t started_ns = clock_now_ns();
        struct contender *one = enter(world, "one");
        assert_true(eventually(is_held, one));
        assert_true(clock_now_ns() - started_ns >= 1000 * NANOSECONDS_PER_MILLISECOND);
        expect_holder(one, "one");
        leave(one);
        assert_string_equal(cJSON_GetStringValue(json_member(
                                json_member(json_member(world->lease, "metadata"), "labels"), "kept")),
                            "yes");
        close_world(world);
    }
}

static void another_s_lease_is_left_alone_while_it_is_renewed(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    write_foreign(world, "alive", "0");
    struct contender *one = enter(world, "one");
    for (int i = 1; i < 20; i++) {
        char renewed[16];
        snprintf(renewed, sizeof renewed, "%d", i);
        cancellation_sleep(NULL, 100);
        write_foreign(world, "alive", renewed);
        assert_false(kubernetes_lease_is_held(one->lease));
    }
    expect_holder(one, "alive");
    assert_int_equal(atomic_load(&one->acquired), 0);
    leave(one);
    assert_string_equal(lease_record_holder(world->lease), "alive");
    close_world(world);
}

static void a_holder_that_cannot_renew_gives_up_before_others_may_take_it(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *one = enter(world, "one");
    assert_true(eventually(is_held, one));
    uint64_t down_ns = clock_now_ns();
    atomic_store(&world->is_down, true);
    assert_true(eventually(has_lost, one));
    assert_false(kubernetes_lease_is_held(one->lease));
    assert_true(atomic_load(&one->lost_ns) - down_ns < 900 * NANOSECONDS_PER_MILLISECOND);
    assert_true(atomic_load(&one->failed) > 0);

    atomic_store(&world->is_down, false);
    fault_server_drop_connections(world->server);
    assert_true(eventually(is_held, one));
    assert_int_equal(atomic_load(&one->acquired), 2);
    leave(one);
    close_world(world);
}

static void a_holder_overwritten_by_another_knows_it(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *one = enter(world, "one");
    assert_true(eventually(is_held, one));
    write_foreign(world, "usurper", "1");
    assert_true(eventually(has_lost, one));
    expect_holder(one, "usurper");
    leave(one);
    assert_string_equal(lease_record_holder(world->lease), "usurper");
    close_world(world);
}

static void a_holder_survives_deletion_and_foreign_changes_of_the_metadata(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *one = enter(world, "one");
    assert_true(eventually(is_held, one));
    pthread_mutex_lock(&world->mutex);
    cJSON_Delete(take_pointer(&world->lease));
    pthread_mutex_unlock(&world->mutex);
    cancellation_sleep(NULL, 300);
    pthread_mutex_lock(&world->mutex);
    assert_string_equal(lease_record_holder(world->lease), "one");
    store(world, cJSON_Duplicate(world->lease, true));
    pthread_mutex_unlock(&world->mutex);
    cancellation_sleep(NULL, 800);
    assert_true(kubernetes_lease_is_held(one->lease));
    assert_int_equal(atomic_load(&one->lost), 0);
    leave(one);
    close_world(world);
}

static void ends_soon_even_when_the_server_does_not_answer(void **state)
{
    (void) state;
    struct lease_world *world = open_world();
    struct contender *one = enter(world, "one");
    assert_true(eventually(is_held, one));
    atomic_store(&world->is_down, true);
    uint64_t started_ns = clock_now_ns();
    leave(one);
    assert_true(clock_now_ns() - started_ns < 3000 * NANOSECONDS_PER_MILLISECOND);
    close_world(world);
}

static void refuses_times_out_of_order_and_names_that_are_none(void **state)
{
    (void) state;
    char long_identity[KUBERNETES_LEASE_IDENTITY_BYTES + 2];
    memset(long_identity, 'x', sizeof long_identity);
    long_identity[sizeof long_identity - 1] = '\0';
    const struct kubernetes_lease_options cases[] = {
        {.namespace_name = "", .name = "n", .identity = "i"},
        {.namespace_name = "ns", .identity = "i"},
        {.namespace_name = "ns", .name = "n", .identity = ""},
        {.namespace_name = "ns", .name = "n", .identity = long_identity},
        {.namespace_name = "ns", .name = "n", .identity = "i", .duration_s = 10},
        {.namespace_name = "ns", .name = "n", .identity = "i", .renew_deadline_ms = 2000},
        {.namespace_name = "ns", .name = "n", .identity = "i", .duration_s = 2147483648u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kubernetes_lease *lease = NULL;
        struct error error;
        assert_false(kubernetes_lease_start(NULL, &cases[i], &error, &lease));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_null(lease);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_lease_is_made_held_renewed_and_given_back),
        cmocka_unit_test(exactly_one_of_three_holds_it_and_hands_it_on_at_once),
        cmocka_unit_test(another_s_lease_is_taken_after_its_duration_and_not_before),
        cmocka_unit_test(another_s_lease_is_left_alone_while_it_is_renewed),
        cmocka_unit_test(a_holder_that_cannot_renew_gives_up_before_others_may_take_it),
        cmocka_unit_test(a_holder_overwritten_by_another_knows_it),
        cmocka_unit_test(a_holder_survives_deletion_and_foreign_changes_of_the_metadata),
        cmocka_unit_test(ends_soon_even_when_the_server_does_not_answer),
        cmocka_unit_test(refuses_times_out_of_order_and_names_that_are_none),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
