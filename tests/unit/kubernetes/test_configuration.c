#include "kubernetes/configuration.h"

#include "kubernetes/kubeconfig_files.h"
#include "tests/support/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_configuration.XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static const char *write_file(const char *name, const char *text)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static int make_directory(void **state)
{
    (void) state;
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
    return mkdtemp(directory) && mkdir(path_of("home"), 0700) == 0 &&
                   mkdir(path_of("home/.kube"), 0700) == 0 && mkdir(path_of("account"), 0700) == 0 &&
                   setenv("HOME", path_of("home"), 1) == 0
               ? 0
               : -1;
}

static int remove_directory(void **state)
{
    (void) state;
    return temporary_remove_tree(directory);
}

/* A kubeconfig with one context; the arguments are YAML in flow style. */
static const char *write_kubeconfig(const char *cluster, const char *user)
{
    char text[4096];
    snprintf(text, sizeof text,
             "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: "
             "k, user: u, "
             "namespace: mine}\nclusters:\n- name: k\n  cluster: %s\nusers:\n- name: u\n  user: %s\n",
             cluster, user);
    return write_file("config", text);
}

static struct kubernetes_configuration *load(const char *path, const char *context)
{
    struct kubernetes_configuration *configuration = NULL;
    struct error error = {0};
    if (!kubernetes_configuration_load(path, context, &error, &configuration))
        fail_msg("%s", error.message);
    return configuration;
}

static void expect_refused(const char *path, const char *context, enum error_code code, const char *message)
{
    struct kubernetes_configuration *configuration = NULL;
    struct error error = {0};
    assert_false(kubernetes_configuration_load(path, context, &error, &configuration));
    assert_null(configuration);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
    assert_int_equal(error.code, code);
}

static void reads_server_names_and_inline_data(void **state)
{
    (void) state;
    const char *path =
        write_kubeconfig("{server: 'https://10.0.0.1:6443/', tls-server-name: api.example, proxy-url: "
                         "'http://proxy:3128', certificate-authority-data: Q0E=}",
                         "{client-certificate-data: Q0VSVA==, client-key-data: S0VZ, token: secret}");
    struct kubernetes_configuration *configuration = load(path, NULL);
    char source[300];
    snprintf(source, sizeof source, "kubeconfig \"%s\", context \"c\"", path);
    assert_string_equal(configuration->source, source);
    assert_string_equal(configuration->server, "https://10.0.0.1:6443");
    assert_string_equal(configuration->namespace_name, "mine");
    assert_string_equal(configuration->tls_server_name, "api.example");
    assert_string_equal(configuration->proxy_url, "http://proxy:3128");
    assert_string_equal(configuration->authority.data, "CA");
    assert_string_equal(configuration->client_certificate.data, "CERT");
    assert_int_equal(configuration->client_key.length, 3);
    assert_string_equal(configuration->client_key.data, "KEY");
    assert_string_equal(configuration->token.data, "secret");
    assert_false(configuration->is_insecure);
    kubernetes_configuration_free(configuration);
}

static void paths_are_relative_to_the_file_that_names_them(void **state)
{
    (void) state;
    struct kubernetes_configuration *configuration =
        load(write_kubeconfig("{server: https://a, certificate-authority: pki/ca.crt}",
                              "{client-certificate: /abs/c.crt, client-key: c.key, tokenFile: token}"),
             "c");
    assert_string_equal(configuration->authority.path, path_of("pki/ca.crt"));
    assert_string_equal(configuration->client_certificate.path, "/abs/c.crt");
    assert_string_equal(configuration->client_key.path, path_of("c.key"));
    assert_string_equal(configuration->token.path, path_of("token"));
    kubernetes_configuration_free(configuration);
}

static void data_is_preferred_to_files_and_a_token_file_to_a_token(void **state)
{
    (void) state;
    struct kubernetes_configuration *configuration =
        load(write_kubeconfig(
                 "{server: https://a, certificate-authority: ca.crt, certificate-authority-data: Q0E=}",
                 "{token: inline, tokenFile: /t}"),
             NULL);
    assert_null(configuration->authority.path);
    assert_string_equal(configuration->authority.data, "CA");
    assert_string_equal(configuration->token.path, "/t");
    assert_null(configuration->token.data);
    kubernetes_configuration_free(configuration);
}

static void data_may_be_broken_into_lines(void **state)
{
    (void) state;
    struct kubernetes_configuration *configuration = load(
        write_kubeconfig("{server: https://a, certificate-authority-data: \"Q0\\nE=\\r\\n\"}", "{}"), NULL);
    assert_string_equal(configuration->authority.data, "CA");
    kubernetes_configuration_free(configuration);
}

static void refuses_what_it_does_not_serve_and_says_which_field(void **state)
{
    (void) state;
    const struct {
        const char *cluster;
        const char *user;
        const char *message;
    } cases[] = {
        {"{server: https://a}", "{exec: {command: aws}}",
         "users[0].user.exec: credential plugins are not run"},
        {"{server: https://a}", "{auth-provider: {name: gcp}}", "users[0].user.auth-provider: "},
        {"{server: https://a}", "{username: u, password: p}", "users[0].user.username: "},
        {"{server: https://a}", "{as: root}", "users[0].user.as: impersonation"},
        {"{server: https://a}", "{as-groups: [g]}", "users[0].user.as-groups: impersonation"},
        {"{server: https://a}", "{client-certificate: c}", "client-key: must be given"},
        {"{server: https://a}", "{client-key: c}", "client-certificate: must be given"},
        {"{server: https://a}", "{client-key-data: '%%%'}", "users[0].user.client-key-data: "},
        {"{server: https://a}", "{token: [x]}", "users[0].user.token: "},
        {"{server: https://a, insecure-skip-tls-verify: true, certificate-authority: c}", "{}",
         "insecure-skip-tls-verify: must not be true"},
        {"{server: https://a, insecure-skip-tls-verify: 1}", "{}",
         "clusters[0].cluster.insecure-skip-tls-verify: "},
        {"{server: ''}", "{}", "clusters[0].cluster.server: must not be empty"},
        {"{}", "{}", "clusters[0].cluster.server: must not be empty"},
        {"{server: 'ftp://a'}", "{}", "server: must be a URL"},
        {"{server: 'a:6443'}", "{}", "server: must be a URL"},
        {"{server: 'https:/a'}", "{}", "server: must be a URL"},
        {"{server: 'https:///a'}", "{}", "server: must be a URL"},
        {"{server: 'https://u:hunter2@a'}", "{}", "server: must have no user"},
        {"{server: 'https://a/?x=1'}", "{}", "server: must have no user, query"},
        {"{server: 'http://10.0.0.1:8080'}", "{token: t}", "server: must be https"},
        {"{server: 'http://127.example.com'}", "{tokenFile: t}", "server: must be https"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(write_kubeconfig(cases[i].cluster, cases[i].user), NULL, ERROR_INVALID,
                       cases[i].message);
}

static void never_repeats_a_secret_in_a_message(void **state)
{
    (void) state;
    const char *users[] = {"{token: [hunter2]}", "{username: hunter2}", "{password: hunter2}",
                           "{client-key-data: 'hunter2!'}", "{exec: {env: [{name: A, value: hunter2}]}}"};
    const char *servers[] = {"{server: 'https://u:hunter2@a'}", "{server: 'ftp://u:hunter2@a'}"};
    struct kubernetes_configuration *configuration = NULL;
    struct error error;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        assert_false(kubernetes_configuration_load(write_kubeconfig("{server: https://a}", users[i]), NULL,
                                                   &error, &configuration));
        assert_null(strstr(error.message, "hunter2"));
    }
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        assert_false(
            kubernetes_configuration_load(write_kubeconfig(servers[i], "{}"), NULL, &error, &configuration));
        assert_null(strstr(error.message, "hunter2"));
    }
}

static void plain_http_with_a_token_is_for_this_machine_alone(void **state)
{
    (void) state;
    const char *clusters[] = {"{server: 'http://127.0.0.1:8080'}", "{server: 'http://127.8.8.8:8080'}",
                              "{server: 'http://localhost'}", "{server: 'http://[::1]:1'}"};
    for (size_t i = 0; i < sizeof clusters / sizeof *clusters; i++)
        kubernetes_configuration_free(load(write_kubeconfig(clusters[i], "{token: t}"), NULL));
    kubernetes_configuration_free(load(write_kubeconfig("{server: 'http://10.0.0.1'}", "{}"), NULL));
}

static void names_contexts_clusters_and_users_that_are_missing(void **state)
{
    (void) state;
    const char *path = write_kubeconfig("{server: https://a}", "{}");
    expect_refused(path, "other", ERROR_INVALID, "contexts: there is no \"other\"");
    path = write_file("config", "contexts:\n- name: c\n  context: {cluster: k, user: u}\n"
                                "clusters:\n- name: k\n  cluster: {server: https://a}\n");
    expect_refused(path, "c", ERROR_INVALID, "users: there is no \"u\"");
    expect_refused(path, NULL, ERROR_INVALID, "current-context: must not be empty");
    path = write_file("config", "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k}\n");
    expect_refused(path, NULL, ERROR_INVALID, "clusters: there is no \"k\"");
    path = write_file("config", "current-context: c\ncontexts:\n- name: c\n  context: {user: u}\n");
    expect_refused(path, NULL, ERROR_INVALID, "contexts[0].context.cluster: must not be empty");
}

static void refuses_files_that_are_no_kubeconfig(void **state)
{
    (void) state;
    expect_refused(write_file("config", "- a\n"), NULL, ERROR_INVALID, "must be a map");
    expect_refused(write_file("config", "kind: Pod\n"), NULL, ERROR_INVALID, "kind: must be Config");
    expect_refused(write_file("config", "a: [\n"), NULL, ERROR_INVALID, "line ");
    expect_refused(write_file("config", "a: 1\n---\nb: 1\n"), NULL, ERROR_TOO_LARGE, "");
    expect_refused(write_file("config", "clusters: {}\ncurrent-context: c\ncontexts: 1\n"), NULL,
                   ERROR_INVALID, "contexts: ");
    expect_refused(path_of("nowhere"), NULL, ERROR_NOT_FOUND, "nowhere");
}

static void merges_the_files_of_the_environment_first_one_first(void **state)
{
    (void) state;
    const char *first =
        write_file("first", "current-context: c\nclusters:\n- name: k\n  cluster: {server: 'https://one'}\n");
    const char *second = write_file(
        "second",
        "current-context: d\ncontexts:\n- name: c\n  context: {cluster: k, user: u}\n"
        "- name: d\n  context: {cluster: k2}\n"
        "clusters:\n- name: k\n  cluster: {server: 'https://two', tls-server-name: x}\n"
        "- name: k2\n  cluster: {server: 'https://three'}\nusers:\n- name: u\n  user: {token: t}\n");
    char list[1024];
    snprintf(list, sizeof list, "%s/missing::%s:%s", directory, first, second);
    setenv("KUBECONFIG", list, 1);
    struct kubernetes_configuration *configuration = load(NULL, NULL);
    assert_string_equal(configuration->server, "https://one");
    assert_null(configuration->tls_server_name);
    assert_string_equal(configuration->token.data, "t");
    kubernetes_configuration_free(configuration);
    configuration = load("", "d");
    assert_string_equal(configuration->server, "https://three");
    kubernetes_configuration_free(configuration);
    setenv("KUBECONFIG", path_of("missing"), 1);
    expect_refused(NULL, NULL, ERROR_NOT_FOUND, "no such file");
    unsetenv("KUBECONFIG");
}

static void takes_as_many_files_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    const char *path = write_kubeconfig("{server: https://a}", "{}");
    struct buffer list = BUFFER_INIT(32768);
    for (unsigned i = 0; i < KUBECONFIG_FILES; i++)
        buffer_append_format(&list, "%s:", path);
    struct kubernetes_configuration *configuration = NULL;
    struct error error;
    assert_true(kubernetes_configuration_from_kubeconfig(buffer_string(&list), NULL, &error, &configuration));
    kubernetes_configuration_free(configuration);
    buffer_append_string(&list, path);
    assert_false(
        kubernetes_configuration_from_kubeconfig(buffer_string(&list), NULL, &error, &configuration));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_done(&list);
}

static void takes_a_file_at_the_limit_and_not_one_past_it(void **state)
{
    (void) state;
    const char *path = write_kubeconfig("{server: https://a}", "{}");
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    FILE *file = fopen(path, "a");
    fputc('#', file);
    for (off_t size = before.st_size + 1; size < (off_t) KUBERNETES_FILE_BYTES - 1; size++)
        fputc('x', file);
    fputc('\n', file);
    fclose(file);
    kubernetes_configuration_free(load(path, NULL));
    file = fopen(path, "a");
    fputc('\n', file);
    fclose(file);
    expect_refused(path, NULL, ERROR_TOO_LARGE, "config");
}

static void reads_the_account_of_a_pod(void **state)
{
    (void) state;
    struct kubernetes_configuration *configuration = NULL;
    struct error error;
    assert_false(kubernetes_configuration_in_cluster(path_of("account"), &error, &configuration));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_true(kubernetes_configuration_in_cluster(path_of("account"), &error, &configuration));
    assert_null(configuration->namespace_name);
    kubernetes_configuration_free(configuration);

    write_file("account/namespace", "openshell\n");
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    assert_true(kubernetes_configuration_in_cluster(path_of("account"), &error, &configuration));
    assert_string_equal(configuration->source, "in-cluster");
    assert_string_equal(configuration->server, "https://[fd00::1]:443");
    assert_string_equal(configuration->namespace_name, "openshell");
    assert_string_equal(configuration->token.path, path_of("account/token"));
    assert_string_equal(configuration->authority.path, path_of("account/ca.crt"));
    kubernetes_configuration_free(configuration);
}

static void prefers_flag_then_environment_then_pod_then_home(void **state)
{
    (void) state;
    unsetenv("KUBERNETES_SERVICE_HOST");
    expect_refused(NULL, NULL, ERROR_NOT_FOUND, "there is none at");
    write_file("home/.kube/config", "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k}\n"
                                    "clusters:\n- name: k\n  cluster: {server: 'https://home'}\n");
    struct kubernetes_configuration *configuration = load(NULL, NULL);
    assert_string_equal(configuration->server, "https://home");
    kubernetes_configuration_free(configuration);

    setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    configuration = load(NULL, NULL);
    assert_string_equal(configuration->server, "https://10.96.0.1:443");
    kubernetes_configuration_free(configuration);

    setenv("KUBECONFIG", path_of("home/.kube/config"), 1);
    configuration = load(NULL, NULL);
    assert_string_equal(configuration->server, "https://home");
    kubernetes_configuration_free(configuration);

    configuration = load(write_kubeconfig("{server: https://flag}", "{}"), NULL);
    assert_string_equal(configuration->server, "https://flag");
    kubernetes_configuration_free(configuration);
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_server_names_and_inline_data),
        cmocka_unit_test(paths_are_relative_to_the_file_that_names_them),
        cmocka_unit_test(data_is_preferred_to_files_and_a_token_file_to_a_token),
        cmocka_unit_test(data_may_be_broken_into_lines),
        cmocka_unit_test(refuses_what_it_does_not_serve_and_says_which_field),
        cmocka_unit_test(never_repeats_a_secret_in_a_message),
        cmocka_unit_test(plain_http_with_a_token_is_for_this_machine_alone),
        cmocka_unit_test(names_contexts_clusters_and_users_that_are_missing),
        cmocka_unit_test(refuses_files_that_are_no_kubeconfig),
        cmocka_unit_test(merges_the_files_of_the_environment_first_one_first),
        cmocka_unit_test(takes_as_many_files_as_allowed_and_not_one_more),
        cmocka_unit_test(takes_a_file_at_the_limit_and_not_one_past_it),
        cmocka_unit_test(reads_the_account_of_a_pod),
        cmocka_unit_test(prefers_flag_then_environment_then_pod_then_home),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
