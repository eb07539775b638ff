/* The connection of a command to the cluster, with what a program owes libcurl around it.
 *
 * Not for: `serve`, which is a server and looks after that for its whole life.
 */
#pragma once

#include "kubernetes/client.h"

/* `kubeconfig` and `context`: as given, NULL: not given. Makes no connection. Fails as
 * kubernetes_configuration_load and kubernetes_client_new do. The caller owes cluster_client_close. */
bool cluster_client_open(const char *kubeconfig, const char *context, struct error *error,
                         struct kubernetes_client **client) _warn_unused_result_;

/* Accepts NULL. */
void cluster_client_close(struct kubernetes_client *client);
