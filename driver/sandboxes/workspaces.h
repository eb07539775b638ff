/* Workspaces as namespaces: one for all (shared), one each that the driver makes and removes (managed), or
 * one each that an operator provides (operator). contract/gateway-driver.md C.1, supervised-pod.md H.7.
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

/* Sees to it that sandboxes of this workspace can be made. Idempotent. ERROR_INVALID: no workspace's name;
 * ERROR_FAILED_PRECONDITION: the namespace is somebody else's, is being deleted, or is not allowed. */
bool workspace_ensure(struct sandboxes *sandboxes, const char *workspace,
                      struct error *error) _warn_unused_result_;

/* Removes what workspace_ensure made; does nothing but in managed mode. Idempotent; returns when the API
 * server has accepted it. */
bool workspace_delete(struct sandboxes *sandboxes, const char *workspace,
                      struct error *error) _warn_unused_result_;
