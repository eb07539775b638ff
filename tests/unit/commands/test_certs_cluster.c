/* `certs` without --directory: what it does to a cluster and says about it. */
#include "common/json.h"
#include "tests/support/temporary.h"
#include "tests/unit/certs/fake_cluster.h"
#include "tests/unit/kubernetes/client_fixture.h"
#include "webhook/commands/certs.h"
#include "webhook/commands/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEASE                                                                                                \
    "{\"metadata\":{\"name\":\"" CERTS_DEFAULT_LEASE "\"},\"spec\":{\"holderIdentity\":\"pod-a_12\","        \
    "\"renewTime\":\"2026-01-01T00:00:00.000000Z\"}}"

struct world {
    struct fake_cluster *cluster;
    struct temporary directory;
    char kubeconfig[TEMPORARY_PATH_BYTES];
    struct certs_line line;
    struct buffer output;
    struct error error;
    int exit_code;
};

static int set_up(void **state)
{
    char text[512];
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->cluster = fake_cluster_start();
    world->output = BUFFER_INIT(CERTS_OUTPUT_BYTES);
    temporary_make(&world->directory);
    snprintf(text, sizeof text,
             "clusters:\n- name: fake\n  cluster: {server: \"http://127.0.0.1:%u\"}\n"
             "contexts:\n- name: fake\n  context: {cluster: fake, namespace: ns}\ncurrent-context: fake\n",
             fault_server_port(world->cluster->server));
    temporary_write(&world->directory, "kubeconfig", text);
    temporary_name(&world->directory, "kubeconfig", world->kubeconfig);
    world->line.kubeconfig = world->kubeconfig;
    fake_cluster_put(world->cluster, FAKE_MUTATING,
                     fake_cluster_configuration(CERTS_DEFAULT_NAME, CERTS_DEFAULT_NAME));
    fake_cluster_put(world->cluster, FAKE_VALIDATING,
                     fake_cluster_configuration(CERTS_DEFAULT_NAME, CERTS_DEFAULT_NAME));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    fake_cluster_stop(world->cluster);
    temporary_remove(&world->directory);
    buffer_done(&world->output);
    free(world);
    return 0;
}

typedef bool certs_action(const struct certs_line *line, struct error *error, struct buffer *output,
                          int *exit_code);

/* Its output; fails the test when it fails. */
static const char *run(struct world *world, certs_action *action)
{
    buffer_clear(&world->output);
    world->exit_code = COMMAND_OK;
    if (!action(&world->line, &world->error, &world->output, &world->exit_code))
        fail_msg("%s", world->error.message);
    assert_true(buffer_check(&world->output, &world->error));
    return buffer_string(&world->output);
}

/* Its message; fails the test when it does not fail. */
static const char *run_failing(struct world *world, certs_action *action)
{
    buffer_clear(&world->output);
    assert_false(action(&world->line, &world->error, &world->output, &world->exit_code));
    return world->error.message;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected \"%s\" in: %s", part, text);
}

static void init_makes_an_authority_once(void **state)
{
    struct world *world = *state;
    assert_string_equal(run(world, certs_init), "made an authority\n");
    cJSON *before = fake_cluster_get(world->cluster, FAKE_SECRETS, CERTS_DEFAULT_SECRET);
    assert_string_equal(run(world, certs_init), "there is an authority already\n");
    cJSON *after = fake_cluster_get(world->cluster, FAKE_SECRETS, CERTS_DEFAULT_SECRET);
    assert_true(cJSON_Compare(before, after, true));
    cJSON_Delete(before);
    cJSON_Delete(after);
}

static void init_takes_the_authority_of_whoever_is_faster(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    world->cluster->rival = fake_cluster_get(world->cluster, FAKE_SECRETS, CERTS_DEFAULT_SECRET);
    fake_cluster_delete(world->cluster, FAKE_SECRETS, CERTS_DEFAULT_SECRET);
    assert_string_equal(run(world, certs_init), "there is an authority already\n");
}

static void status_shows_authorities_bundles_and_the_holder_of_the_lease(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    fake_cluster_put(world->cluster, FAKE_LEASES, cJSON_Parse(LEASE));
    const char *table = run(world, certs_status);
    assert_contains(table, "current ");
    assert_contains(table, "Lease " CERTS_DEFAULT_LEASE ": pod-a_12, renewed 2026-01-01T00:00:00.000000Z\n");
    assert_contains(table, "MutatingWebhookConfiguration " CERTS_DEFAULT_NAME
                           ": does not trust the current authority\n");
    world->line.format = "json";
    cJSON *report = cJSON_Parse(run(world, certs_status));
    const cJSON *lease = json_member(report, "lease");
    assert_string_equal(cJSON_GetStringValue(json_member(lease, "holder")), "pod-a_12");
    assert_string_equal(cJSON_GetStringValue(json_member(lease, "renewed")), "2026-01-01T00:00:00.000000Z");
    const cJSON *authority = cJSON_GetArrayItem(json_member(report, "authorities"), 0);
    assert_in_range((uintmax_t) cJSON_GetNumberValue(json_member(authority, "daysLeft")), 364, 365);
    assert_null(strstr(buffer_string(&world->output), "PRIVATE"));
    cJSON_Delete(report);
}

static void status_tells_what_is_not_there(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    fake_cluster_delete(world->cluster, FAKE_VALIDATING, CERTS_DEFAULT_NAME);
    const char *table = run(world, certs_status);
    assert_contains(table, "Lease " CERTS_DEFAULT_LEASE ": nobody holds it\n");
    assert_contains(table, "ValidatingWebhookConfiguration " CERTS_DEFAULT_NAME ": does not exist\n");
}

static void check_is_content_only_with_bundles_that_trust_the_authority(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    assert_string_equal(run(world, certs_check), "MutatingWebhookConfiguration " CERTS_DEFAULT_NAME
                                                 " does not trust the current authority\n");
    assert_int_equal(world->exit_code, COMMAND_DENIED);
    char *bundle = strdup(run(world, certs_export));
    assert_non_null(bundle);
    fake_cluster_set_bundles(world->cluster, CERTS_DEFAULT_NAME, bundle);
    free(bundle);
    assert_string_equal(run(world, certs_check), "ok\n");
    assert_int_equal(world->exit_code, COMMAND_OK);
    assert_contains(run(world, certs_status), "trusts the current authority\n");
    world->line.days = "366";
    assert_contains(run(world, certs_check), "the authority expires in 36");
    assert_int_equal(world->exit_code, COMMAND_DENIED);
}

static void rotation_makes_the_next_authority_and_leaves_the_rest_to_the_injectors(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    assert_contains(run_failing(world, certs_rotate), "in the cluster only --authority");
    world->line.is_authority = true;
    assert_string_equal(run(world, certs_rotate), "made the next authority\n");
    assert_contains(run(world, certs_status), "next ");
    assert_contains(run_failing(world, certs_rotate), "the next authority has been made already");
    world->line.is_promotion = true;
    assert_contains(run_failing(world, certs_rotate), "--promote: in the cluster the injectors do that");
}

static void nothing_is_made_up_where_there_is_no_authority(void **state)
{
    struct world *world = *state;
    world->line.is_authority = true;
    certs_action *const actions[] = {certs_status, certs_check, certs_export, certs_rotate};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        run_failing(world, actions[i]);
        assert_int_equal(world->error.code, ERROR_NOT_FOUND);
        assert_contains(world->error.message, CERTS_DEFAULT_SECRET);
    }
}

static void spoilt_secret_is_named_and_left_alone(void **state)
{
    struct world *world = *state;
    fake_cluster_put(world->cluster, FAKE_SECRETS,
                     cJSON_Parse("{\"metadata\":{\"name\":\"" CERTS_DEFAULT_SECRET
                                 "\"},\"data\":{\"authorities.json\":\"eA==\"}}"));
    certs_action *const actions[] = {certs_init, certs_status, certs_check, certs_export};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        assert_contains(run_failing(world, actions[i]),
                        "Secret ns/" CERTS_DEFAULT_SECRET ": data[authorities.json]");
}

static void denied_permission_names_the_request(void **state)
{
    struct world *world = *state;
    run(world, certs_init);
    world->line.is_authority = true;
    const struct {
        const char *method, *collection, *name;
        certs_action *action;
    } cases[] = {
        {"GET", FAKE_SECRETS, CERTS_DEFAULT_SECRET, certs_status},
        {"GET", FAKE_LEASES, CERTS_DEFAULT_LEASE, certs_status},
        {"GET", FAKE_MUTATING, CERTS_DEFAULT_NAME, certs_status},
        {"GET", FAKE_VALIDATING, CERTS_DEFAULT_NAME, certs_check},
        {"PUT", FAKE_SECRETS, CERTS_DEFAULT_SECRET, certs_rotate},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        fake_cluster_deny(world->cluster, cases[i].method, cases[i].collection);
        snprintf(expected, sizeof expected, "%s %s/%s: 403 Forbidden: this account may not do this",
                 cases[i].method, cases[i].collection, cases[i].name);
        run_failing(world, cases[i].action);
        assert_int_equal(world->error.code, ERROR_PERMISSION_DENIED);
        assert_contains(world->error.message, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_makes_an_authority_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(init_takes_the_authority_of_whoever_is_faster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(status_shows_authorities_bundles_and_the_holder_of_the_lease, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(status_tells_what_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_is_content_only_with_bundles_that_trust_the_authority, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            rotation_makes_the_next_authority_and_leaves_the_rest_to_the_injectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_made_up_where_there_is_no_authority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_secret_is_named_and_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(denied_permission_names_the_request, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, client_fixture_setup, client_fixture_teardown);
}
