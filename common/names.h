/* Names that the driver and the webhook must agree on. Source: contract/decisions.md sections 1 to 3,
 * contract/supervised-pod.md H. Nothing but names lives here.
 */
#pragma once

#define LABEL_MANAGED_BY "openshell.ai/managed-by"
#define LABEL_MANAGED_BY_VALUE "openshell"
#define LABEL_SANDBOX_ID "openshell.ai/sandbox-id"
#define LABEL_SANDBOX_NAME "openshell.ai/sandbox-name"
#define LABEL_SANDBOX_WORKSPACE "openshell.ai/sandbox-workspace"
#define LABEL_GATEWAY_ID "openshell.ai/gateway-id"

/* Read by the gateway's authenticator: `.io`, unlike the labels. */
#define ANNOTATION_SANDBOX_ID "openshell.io/sandbox-id"

#define SANDBOX_SECRET_PREFIX "openshell-sandbox-"
#define SANDBOX_SECRET_TOKEN_KEY "sandbox.jwt"

#define CONTAINER_AGENT "agent"
#define CONTAINER_NETWORK "openshell-supervisor-network"

#define VOLUME_SUPERVISOR "openshell-supervisor-bin"
#define VOLUME_WORKSPACE "workspace"
#define WORKSPACE_MOUNT_PATH "/sandbox"

#define SUPERVISOR_MOUNT_PATH "/opt/openshell/bin"
#define SUPERVISOR_BINARY "openshell-sandbox"

#define WORKSPACE_DEFAULT "default"
