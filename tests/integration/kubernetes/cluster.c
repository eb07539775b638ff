#include "tests/integration/kubernetes/cluster.h"

#include "kubernetes/objects.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

int cluster_setup(void **state)
{
    (void) state;
    if (!getenv("KUBECONFIG")) {
        print_error("KUBECONFIG is not set: run this by tests/integration/run\n");
        return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

int cluster_teardown(void **state)
{
    (void) state;
    curl_global_cleanup();
    return 0;
}

struct kubernetes_client *cluster_client(void)
{
    struct kubernetes_configuration *configuration = NULL;
    struct kubernetes_client *client = NULL;
    struct error error;
    if (!kubernetes_configuration_load(NULL, NULL, &error, &configuration) ||
        !kubernetes_client_new(configuration, NULL, &error, &client))
        fail_msg("%s", error.message);
    return client;
}

void cluster_namespace_make(struct kubernetes_client *client, char name[64])
{
    static unsigned number;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, 64, "test-%lx-%x-%u", (unsigned long) now.tv_sec, (unsigned) now.tv_nsec, number++);
    const struct kubernetes_target namespaces = {.resource = &kubernetes_namespaces};
    struct error error;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "metadata"), "name", name);
    if (!kubernetes_create(client, &namespaces, object, NULL, &error, NULL))
        fail_msg("%s", error.message);
    cJSON_Delete(object);
}

void cluster_namespace_remove(struct kubernetes_client *client, const char *name)
{
    const struct kubernetes_target target = {.resource = &kubernetes_namespaces, .name = name};
    struct error error;
    if (!kubernetes_delete(client, &target, NULL, NULL, &error))
        fail_msg("%s", error.message);
}

cJSON *cluster_config_map(const char *name, const char *value)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "apiVersion", "v1");
    cJSON_AddStringToObject(object, "kind", "ConfigMap");
    cJSON *metadata = cJSON_AddObjectToObject(object, "metadata");
    cJSON_AddStringToObject(metadata, "name", name);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(metadata, "labels"), "test", "yes");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "data"), "key", value);
    return object;
}

void cluster_config_map_make(struct kubernetes_client *client, const char *namespace_name, const char *name)
{
    const struct kubernetes_target target = {.resource = &kubernetes_config_maps,
                                             .namespace_name = namespace_name};
    struct error error;
    cJSON *object = cluster_config_map(name, "value");
    if (!kubernetes_create(client, &target, object, NULL, &error, NULL))
        fail_msg("%s", error.message);
    cJSON_Delete(object);
}

bool cluster_eventually(bool (*is_true)(void *context), void *context)
{
    for (unsigned waited_ms = 0; waited_ms < 60000; waited_ms += 20) {
        if (is_true(context))
            return true;
        cancellation_sleep(NULL, 20);
    }
    return false;
}

void cluster_script(const char *script, const char *option)
{
    const char *scripts = getenv("CLUSTER_SCRIPTS");
    char path[4096];
    if (!scripts)
        fail_msg("CLUSTER_SCRIPTS is not set: run this by tests/integration/run");
    snprintf(path, sizeof path, "%s/%s", scripts, script);
    pid_t process = fork();
    if (process == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execl(path, script, option, (char *) NULL);
        _exit(127);
    }
    int status = -1;
    assert_true(process > 0 && waitpid(process, &status, 0) == process);
    assert_int_equal(status, 0);
}
