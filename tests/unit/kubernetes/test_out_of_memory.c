/* Every allocation made to fail in turn: calls fail cleanly or succeed, what watches goes on until it is
 * right.
 */
#include "common/json.h"
#include "kubernetes/lease.h"
#include "kubernetes/objects.h"
#include "kubernetes/reflector.h"
#include "tests/support/allocation.h"
#include "tests/unit/kubernetes/client_fixture.h"
#include "tests/unit/kubernetes/watch_world.h"
#include "webhook/admission/namespace_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN_LIMIT 20000

static char kubeconfig[] = "/tmp/test_out_of_memory.XXXXXX";

static int set_up(void **state)
{
    static const char text[] = "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: u, "
                               "namespace: mine}\nclusters:\n- name: "
                               "k\n  cluster: {server: 'https://a', tls-server-name: b, "
                               "certificate-authority-data: Q0E=}\nusers:\n- name: "
                               "u\n  user: {token: t, client-certificate: c.crt, client-key-data: S0VZ}\n";
    int descriptor = mkstemp(kubeconfig);
    if (descriptor < 0 || write(descriptor, text, sizeof text - 1) != sizeof text - 1 ||
        close(descriptor) < 0)
        return -1;
    return client_fixture_setup(state);
}

static int tear_down(void **state)
{
    return remove(kubeconfig) + client_fixture_teardown(state);
}

static bool load_configuration(void *context)
{
    (void) context;
    struct kubernetes_configuration *configuration = NULL;
    struct error error;
    bool is_loaded = kubernetes_configuration_load(kubeconfig, NULL, &error, &configuration);
    if (!is_loaded && configuration)
        abort();
    kubernetes_configuration_free(configuration);
    return is_loaded;
}

static void a_configuration_is_loaded_or_not(void **state)
{
    (void) state;
    size_t runs = 0;
    assert_true(load_configuration(NULL));
    assert_true(allocation_fail_each(load_configuration, NULL, RUN_LIMIT, &runs));
    assert_true(runs > 50);
}

static bool make_client(const struct fault_server *server, struct kubernetes_client **client)
{
    struct kubernetes_configuration *configuration = calloc(1, sizeof *configuration);
    struct error error;
    if (!configuration)
        return false;
    configuration->source = strdup("test");
    if (asprintf(&configuration->server, "http://127.0.0.1:%u", fault_server_port(server)) < 0)
        configuration->server = NULL;
    configuration->token.data = strdup("secret");
    configuration->token.length = configuration->token.data ? strlen("secret") : 0;
    if (!configuration->source || !configuration->server || !configuration->token.data) {
        kubernetes_configuration_free(configuration);
        return false;
    }
    return kubernetes_client_new(configuration, NULL, &error, client);
}

/* Makes a client, lists two pages and patches; everything once. */
static bool use_client(void *context)
{
    static const struct kubernetes_target pods = {.resource = &kubernetes_pods, .namespace_name = "ns"};
    static const struct kubernetes_target pod = {
        .resource = &kubernetes_pods, .namespace_name = "ns", .name = "a"};
    const struct kubernetes_list_options options = {.label_selector = "a=b", .page_size = 1};
    const struct kubernetes_delete_options deletion = {.uid = "u"};
    const struct kubernetes_call call = {.is_single_attempt = true};
    _cleanup_(kubernetes_client_freep) struct kubernetes_client *client = NULL;
    _cleanup_(cJSON_Deletep) cJSON *items = NULL;
    _cleanup_(cJSON_Deletep) cJSON *patched = NULL;
    struct error error;
    bool is_done = make_client(context, &client) &&
                   kubernetes_list(client, &pods, &options, &call, &error, &items) &&
                   kubernetes_patch_merge(client, &pod, items, &call, &error, &patched) &&
                   kubernetes_delete(client, &pod, &deletion, &call, &error);
    if (is_done && cJSON_GetArraySize(items) != 2)
        abort();
    return is_done;
}

static bool serve_two_pages(void *context, const struct fault_request *request,
                            struct fault_connection *connection)
{
    (void) context;
    char token[16];
    fault_query(request, "continue", token, sizeof token);
    if (strcmp(request->method, "GET") != 0)
        return fault_answer(connection, 200, "", "{}");
    return fault_answer(connection, 200, "",
                        *token
                            ? "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{}]}"
                            : "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"x\"},\"items\":[{}]}");
}

static void a_call_succeeds_or_fails_and_leaks_nothing(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(serve_two_pages, NULL, NULL);
    size_t runs = 0;
    assert_true(use_client(server));
    assert_true(allocation_fail_each(use_client, server, RUN_LIMIT, &runs));
    assert_true(runs > 200);
    fault_server_stop(server);
}

static bool refuse(void *context, const struct fault_request *request, struct fault_connection *connection)
{
    (void) context;
    (void) request;
    return fault_status(connection, 409, "Conflict", "no");
}

static bool be_refused(void *context)
{
    _cleanup_(kubernetes_client_freep) struct kubernetes_client *client = NULL;
    const struct kubernetes_call call = {.is_single_attempt = true};
    const struct kubernetes_request request = {.method = "GET", .path = "/x"};
    struct error error;
    if (!make_client(context, &client) ||
        kubernetes_client_request_json(client, &request, &call, &error, NULL))
        return false;
    return error.code == ERROR_CONFLICT;
}

static void a_refusal_stays_a_refusal(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(refuse, NULL, NULL);
    assert_true(be_refused(server));
    assert_true(allocation_fail_each(be_refused, server, RUN_LIMIT, NULL));
    fault_server_stop(server);
}

/* After each request of a thread one of its next allocations fails: another one each time. */
struct saboteur {
    atomic_uint requests;
};

#define SABOTAGES 400

static void sabotage(void *context, const struct kubernetes_observation *observation)
{
    (void) observation;
    struct saboteur *saboteur = context;
    unsigned request = atomic_fetch_add(&saboteur->requests, 1);
    if (request < SABOTAGES)
        allocation_fail_at(request + 1, false);
    else
        allocation_stop();
}

static bool is_over(void *context)
{
    struct saboteur *saboteur = context;
    return atomic_load(&saboteur->requests) > SABOTAGES + 2;
}

#define RANGE "\"annotations\":{\"openshift.io/sa.scc.uid-range\":\"1/1\"}"

static void a_cache_behind_a_watch_comes_right_in_the_end(void **state)
{
    (void) state;
    const char *lists[] = {"{\"metadata\":{\"name\":\"a\"," RANGE "}},{\"metadata\":{\"name\":\"b\"," RANGE
                           "}}"};
    static struct watch_step steps[2 * SABOTAGES];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        steps[i] = (struct watch_step){.events = EVENT("ADDED", "c", "90") EVENT("DELETED", "b", "91"),
                                       .ending = ENDING_CLOSE};
    struct watch_world world = {
        .lists = lists, .list_count = 1, .steps = steps, .step_count = sizeof steps / sizeof *steps};
    watch_world_init(&world);
    struct saboteur saboteur = {0};
    struct fault_server *server = fault_server_start(watch_world_serve, &world, NULL);
    struct kubernetes_client *client = client_for(
        server, &(struct kubernetes_client_options){.observe = sabotage, .observe_context = &saboteur});
    const struct kubernetes_reflector_options quick = {.retry_first_ms = 1, .retry_longest_ms = 2};
    struct namespace_cache *cache = NULL;
    struct error error;
    assert_true(namespace_cache_new(client, &quick, NULL, NULL, &error, &cache));
    assert_true(eventually(is_over, &saboteur));
    struct namespace_source source = namespace_cache_source(cache);
    const char *present[] = {"a", "c"};
    for (size_t i = 0; i < 2; i++) {
        cJSON *annotations = NULL;
        assert_true(source.find(source.context, present[i], NAMESPACE_WAIT_MS, &error, &annotations));
        assert_int_equal(annotations != NULL, i == 0);
        cJSON_Delete(annotations);
    }
    namespace_cache_free(cache);
    kubernetes_client_free(client);
    fault_server_stop(server);
    watch_world_done(&world);
}

/* A Lease that takes every write. */
static bool accept_lease(void *context, const struct fault_request *request,
                         struct fault_connection *connection)
{
    (void) context;
    if (strcmp(request->method, "GET") == 0)
        return fault_answer(connection, 200, "", "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{}}");
    return fault_answer(connection, 200, "", request->body);
}

static bool is_held(void *context)
{
    return kubernetes_lease_is_held(context);
}

static void a_lease_is_held_in_the_end(void **state)
{
    (void) state;
    struct saboteur saboteur = {0};
    struct fault_server *server = fault_server_start(accept_lease, NULL, NULL);
    struct kubernetes_client *client = client_for(
        server, &(struct kubernetes_client_options){.observe = sabotage, .observe_context = &saboteur});
    const struct kubernetes_lease_options options = {.namespace_name = "ns",
                                                     .name = "n",
                                                     .identity = "me",
                                                     .duration_s = 1,
                                                     .renew_deadline_ms = 500,
                                                     .retry_ms = 5};
    struct kubernetes_lease *lease = NULL;
    struct error error;
    assert_true(kubernetes_lease_start(client, &options, &error, &lease));
    assert_true(eventually(is_over, &saboteur));
    assert_true(eventually(is_held, lease));
    kubernetes_lease_free(lease);
    kubernetes_client_free(client);
    fault_server_stop(server);
}

/* Starts and stops what has threads. */
static bool start_threads(void *context)
{
    const struct kubernetes_lease_options lease_options = {
        .namespace_name = "ns", .name = "n", .identity = "me"};
    _cleanup_(kubernetes_lease_freep) struct kubernetes_lease *lease = NULL;
    _cleanup_(namespace_cache_freep) struct namespace_cache *cache = NULL;
    const struct kubernetes_reflector_options options = {.label_selector = "a=b", .field_selector = "c=d"};
    struct error error;
    return kubernetes_lease_start(context, &lease_options, &error, &lease) &&
           namespace_cache_new(context, &options, NULL, NULL, &error, &cache);
}

static void what_has_threads_starts_or_does_not(void **state)
{
    (void) state;
    struct fault_server *server = fault_server_start(refuse, NULL, NULL);
    struct kubernetes_client *client = client_for(server, NULL);
    assert_true(start_threads(client));
    assert_true(allocation_fail_each(start_threads, client, RUN_LIMIT, NULL));
    kubernetes_client_free(client);
    fault_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_is_loaded_or_not),
        cmocka_unit_test(a_call_succeeds_or_fails_and_leaks_nothing),
        cmocka_unit_test(a_refusal_stays_a_refusal),
        cmocka_unit_test(a_cache_behind_a_watch_comes_right_in_the_end),
        cmocka_unit_test(a_lease_is_held_in_the_end),
        cmocka_unit_test(what_has_threads_starts_or_does_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
