/* The real cluster of these tests: a client of it, namespaces of the test's own, its scripts. Everything
 * fails the test rather than return an error.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"

/* As a program's main does; a cmocka group setup. Fails without KUBECONFIG. */
int cluster_setup(void **state);
int cluster_teardown(void **state);

/* A client by $KUBECONFIG. */
struct kubernetes_client *cluster_client(void);

/* Makes a namespace with a name of its own; removed by cluster_namespace_remove. */
void cluster_namespace_make(struct kubernetes_client *client, char name[64]);
void cluster_namespace_remove(struct kubernetes_client *client, const char *name);

/* A ConfigMap with one label `test: yes` and one entry. The caller owns it. */
cJSON *cluster_config_map(const char *name, const char *value);

/* Creates such a ConfigMap. */
void cluster_config_map_make(struct kubernetes_client *client, const char *namespace_name, const char *name);

/* Waits until `is_true(context)` holds, at most 60 seconds; false when it never did. */
bool cluster_eventually(bool (*is_true)(void *context), void *context);

/* Runs one of the scripts that act on the cluster ("stop-apiserver"); its only option ("--kill") may be NULL.
 */
void cluster_script(const char *script, const char *option);
