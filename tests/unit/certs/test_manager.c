#include "certs/manager.h"

#include "certs/secret_store.h"
#include "common/json.h"
#include "kubernetes/resource.h"
#include "tests/unit/certs/certs_fixture.h"
#include "tests/unit/certs/fake_cluster.h"
#include "tests/unit/kubernetes/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "authorities"
#define WEBHOOK "injector"
#define LEASE "certificates"
#define LOG_BYTES (64 * 1024)
#define FIXTURE_SERVICE "injector"

/* A replica's manager in a cluster that has both webhook configurations, and what it told. */
struct world {
    struct fake_cluster *cluster;
    struct certificate_manager *manager;
    struct certificate_names names;
    pthread_mutex_t mutex;    /* guards what follows */
    struct buffer log;        /* "served failure(write the Secret: ...) " */
    unsigned refused_serving; /* so many certificates are refused first */
    const char *expected;     /* by wait_for_log */
    const char *unready;      /* by wait_for_reason */
};

static bool serve(void *context, const char *chain_pem, const char *key_pem, struct error *error)
{
    struct world *world = context;
    assert_non_null(strstr(chain_pem, "BEGIN CERTIFICATE"));
    assert_non_null(strstr(key_pem, "PRIVATE KEY"));
    pthread_mutex_lock(&world->mutex);
    bool is_refused = world->refused_serving > 0;
    world->refused_serving -= is_refused;
    pthread_mutex_unlock(&world->mutex);
    return !is_refused || error_set(error, ERROR_IO, "cannot be served");
}

static void report(void *context, const struct certificate_event *event)
{
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    buffer_append_string(&world->log, certificate_event_name(event->type));
    if (event->error)
        buffer_append_format(&world->log, "(%s: %s)", event->name, event->error->message);
    buffer_append_string(&world->log, " ");
    pthread_mutex_unlock(&world->mutex);
}

static struct world *open_world(void)
{
    struct error error;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    pthread_mutex_init(&world->mutex, NULL);
    world->log = BUFFER_INIT(LOG_BYTES);
    world->cluster = fake_cluster_start();
    fake_cluster_put(world->cluster, FAKE_MUTATING, fake_cluster_configuration(WEBHOOK, FIXTURE_SERVICE));
    fake_cluster_put(world->cluster, FAKE_VALIDATING, fake_cluster_configuration(WEBHOOK, FIXTURE_SERVICE));
    assert_true(certificate_names_add_service(&world->names, FIXTURE_SERVICE, "ns", "cluster.local", &error));
    return world;
}

/* A policy of seconds; the options of a replica called `identity`. */
static struct certificate_manager_options options_of(struct world *world, const char *identity)
{
    return (struct certificate_manager_options){
        .namespace_name = "ns",
        .secret_name = SECRET,
        .lease_name = LEASE,
        .identity = identity,
        .service_name = FIXTURE_SERVICE,
        .mutating_configuration = WEBHOOK,
        .validating_configuration = WEBHOOK,
        .names = &world->names,
        .policy = {.algorithm = KEY_ECDSA_P256,
                   .authority_life_s = 3600,
                   .leaf_life_s = 600,
                   .propagation_s = 0},
        .serve = serve,
        .report = report,
        .context = world,
    };
}

static void start(struct world *world)
{
    struct error error;
    const struct certificate_manager_options options = options_of(world, "one");
    if (!certificate_manager_start(world->cluster->client, &options, &error, &world->manager))
        fail_msg("%s", error.message);
}

static void close_world(struct world *world)
{
    certificate_manager_free(world->manager);
    fake_cluster_stop(world->cluster);
    certificate_names_done(&world->names);
    pthread_mutex_destroy(&world->mutex);
    buffer_done(&world->log);
    free(world);
}

static bool is_ready(void *context)
{
    struct error error;
    struct world *world = context;
    return certificate_manager_check(world->manager, &error);
}

static bool is_unready_as_expected(void *context)
{
    struct error error;
    struct world *world = context;
    return !certificate_manager_check(world->manager, &error) && strstr(error.message, world->unready);
}

static void expect_unready(struct world *world, const char *reason)
{
    struct error error;
    world->unready = reason;
    if (eventually(is_unready_as_expected, world))
        return;
    bool is_now_ready = certificate_manager_check(world->manager, &error);
    fail_msg("expected %s, is %s", reason, is_now_ready ? "ready" : error.message);
}

static bool has_logged(void *context)
{
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    bool has = strstr(buffer_string(&world->log), world->expected) != NULL;
    pthread_mutex_unlock(&world->mutex);
    return has;
}

static void expect_log(struct world *world, const char *part)
{
    world->expected = part;
    if (eventually(has_logged, world))
        return;
    fail_msg("expected %s in: %s", part, buffer_string(&world->log));
}

static void forget_log(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    buffer_clear(&world->log);
    pthread_mutex_unlock(&world->mutex);
}

/* The authorities in the Secret. */
static struct authorities stored(struct world *world)
{
    struct error error;
    struct authorities authorities = {0};
    cJSON *secret = fake_cluster_get(world->cluster, FAKE_SECRETS, SECRET);
    assert_non_null(secret);
    if (!secret_store_parse(secret, &error, &authorities))
        fail_msg("%s", error.message);
    cJSON_Delete(secret);
    return authorities;
}

/* A Secret with an authority, as another replica would write it whose clock is at `now`. */
static cJSON *foreign_secret(time_t now, struct authorities *authorities)
{
    struct error error;
    cJSON *written = NULL;
    struct fake_cluster *elsewhere = fake_cluster_start();
    const struct secret_store store = {.client = elsewhere->client, .namespace_name = "ns", .name = SECRET};
    assert_true(authorities_create(KEY_ECDSA_P256, now, 3600, &error, authorities));
    assert_true(secret_store_write(&store, NULL, authorities, NULL, &error, &written));
    fake_cluster_stop(elsewhere);
    return written;
}

static void set_bundles(struct world *world, X509 *certificate)
{
    char *pem = certificate ? certs_fixture_pem(certificate) : NULL;
    fake_cluster_set_bundles(world->cluster, WEBHOOK, pem);
    free(pem);
}

/* Somebody who renews the Lease holds it: nobody else sets bundles. */
static void hold_lease(struct world *world)
{
    fake_cluster_put(world->cluster, FAKE_LEASES,
                     cJSON_Parse("{\"metadata\":{\"name\":\"" LEASE "\",\"namespace\":\"ns\"},\"spec\":{"
                                 "\"holderIdentity\":\"other\",\"leaseDurationSeconds\":3600,"
                                 "\"renewTime\":\"2026-01-01T00:00:00.000000Z\"}}"));
}

static void first_replica_makes_everything_and_is_ready(void **state)
{
    (void) state;
    struct world *world = open_world();
    start(world);
    assert_true(eventually(is_ready, world));
    expect_log(world, "authorities_created ");
    expect_log(world, "served ");
    expect_log(world, "lease_held ");
    expect_log(world, "bundle_written ");
    struct authorities authorities = stored(world);
    struct certificate_manager_statistics statistics;
    certificate_manager_read_statistics(world->manager, &statistics);
    assert_true(statistics.is_lease_held);
    assert_in_range(statistics.serving_not_after, time(NULL) + 500, time(NULL) + 600);
    assert_in_range(statistics.authority_not_after, time(NULL) + 3500, time(NULL) + 3600);
    assert_int_equal(statistics.next_authority_not_after, 0);
    cJSON *object = fake_cluster_get(world->cluster, FAKE_MUTATING, WEBHOOK);
    const cJSON *theirs = json_member(cJSON_GetArrayItem(json_member(object, "webhooks"), 0), "clientConfig");
    assert_null(json_member(theirs, "caBundle"));
    cJSON_Delete(object);
    authorities_done(&authorities);
    close_world(world);
}

static void second_replica_uses_the_authorities_of_the_first(void **state)
{
    (void) state;
    struct world *world = open_world();
    struct authorities first = {0};
    world->cluster->rival = foreign_secret(time(NULL), &first);
    start(world);
    assert_true(eventually(is_ready, world));
    struct authorities authorities = stored(world);
    assert_int_equal(X509_cmp(authorities.current.certificate, first.current.certificate), 0);
    world->expected = "authorities_created";
    assert_false(has_logged(world));
    authorities_done(&authorities);
    authorities_done(&first);
    close_world(world);
}

static void authority_of_a_fast_clock_is_replaced(void **state)
{
    (void) state;
    struct world *world = open_world();
    struct authorities early = {0};
    fake_cluster_put(world->cluster, FAKE_SECRETS, foreign_secret(time(NULL) + 1800, &early));
    start(world);
    expect_log(world, "the authority is not valid yet");
    expect_log(world, "authority_promoted ");
    assert_true(eventually(is_ready, world));
    struct authorities authorities = stored(world);
    assert_int_not_equal(X509_cmp(authorities.current.certificate, early.current.certificate), 0);
    authorities_done(&authorities);
    authorities_done(&early);
    close_world(world);
}

static void is_ready_only_while_the_bundles_trust_what_is_served(void **state)
{
    (void) state;
    struct error error;
    struct world *world = open_world();
    struct authorities foreign = {0};
    hold_lease(world);
    start(world);
    expect_unready(world, "a caBundle is empty or not readable");
    struct authorities own = stored(world);
    set_bundles(world, own.current.certificate);
    assert_true(eventually(is_ready, world));
    assert_true(authorities_create(KEY_ECDSA_P256, time(NULL), 3600, &error, &foreign));
    set_bundles(world, foreign.current.certificate);
    expect_unready(world,
                   "MutatingWebhookConfiguration injector: the caBundle does not verify the certificate");
    set_bundles(world, own.current.certificate);
    assert_true(eventually(is_ready, world));
    set_bundles(world, NULL);
    expect_unready(world, "a caBundle is empty or not readable");
    fake_cluster_delete(world->cluster, FAKE_MUTATING, WEBHOOK);
    expect_unready(world, "does not exist");
    authorities_done(&own);
    authorities_done(&foreign);
    close_world(world);
}

static void bundle_that_another_writer_sets_is_put_right(void **state)
{
    (void) state;
    struct error error;
    struct world *world = open_world();
    struct authorities foreign = {0};
    start(world);
    assert_true(eventually(is_ready, world));
    assert_true(authorities_create(KEY_ECDSA_P256, time(NULL), 3600, &error, &foreign));
    X509 *const others[] = {foreign.current.certificate, NULL};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        forget_log(world);
        set_bundles(world, others[i]);
        expect_log(world, "bundle_written bundle_written ");
        assert_true(eventually(is_ready, world));
    }
    authorities_done(&foreign);
    close_world(world);
}

static void authority_that_was_asked_for_takes_over(void **state)
{
    (void) state;
    struct error error;
    cJSON *written = NULL;
    struct world *world = open_world();
    start(world);
    assert_true(eventually(is_ready, world));
    struct authorities before = stored(world), asked = {0};
    cJSON *secret = fake_cluster_get(world->cluster, FAKE_SECRETS, SECRET);
    const struct secret_store store = {
        .client = world->cluster->client, .namespace_name = "ns", .name = SECRET};
    assert_true(authorities_copy(&before, &error, &asked));
    assert_true(authorities_prepare(&asked, KEY_ECDSA_P256, time(NULL), 3600, &error));
    assert_true(secret_store_write(&store, secret, &asked, NULL, &error, &written));
    expect_log(world, "authority_promoted ");
    expect_log(world, "authority_promoted bundle_written bundle_written served ");
    assert_true(eventually(is_ready, world));
    struct authorities after = stored(world);
    assert_int_equal(X509_cmp(after.current.certificate, asked.next.certificate), 0);
    assert_int_equal(after.retired_count, 1);
    assert_int_equal(X509_cmp(after.retired[0].certificate, before.current.certificate), 0);
    cJSON_Delete(secret);
    cJSON_Delete(written);
    authorities_done(&before);
    authorities_done(&asked);
    authorities_done(&after);
    close_world(world);
}

static void secret_that_is_lost_or_spoilt_is_written_again(void **state)
{
    (void) state;
    struct world *world = open_world();
    start(world);
    assert_true(eventually(is_ready, world));
    struct authorities before = stored(world);
    fake_cluster_delete(world->cluster, FAKE_SECRETS, SECRET);
    expect_log(world, "authorities_restored ");
    forget_log(world);
    fake_cluster_put(
        world->cluster, FAKE_SECRETS,
        cJSON_Parse("{\"metadata\":{\"name\":\"" SECRET "\"},\"data\":{\"authorities.json\":\"eA==\"}}"));
    expect_log(world, "failure(read the Secret: data[authorities.json]: ");
    expect_log(world, "authorities_restored ");
    struct authorities after = stored(world);
    assert_int_equal(X509_cmp(after.current.certificate, before.current.certificate), 0);
    authorities_done(&before);
    authorities_done(&after);
    close_world(world);
}

static void foreign_secret_is_never_overwritten_with_something_new(void **state)
{
    (void) state;
    struct world *world = open_world();
    fake_cluster_put(
        world->cluster, FAKE_SECRETS,
        cJSON_Parse("{\"metadata\":{\"name\":\"" SECRET "\"},\"data\":{\"authorities.json\":\"eA==\"}}"));
    start(world);
    expect_log(world, "failure(read the Secret: data[authorities.json]: ");
    expect_log(world, "lease_held ");
    expect_unready(world, "there is no certificate yet");
    cJSON *secret = fake_cluster_get(world->cluster, FAKE_SECRETS, SECRET);
    assert_string_equal(kubernetes_object_resource_version(secret), "3");
    cJSON_Delete(secret);
    close_world(world);
}

/* What is missing is named, and once it is granted everything goes on by itself. */
static void denied_permission_is_named_and_survived(void **state)
{
    (void) state;
    static const struct {
        const char *method, *collection, *message;
    } cases[] = {
        {"GET", FAKE_SECRETS, "failure(watch: GET /api/v1/namespaces/ns/secrets"},
        {"POST", FAKE_SECRETS,
         "failure(write the Secret: POST /api/v1/namespaces/ns/secrets: 403 Forbidden: "},
        {"GET", FAKE_LEASES, "failure(lease: "},
        {"PATCH", FAKE_VALIDATING,
         "failure(injector: PATCH " FAKE_VALIDATING "/" WEBHOOK ": 403 Forbidden: "},
        {"GET", FAKE_MUTATING, "failure(watch: GET " FAKE_MUTATING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *world = open_world();
        fake_cluster_deny(world->cluster, cases[i].method, cases[i].collection);
        start(world);
        expect_log(world, cases[i].message);
        expect_log(world, "this account may not do this");
        assert_false(is_ready(world));
        fake_cluster_deny(world->cluster, NULL, NULL);
        if (!eventually(is_ready, world))
            fail_msg("%s %s: %s", cases[i].method, cases[i].collection, buffer_string(&world->log));
        close_world(world);
    }
}

static void certificate_that_cannot_be_served_is_made_again(void **state)
{
    (void) state;
    struct world *world = open_world();
    world->refused_serving = 1;
    start(world);
    expect_log(world, "failure(renew the serving certificate: cannot be served)");
    assert_true(eventually(is_ready, world));
    close_world(world);
}

static void wrong_options_are_refused(void **state)
{
    (void) state;
    struct error error;
    struct world *world = open_world();
    struct certificate_manager_options options = options_of(world, "one");
    options.secret_name = "not a name";
    assert_false(certificate_manager_start(world->cluster->client, &options, &error, &world->manager));
    assert_string_equal(error.message, "\"not a name\" is no name of an object");
    options = options_of(world, "one");
    options.mutating_configuration = options.validating_configuration = NULL;
    assert_false(certificate_manager_start(world->cluster->client, &options, &error, &world->manager));
    assert_string_equal(error.message, "no webhook configuration is named");
    options = options_of(world, "one");
    options.policy.leaf_life_s = ROTATION_LEAF_LIFE_MINIMUM_S - 1;
    assert_false(certificate_manager_start(world->cluster->client, &options, &error, &world->manager));
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_replica_makes_everything_and_is_ready),
        cmocka_unit_test(second_replica_uses_the_authorities_of_the_first),
        cmocka_unit_test(authority_of_a_fast_clock_is_replaced),
        cmocka_unit_test(is_ready_only_while_the_bundles_trust_what_is_served),
        cmocka_unit_test(bundle_that_another_writer_sets_is_put_right),
        cmocka_unit_test(authority_that_was_asked_for_takes_over),
        cmocka_unit_test(secret_that_is_lost_or_spoilt_is_written_again),
        cmocka_unit_test(foreign_secret_is_never_overwritten_with_something_new),
        cmocka_unit_test(denied_permission_is_named_and_survived),
        cmocka_unit_test(certificate_that_cannot_be_served_is_made_again),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
