/* What the entries of a kubeconfig mean: one context, with its cluster and user, as a configuration. Internal
 * to kubernetes/; described in kubernetes/configuration.h.
 */
#pragma once

#include "kubernetes/configuration.h"
#include "kubernetes/kubeconfig_files.h"

/* `context` NULL or "": the current-context. The caller owns `*configuration`. */
bool kubeconfig_resolve(const struct kubeconfig_files *files, const char *context, struct error *error,
                        struct kubernetes_configuration **configuration) _warn_unused_result_;
